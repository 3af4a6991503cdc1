"""What a stack has only where Stripe is asked, or sends its events by EventBridge."""

import unittest

from template_case import Template, limit

# The functions that a stack has only with a parameter, and the condition of what belongs to them.
OPTIONAL = {"IngestEventBridge": "HasEventSource", "Fetch": "HasStripeKey", "Changes": "HasServiceTokens"}


class Stripe(Template):
    def test_without_a_key_or_an_event_source_there_is_nothing_of_their_functions(self):
        conditions = {name: it.get("Condition") for name, it in self.resources.items()}
        for function, condition in OPTIONAL.items():
            for name in [name for name in conditions if name.startswith(function)]:
                self.assertEqual(conditions[name], condition, name)
        for name in [name for name in conditions if "Partner" in name]:
            self.assertEqual(conditions[name], "HasEventSource", name)
        for name in ("DriftAlarm", "ThinQueue", "OldestThinEventAlarm", "ParkedByFetchCount"):
            self.assertEqual(conditions[name], "HasStripeKey", name)
        self.assertEqual(conditions["ThinBacklogAlarm"], "AsksStripeOnAws")

    def test_only_the_rule_of_stripes_event_source_writes_partner_events(self):
        (statement,) = [it for _, it in self.statements("PartnerEventQueuePolicy") if it["Effect"] == "Allow"]
        self.assertEqual(statement["Principal"], {"Service": "events.amazonaws.com"})
        rule = {"Fn::GetAtt": ["PartnerEventRule", "Arn"]}
        self.assertEqual(statement["Condition"], {"ArnEquals": {"aws:SourceArn": rule}})
        source = {"Ref": "StripeEventSource"}
        self.assertEqual(self.properties("PartnerEventBus"), {"Name": source, "EventSourceName": source})
        rule = self.properties("PartnerEventRule")
        self.assertEqual(rule["EventBusName"], {"Ref": "PartnerEventBus"})
        self.assertEqual(rule["EventPattern"], {"source": [{"prefix": "aws.partner/stripe.com"}]})
        (target,) = rule["Targets"]
        queues = [target["Arn"], target["DeadLetterConfig"]["Arn"]]
        self.assertEqual([queue["Fn::GetAtt"][0] for queue in queues], ["PartnerEventQueue", "PartnerDeadLetterQueue"])
        self.assertEqual(statement["Resource"], queues)

    def test_partner_events_outlive_an_outage_of_hours(self):
        queue = self.properties("PartnerEventQueue")
        self.assertEqual(queue["RedrivePolicy"]["maxReceiveCount"], limit("SQS_RECEIVES_MAX"))
        self.assertEqual(queue["VisibilityTimeout"], 6 * self.properties("IngestEventBridge")["Timeout"])
        for name in ("PartnerEventQueue", "PartnerDeadLetterQueue"):
            self.assertEqual(self.properties(name)["MessageRetentionPeriod"], 14 * 24 * 3600, name)
        (source,) = self.properties("PartnerDeadLetterQueue")["RedriveAllowPolicy"]["sourceQueueArns"]
        self.assertTrue(source["Fn::Sub"].endswith(":" + queue["QueueName"]["Fn::Sub"]))

    def test_drift_stays_in_alarm_until_a_reconciliation_finds_none(self):
        alarm = self.properties("DriftAlarm")
        self.assertEqual((alarm["Namespace"], alarm["Threshold"], alarm["TreatMissingData"]), ("tierlift", 0, "ignore"))


if __name__ == "__main__":
    unittest.main()
