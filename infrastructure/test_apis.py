"""The two APIs: their parts in order, their throttles, and names of one's own."""

import json
import unittest

from cfnlint.decode import cfn_yaml

from template_case import HERE, Template

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

    def test_each_route_for_backends_and_proxies_has_its_throttle(self):
        settings = self.properties("HttpStage")["RouteSettings"]
        routes = {it["Properties"]["RouteKey"] for it in self.template["Resources"].values() if it["Type"] == "AWS::ApiGatewayV2::Route"}
        guarded = {route for route in routes if route.partition(" ")[2].startswith(("/v1/", "/authorize"))}
        self.assertGreaterEqual(len(guarded), 6)
        for route in guarded:
            expected = {"Ref": "ServiceRequestsPerSecond"}
            self.assertEqual(settings.get(route), {"ThrottlingRateLimit": expected, "ThrottlingBurstLimit": expected}, route)
        self.assertLessEqual(set(settings), routes)

    def test_the_defaults_fit_a_small_region(self):
        # 2,500 requests per second with a burst of 1,250, for both APIs and all calls of @connections.
        names = ("WebhooksPerSecond", "RequestsPerSecond", "RequestsPerSecond", "ServiceRequestsPerSecond", "SocketsPerSecond")
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


class Edge(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.resources = cfn_yaml.load(str(HERE / "edge.yaml"))["Resources"]

    def test_nothing_is_cached_and_everything_passes_that_the_api_needs(self):
        distribution = self.resources["Distribution"]["Properties"]["DistributionConfig"]
        behavior = distribution["DefaultCacheBehavior"]
        # The managed policies CachingDisabled and AllViewerExceptHostHeader.
        policies = ("4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "b689b0a8-53d0-40ab-baf2-68738e2966ac")
        self.assertEqual((behavior["CachePolicyId"], behavior["OriginRequestPolicyId"]), policies)
        self.assertLessEqual({"GET", "POST", "OPTIONS"}, set(behavior["AllowedMethods"]))
        self.assertEqual(behavior["ViewerProtocolPolicy"], "https-only")
        self.assertEqual(distribution["WebACLId"], {"Fn::GetAtt": ["WebAcl", "Arn"]})

    def test_no_rule_looks_into_a_webhook(self):
        rules = self.resources["WebAcl"]["Properties"]["Rules"]
        groups = [it["Statement"]["ManagedRuleGroupStatement"] for it in rules if "ManagedRuleGroupStatement" in it.get("Statement", {})]
        self.assertTrue(groups)
        for group in groups:
            spared = group["ScopeDownStatement"]["NotStatement"]["Statement"]
            self.assertEqual(spared["ByteMatchStatement"]["SearchString"], "/webhooks/")
        self.assertNotIn("Body", json.dumps(rules))


if __name__ == "__main__":
    unittest.main()
