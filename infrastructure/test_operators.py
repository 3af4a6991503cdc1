"""Checks of the policies that the template has for operators.

Run by `python -m unittest discover -s infrastructure`.
"""

import unittest

from template_case import Template, listed

# All actions of operators' policies.
OPERATOR_ACTIONS = {
    "OperatorReadPolicy": {
        "lambda:GetFunctionConfiguration",
        "lambda:ListEventSourceMappings",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
        "sqs:ChangeMessageVisibility",
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
    },
    "OperatorActPolicy": {
        "sqs:SendMessage",
        "sqs:DeleteMessage",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "lambda:UpdateEventSourceMapping",
    },
}


class Operators(Template):
    def test_an_operator_who_looks_writes_nothing_and_one_who_acts_reads_no_more(self):
        policies = self.of_type("AWS::IAM::ManagedPolicy")
        for name, allowed in OPERATOR_ACTIONS.items():
            actions = {action for _, it in self.statements(name) for action in listed(it["Action"])}
            self.assertEqual({it for it in actions if not it.startswith("kms:")}, allowed, name)
            # Who gets a policy is the account's own decision.
            self.assertFalse({"Roles", "Users", "Groups", "ManagedPolicyName"} & set(policies[name]["Properties"]))
        reading = {it for _, at in self.statements("OperatorReadPolicy") for it in listed(at["Action"])}
        self.assertEqual({it for it in reading if it.startswith("kms:")}, {"kms:Decrypt"})

    def test_an_operator_reaches_the_event_queue_only_to_redrive(self):
        on_queue = {
            action
            for name in OPERATOR_ACTIONS
            for _, it in self.statements(name)
            if {"Fn::GetAtt": ["EventQueue", "Arn"]} in listed(it["Resource"])
            for action in listed(it["Action"])
        }
        self.assertEqual(on_queue, {"sqs:GetQueueAttributes", "sqs:SendMessage"})

    def test_an_operator_counts_thin_events_and_does_no_more_with_them(self):
        thin = {"Fn::If": ["HasStripeKey", {"Fn::GetAtt": ["ThinQueue", "Arn"]}, {"Ref": "AWS::NoValue"}]}
        actions = {
            action
            for name in OPERATOR_ACTIONS
            for _, it in self.statements(name)
            if thin in listed(it["Resource"])
            for action in listed(it["Action"])
        }
        self.assertEqual(actions, {"sqs:GetQueueAttributes"})


if __name__ == "__main__":
    unittest.main()
