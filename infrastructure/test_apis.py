"""The two APIs: their parts in order, their throttles, and names of one's own."""

import unittest

from template_case import Template

PARTS = ("Integration", "Route", "RouteResponse", "Stage")


class Apis(Template):
    def parts(self, api):
        """What is created in an API."""
        kinds = {f"AWS::ApiGatewayV2::{part}" for part in PARTS}
        return [
            name
            for name, it in self.resources.items()
            if it["Type"] in kinds and it["Properties"]["ApiId"] == {"Ref": api}
        ]

    def test_the_parts_of_an_api_are_created_one_after_another(self):
        # API Gateway refuses a change while it makes another one, and CloudFormation makes independent ones at once.
        for api, stage in (("HttpApi", "HttpStage"), ("WebSocketApi", "WebSocketStage")):
            parts = self.parts(api)
            before = {name: self.needed(name) & set(parts) for name in parts}
            ordered = sorted(parts, key=lambda name: len(before[name]))
            for index, name in enumerate(ordered):
                self.assertEqual(before[name], set(ordered[:index]), name)
            self.assertEqual(ordered[-1], stage)

    def test_webhooks_sockets_and_the_rest_have_throttles_of_their_own(self):
        for stage, route, parameter in (
            ("HttpStage", "POST /webhooks/stripe", "WebhooksPerSecond"),
            ("WebSocketStage", "$connect", "SocketsPerSecond"),
        ):
            settings = self.properties(stage)
            for limits, name in ((settings["DefaultRouteSettings"], "RequestsPerSecond"), (settings["RouteSettings"][route], parameter)):
                expected = {"ThrottlingRateLimit": {"Ref": name}, "ThrottlingBurstLimit": {"Ref": name}}
                self.assertEqual(limits, expected, stage)

    def test_the_defaults_fit_a_small_region(self):
        # 2,500 requests per second with a burst of 1,250, for both APIs and all calls of @connections.
        names = ("WebhooksPerSecond", "RequestsPerSecond", "RequestsPerSecond", "SocketsPerSecond")
        self.assertLess(sum(self.template["Parameters"][name]["Default"] for name in names), 1_250)

    def test_a_name_of_ones_own_leads_to_the_stage_without_a_path(self):
        for name, api, stage in (("HttpName", "HttpApi", "HttpStage"), ("WebSocketName", "WebSocketApi", "WebSocketStage")):
            mapping = {"ApiId": {"Ref": api}, "DomainName": {"Ref": name}, "Stage": {"Ref": stage}}
            self.assertEqual(self.properties(f"{name}Mapping"), mapping)
            (configuration,) = self.properties(name)["DomainNameConfigurations"]
            self.assertEqual(configuration["SecurityPolicy"], "TLS_1_2")
            self.assertEqual(self.properties(f"{name}Record")["AliasTarget"]["DNSName"], {"Fn::GetAtt": [name, "RegionalDomainName"]})

    def test_only_the_http_api_can_lose_the_generated_name(self):
        # The functions reach @connections at the generated name of the other one.
        self.assertIn("DisableExecuteApiEndpoint", self.properties("HttpApi"))
        self.assertNotIn("DisableExecuteApiEndpoint", self.properties("WebSocketApi"))

    def test_a_new_account_has_instances_left_for_webhooks(self):
        # Ten in all; a new table has about four shards, with one notifier each; one instance for what the clock does.
        defaults = {name: it.get("Default") for name, it in self.template["Parameters"].items()}
        used = defaults["WorkerConcurrency"] + 4 * defaults["NotifierLanes"] + 1
        self.assertLessEqual(used, 7)


if __name__ == "__main__":
    unittest.main()
