"""Tests of stripe_objects.py, on classes that have the shape of Stripe's SDK."""

import unittest

from stripe_objects import Sdk

SOURCE = '''
class Subscription:
    OBJECT_NAME: ClassVar[Literal["subscription"]] = "subscription"
    class Pause:
        behavior: Union[Literal["keep", "void"], str]
        resumes_at: Optional[int]
    id: str
    object: Literal["subscription"]
    created: int
    livemode: bool
    customer: ExpandableField["Customer"]
    pause: Optional[Pause]
    metadata: UntypedStripeObject[str]
    items: ListObject["Item"]
    tags: Optional[List[str]]

class Customer:
    OBJECT_NAME: ClassVar[Literal["customer"]] = "customer"
    id: str
    object: Literal["customer"]
    deleted: Optional[Literal[True]]

class Item:
    OBJECT_NAME: ClassVar[Literal["subscription_item"]] = "subscription_item"
    id: str
    object: Literal["subscription_item"]
'''
ITEMS = {"object": "list", "data": [{"id": "si_1", "object": "subscription_item"}], "has_more": False, "url": "/v1/x"}


class Objects(unittest.TestCase):
    def check(self, fields, *problems):
        value = {"id": "sub_1", "object": "subscription", "created": 1, "livemode": False, **fields}
        self.assertEqual([it.split(":")[0] for it in Sdk([SOURCE]).problems(value)], list(problems), fields)

    def test_what_is_published_is_accepted(self):
        self.check({})
        self.check({"customer": "cus_1", "pause": None, "metadata": {"a": "b"}, "items": ITEMS, "tags": ["x"]})
        self.check({"customer": {"id": "cus_1", "object": "customer", "deleted": True}})
        self.check({"pause": {"behavior": "void", "resumes_at": None}, "items": {**ITEMS, "total_count": 1}})

    def test_what_is_not_is_named(self):
        self.check({"plan": None}, "subscription.plan")
        self.check({"created": "1"}, "subscription.created")
        self.check({"created": True}, "subscription.created")
        self.check({"livemode": None}, "subscription.livemode")
        self.check({"customer": 7}, "subscription.customer")
        self.check({"customer": {"id": 7, "object": "customer"}}, "subscription.customer.id")
        self.check({"pause": {"behavior": "stop"}}, "subscription.pause.behavior")
        self.check({"pause": {"until": 1}}, "subscription.pause.until")
        self.check({"metadata": {"a": 1}}, "subscription.metadata.a")
        self.check({"items": [ITEMS]}, "subscription.items")
        self.check({"items": {**ITEMS, "count": 1}}, "subscription.items.count")
        self.check({"items": {**ITEMS, "data": [{"sku": "x"}]}}, "subscription.items[].sku")
        self.check({"tags": ["x", 1]}, "subscription.tags[]")

    def test_an_sdk_without_subscriptions_cannot_be_read(self):
        with self.assertRaises(ValueError):
            Sdk(["class Other:\n    id: str\n"])


if __name__ == "__main__":
    unittest.main()
