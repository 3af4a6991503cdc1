"""The alarms, what they watch, and the dashboard."""

import json
import re
import unittest

from template_case import HERE, OPTIONAL, SERVING, Template, limit

PROTOCOL = HERE.parent / "docs/protocol.md"
COST = HERE.parent / "docs/cost.py"


# What else has an alarm when one of these fails: a 5xx or an integration error of its API, or the age of the stream.
COVERED = {"Ingest": "WebhooksFailed", "NotifierGateway": "IntegrationError", "NotifierStream": "IteratorAge", "Changes": "IteratorAge"}


# The conditions of alarms that a stack has only with a parameter.
ASKING = {"HasStripeKey", "AsksStripeOnAws"}
OFF_BY_DEFAULT = {"HasNoEventsAlarm", "HasEventSource", "HasServiceTokens", *ASKING}


def watched(alarm):
    """The metrics that an alarm looks at: its own, or those of its expression."""
    parts = [it["MetricStat"]["Metric"] for it in alarm.get("Metrics", []) if "MetricStat" in it]
    for part in parts or [alarm]:
        yield part["MetricName"], json.dumps(part.get("Dimensions", []), sort_keys=True)


class Alarms(Template):
    def test_every_alarm_is_there(self):
        alarms = [it["Properties"] for it in self.of_type("AWS::CloudWatch::Alarm").values()]
        alarms = {metric for alarm in alarms for metric in watched(alarm)}

        def dimension(name, value):
            return json.dumps([{"Name": name, "Value": value}], sort_keys=True)

        def queue(name):
            return dimension("QueueName", {"Fn::GetAtt": [name, "QueueName"]})

        expected = {
            ("ApproximateNumberOfMessagesVisible", queue("DeadLetterQueue")),
            ("ApproximateNumberOfMessagesVisible", queue("NotifierFailureQueue")),
            ("ApproximateAgeOfOldestMessage", queue("EventQueue")),
            ("ApproximateNumberOfMessagesVisible", queue("PartnerDeadLetterQueue")),
            ("ApproximateAgeOfOldestMessage", queue("PartnerEventQueue")),
            ("ApproximateAgeOfOldestMessage", queue("ThinQueue")),
            ("ApproximateNumberOfMessagesNotVisible", queue("ThinQueue")),
            ("NumberOfMessagesDeleted", queue("ThinQueue")),
            ("tierlift_reconcile_fixed", dimension("function", {"Ref": "Fetch"})),
            ("tierlift_waiting_oldest_age_seconds", dimension("function", {"Ref": "Expiry"})),
            *(("IteratorAge", dimension("FunctionName", {"Ref": it})) for it in ("NotifierStream", "Changes")),
            *((f"Webhooks{what}", "[]") for what in ("Accepted", "Refused", "Throttled", "Failed")),
            # Dead letters that arrive, besides those that are there.
            ("Parked", "[]"),
            # Events that are received again and again have no age.
            ("ApproximateNumberOfMessagesNotVisible", queue("EventQueue")),
            ("NumberOfMessagesDeleted", queue("EventQueue")),
            # A mapping that is disabled or has lost a right calls nobody, so nobody fails.
            ("Changed", "[]"),
            ("Invocations", dimension("FunctionName", {"Ref": "NotifierStream"})),
            # The same of the schedule.
            ("Invocations", dimension("FunctionName", {"Ref": "Expiry"})),
            # Of all functions of the account.
            ("Throttles", "[]"),
            ("WriteThrottleEvents", dimension("TableName", {"Fn::GetAtt": ["TableName", "Value"]})),
        }
        api = [{"Name": "ApiId", "Value": {"Ref": "WebSocketApi"}}, {"Name": "Stage", "Value": {"Ref": "StageName"}}]
        expected.add(("IntegrationError", json.dumps(api, sort_keys=True)))
        self.assertLessEqual(set(COVERED.values()), {name for name, _ in expected})
        for function in set((*SERVING, *OPTIONAL)) - set(COVERED):
            expected.add(("Errors", dimension("FunctionName", {"Ref": function})))
        self.assertEqual(alarms, expected)

    def test_the_cost_model_counts_the_metrics_of_the_alarms(self):
        # AWS charges an alarm for each metric that it looks at.
        alarms = self.of_type("AWS::CloudWatch::Alarm").values()
        counted = {
            "ALARM_METRICS": [it for it in alarms if it.get("Condition") not in OFF_BY_DEFAULT],
            "ASKING_ALARM_METRICS": [it for it in alarms if it.get("Condition") in ASKING],
        }
        for name, present in counted.items():
            metrics = sum(len(list(watched(alarm["Properties"]))) for alarm in present)
            (number,) = re.findall(rf"^{name} = (\d+)$", COST.read_text(), re.MULTILINE)
            self.assertEqual(int(number), metrics, name)

    def test_what_stands_still_alarms_without_data(self):
        stopped = self.properties("ExpiryStoppedAlarm")
        self.assertEqual((stopped["TreatMissingData"], stopped["ComparisonOperator"]), ("breaching", "LessThanThreshold"))

    def test_refusals_are_told_apart(self):
        filters = {
            it["Properties"]["MetricTransformations"][0]["MetricName"]: it["Properties"]["FilterPattern"]
            for it in self.of_type("AWS::Logs::MetricFilter").values()
        }
        statuses = {200: "WebhooksAccepted", 400: "WebhooksRefused", 401: "WebhooksRefused", 413: None, 429: "WebhooksThrottled", 503: "WebhooksFailed"}
        for status, expected in statuses.items():
            counted = [name for name, pattern in filters.items() if "$.route" in pattern and self.matches(pattern, status)]
            self.assertEqual(counted, [expected] if expected else [], status)

    def matches(self, pattern, status):
        """Whether a filter counts a status: all its comparisons of the status hold."""
        compare = {">=": int.__ge__, "<=": int.__le__, "=": int.__eq__}
        parts = re.findall(r"\$\.status (>=|<=|=) (\d+)", pattern)
        self.assertTrue(parts, pattern)
        return all(compare[operator](status, int(number)) for operator, number in parts)

    def test_an_alarm_notifies_the_topic_and_has_a_description(self):
        for name, alarm in self.of_type("AWS::CloudWatch::Alarm").items():
            self.assertEqual(alarm["Properties"]["AlarmActions"], [{"Ref": "AlarmTopic"}], name)
            self.assertGreater(len(alarm["Properties"]["AlarmDescription"]), 20, name)

    def test_what_waits_alarms_when_it_is_logged(self):
        alarm = self.properties("WaitingAlarm")
        self.assertEqual((alarm["Namespace"], alarm["Threshold"]), ("tierlift", limit("WAITING_LOGGED_AFTER_SECS")))

    def test_webhooks_are_counted_in_the_access_log(self):
        log = self.properties("HttpStage")["AccessLogSettings"]["Format"]
        # API Gateway inserts a number for the status and text for the rest.
        entry = json.loads(log.replace("$context.status", "200"))
        self.assertEqual((entry["status"], entry["route"]), (200, "$context.routeKey"))
        for name, counted in self.of_type("AWS::Logs::MetricFilter").items():
            if counted["Properties"]["LogGroupName"] == {"Ref": "HttpLog"}:
                self.assertIn('$.route = "POST /webhooks/stripe"', counted["Properties"]["FilterPattern"], name)
            else:
                # A line in which the worker or fetch writes its metrics: docs/protocol.md has their names.
                log = "FetchLog" if counted.get("Condition") == "HasStripeKey" else "WorkerLog"
                self.assertEqual(counted["Properties"]["LogGroupName"], {"Ref": log}, name)
                metric = re.search(r"\$\.(\w+)", counted["Properties"]["FilterPattern"])[1]
                self.assertIn(f"`{metric}`", PROTOCOL.read_text(), name)

    def test_the_dashboard_is_json(self):
        body, names = self.properties("Board")["DashboardBody"]["Fn::Sub"]
        widgets = json.loads(body.replace("${Search}", names["Search"]))["widgets"]
        self.assertGreater(len(widgets), 8)


class Budgets(Template):
    def test_a_budget_warns_before_it_is_spent_and_needs_an_address(self):
        budget = self.properties("Budget")
        self.assertEqual(self.resources["Budget"]["Condition"], "HasBudget")
        self.assertEqual(self.template["Parameters"]["MonthlyBudget"]["Default"], 0)
        limit = {"Amount": {"Ref": "MonthlyBudget"}, "Unit": "USD"}
        given = (budget["Budget"]["BudgetType"], budget["Budget"]["TimeUnit"], budget["Budget"]["BudgetLimit"])
        self.assertEqual(given, ("COST", "MONTHLY", limit))
        address = [{"SubscriptionType": "EMAIL", "Address": {"Ref": "AlarmEmail"}}]
        warnings = budget["NotificationsWithSubscribers"]
        self.assertTrue(all(it["Subscribers"] == address for it in warnings))
        thresholds = {(it["Notification"]["NotificationType"], it["Notification"]["Threshold"]) for it in warnings}
        self.assertEqual(thresholds, {("ACTUAL", 80), ("FORECASTED", 100)})
        rule = self.template["Rules"]["BudgetHasItsAddress"]["Assertions"][0]["Assert"]
        self.assertEqual(rule, {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmEmail"}, ""]}]})


if __name__ == "__main__":
    unittest.main()
