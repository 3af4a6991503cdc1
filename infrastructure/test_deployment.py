"""A deployment: checked before anything changes, with versions that can be shifted and turned back."""

import unittest

from template_case import OPTIONAL, SERVING, Template

FINGERPRINT = {"Fn::GetAtt": ["Checked", "Fingerprint"]}


class Deployments(Template):
    def test_every_parameter_is_part_of_the_fingerprint(self):
        given = [it["Ref"] for it in self.properties("Checked")["Parameters"]]
        self.assertEqual(sorted(given), sorted(set(self.template["Parameters"]) - {"EmulatorEndpoint"}))

    def test_nothing_that_serves_changes_before_the_check(self):
        for function in (*SERVING, *OPTIONAL):
            self.assertIn("Checked", self.needed(function), function)
        self.assertEqual(self.needed("Checked") & {*SERVING, *OPTIONAL}, set())
        self.assertNotIn("Table", self.needed("Checked"))

    def test_the_check_has_what_the_functions_have(self):
        checked = self.properties("Check")["Environment"]["Variables"]
        places = {f"TIERLIFT_{name}" for name in ("TABLE", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "THIN_QUEUE_URL", "CONNECTIONS_ENDPOINT")}
        for function in (*SERVING, *OPTIONAL):
            for name, value in self.properties(function)["Environment"]["Variables"].items():
                # Without a key there is no fetch, so it needs no condition there.
                if name not in places | {"TIERLIFT_DEPLOYMENT", "STRIPE_API_KEY_ARN"}:
                    self.assertEqual(checked.get(name), value, (function, name))
        self.assertIn("STRIPE_API_KEY_ARN", checked)

    def test_cloudformation_waits_longer_than_the_check_takes(self):
        self.assertGreater(self.properties("Checked")["ServiceTimeout"], self.properties("Check")["Timeout"])

    def test_each_deployment_has_versions_of_its_own(self):
        for function in SERVING:
            variables = self.properties(function)["Environment"]["Variables"]
            self.assertEqual(variables["TIERLIFT_DEPLOYMENT"], FINGERPRINT, function)
            version = self.properties(f"{function}Version")
            self.assertEqual(version, {"FunctionName": {"Ref": function}, "Description": FINGERPRINT})
            alias = self.properties(f"{function}Live")
            current = {"Fn::GetAtt": [f"{function}Version", "Version"]}
            self.assertEqual((alias["Name"], alias["FunctionVersion"]), ("live", current), function)

    def test_everything_calls_an_alias(self):
        callers = {
            "Ingest": self.properties("IngestIntegration")["IntegrationUri"],
            "Session": self.properties("SessionIntegration")["IntegrationUri"],
            "Worker": self.properties("WorkerEvents")["FunctionName"],
            "NotifierStream": self.properties("NotifierStreamChanges")["FunctionName"],
            "Expiry": self.properties("ExpirySchedule")["Targets"][0]["Arn"],
        }
        for function, called in callers.items():
            self.assertEqual(called, {"Ref": f"{function}Live"})
        self.assertIn("${NotifierGatewayLive}", self.properties("WebSocketIntegration")["IntegrationUri"]["Fn::Sub"])
        self.assertEqual(self.properties("ExpiryOnce")["Qualifier"], "live")

    def test_a_gradual_shift_is_turned_back_by_alarms(self):
        alarms = set(self.of_type("AWS::CloudWatch::Alarm"))
        for function in SERVING:
            shift = self.resources[f"{function}Live"]["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["Fn::If"]
            group = {"ApplicationName": {"Ref": "Shift"}, "DeploymentGroupName": {"Ref": f"{function}Shift"}}
            self.assertEqual(shift, ["Shifts", group, {"Ref": "AWS::NoValue"}])
            properties = self.properties(f"{function}Shift")
            watched = {it["Name"]["Ref"] for it in properties["AlarmConfiguration"]["Alarms"]}
            self.assertTrue(watched and watched <= alarms, function)
            self.assertIs(properties["AlarmConfiguration"]["Enabled"], True)
            self.assertIn("DEPLOYMENT_STOP_ON_ALARM", properties["AutoRollbackConfiguration"]["Events"])


if __name__ == "__main__":
    unittest.main()
