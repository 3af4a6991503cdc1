"""Applies queued events: loads, decides, and commits customer, account and ledger together.

Its order is weaker than tierlift's: of two events of one second the later to arrive wins.
"""

import json
import os
import time

import boto3

dynamodb = boto3.client("dynamodb")
table = os.environ["TIERLIFT_TABLE"]
plans = dict(plan.split("=") for plan in os.environ["TIERLIFT_PLANS"].split(","))
LEDGER_SECS = 90 * 24 * 3600


def load(keys):
    answer = dynamodb.batch_get_item(
        RequestItems={table: {"Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True}}
    )
    return {item["pk"]["S"]: item for item in answer["Responses"].get(table, [])}


def number(item, name):
    return int(item[name]["N"]) if item else 0


def put(item, before):
    """Writes an item if it is still the one that was read."""
    action = {"TableName": table, "Item": item}
    if before is None:
        action["ConditionExpression"] = "attribute_not_exists(pk)"
    else:
        action["ConditionExpression"] = "version = :version"
        action["ExpressionAttributeValues"] = {":version": before["version"]}
    return {"Put": action}


def apply(event):
    subscription = event["data"]["object"]
    user = subscription["metadata"]["user_id"]
    keys = [f"EVENT#{event['id']}", f"CUSTOMER#{subscription['customer']}", f"USER#{user}"]
    found = load(keys)
    ledger, customer, account = (found.get(key) for key in keys)
    if ledger or number(customer, "created") > event["created"]:
        return
    price = subscription["items"]["data"][0]["price"]["id"]
    active = subscription["status"] in ("active", "trialing")
    role = plans[price] if active else "free"
    before = account["role"]["S"] if account else "free"
    expires = subscription["items"]["data"][0]["current_period_end"]
    now = int(time.time())
    account_item = {
        "pk": {"S": keys[2]},
        "role": {"S": role},
        "revocation_id": {"N": str(number(account, "revocation_id") + (role != before))},
        "expires_at": {"N": str(expires)},
        "version": {"N": str(number(account, "version") + 1)},
    }
    if role != before:
        change = {"user": user, "role": role, "previousRole": before, "eventId": event["id"]}
        account_item["change"] = {"S": json.dumps(change)}
    customer_item = {
        "pk": {"S": keys[1]},
        "user": {"S": user},
        "subscription": {"S": json.dumps({"id": subscription["id"], "status": subscription["status"]})},
        "created": {"N": str(event["created"])},
        "version": {"N": str(number(customer, "version") + 1)},
    }
    ledger_item = {
        "pk": {"S": keys[0]},
        "type": {"S": event["type"]},
        "from_role": {"S": before},
        "to_role": {"S": role},
        "ttl": {"N": str(now + LEDGER_SECS)},
    }
    dynamodb.transact_write_items(
        TransactItems=[
            put(ledger_item, None),
            put(customer_item, customer),
            put(account_item, account),
        ]
    )


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            apply(json.loads(record["body"]))
        except Exception:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
