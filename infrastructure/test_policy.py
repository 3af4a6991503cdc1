"""What no deployment may lack, asserted over the template: an emulator ignores most of it without a word.

Run by `python -m unittest discover -s infrastructure`.
"""

import json
import pathlib
import re
import unittest

from cfnlint.decode import cfn_yaml

HERE = pathlib.Path(__file__).resolve().parent
TEMPLATE = HERE / "template.yaml"
README = HERE / "README.md"
LIMITS = HERE.parent / "core/src/limits.rs"
CODES = HERE.parent / "core/src/codes.rs"
FUNCTIONS = ("Ingest", "Worker", "NotifierStream", "NotifierGateway", "Session", "Expiry")

# The rules of the deployment, which four functions decide by.
RULES = {"ROLES", "PLANS", "LIVEMODE", "PAST_DUE", "GRACE_DAYS", "UNMAPPED_PRICE"}
TOKENS = {"JWT_SECRET_ARN", "JWKS_URL"}
VARIABLES = {
    "Ingest": {"QUEUE_URL"},
    "Worker": {"TABLE", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL"} | RULES,
    "NotifierStream": {"TABLE", "CONNECTIONS_ENDPOINT"},
    "NotifierGateway": {"TABLE", "CONNECTIONS_ENDPOINT", "ALLOWED_ORIGINS"} | TOKENS | RULES,
    "Session": {"TABLE"} | TOKENS | RULES,
    "Expiry": {"TABLE"} | RULES,
}

# Actions by function, and nothing else.
MAY = {
    "Ingest": {"sqs:SendMessage"},
    "Worker": {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:ChangeMessageVisibility",
        "sqs:GetQueueAttributes",
        "sqs:SendMessage",
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
    },
    "NotifierStream": {
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:DescribeStream",
        "dynamodb:ListStreams",
        "dynamodb:Query",
        "dynamodb:DeleteItem",
        "execute-api:ManageConnections",
        "sqs:SendMessage",
    },
    "NotifierGateway": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
        "dynamodb:Query",
        "execute-api:ManageConnections",
    },
    "Session": {"dynamodb:GetItem"},
    "Expiry": {"dynamodb:Query", "dynamodb:GetItem", "dynamodb:PutItem"},
}
READS_SECRETS = {"Ingest", "NotifierGateway", "Session"}

# The resources with a star, by policy and statement, each with its reason.
STARS = {
    ("Key", "Account"): "a key's policy speaks of the key it is on",
    ("Key", "Logs"): "the same",
    ("Key", "Alarms"): "the same",
    ("NotifierStreamRole", "Streams"): "ListStreams takes no narrower resource and shows names alone",
    ("NotifierStreamRole", "Push"): "connection ids are made when a socket opens",
    ("NotifierGatewayRole", "Push"): "the same",
}
# The actions with a star.
STAR_ACTIONS = {("Key", "Account"): "without its account a key could be locked for good"}


def listed(value):
    return value if isinstance(value, list) else [value]


def branches(value):
    """A value, or what it may be where a condition decides."""
    if isinstance(value, dict) and "Fn::If" in value:
        return [leaf for branch in value["Fn::If"][1:] for leaf in branches(branch)]
    return [] if value == {"Ref": "AWS::NoValue"} else [value]


def limit(name):
    """A number of core/src/limits.rs."""
    (value,) = re.findall(rf"pub const {name}: \w+ = ([\d_]+);", LIMITS.read_text())
    return int(value)


class Template(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.template = cfn_yaml.load(str(TEMPLATE))
        cls.resources = cls.template["Resources"]

    def of_type(self, kind):
        found = {name: it for name, it in self.resources.items() if it["Type"] == kind}
        self.assertTrue(found, kind)
        return found

    def properties(self, name):
        return self.resources[name]["Properties"]

    def policies(self):
        """Every policy document, with the resource that has it."""
        for name, resource in self.resources.items():
            properties = resource.get("Properties", {})
            for policy in properties.get("Policies", []):
                yield name, policy["PolicyDocument"]
            for key in ("KeyPolicy", "PolicyDocument"):
                if key in properties:
                    yield name, properties[key]

    def statements(self, owner=None):
        for name, policy in self.policies():
            for statement in policy["Statement"]:
                for leaf in branches(statement) if owner in (None, name) else []:
                    yield name, leaf


class Permissions(Template):
    def test_an_action_has_no_star(self):
        seen = set()
        for name, statement in self.statements():
            if any("*" in action for action in listed(statement["Action"])):
                self.assertIn((name, statement["Sid"]), STAR_ACTIONS)
                seen.add((name, statement["Sid"]))
        self.assertEqual(seen, set(STAR_ACTIONS))

    def test_a_resource_has_no_star(self):
        seen = set()
        for name, statement in self.statements():
            if "*" in json.dumps(statement["Resource"]):
                self.assertIn((name, statement["Sid"]), STARS)
                seen.add((name, statement["Sid"]))
        self.assertEqual(seen, set(STARS))

    def test_a_policy_only_allows_and_names_what(self):
        for name, statement in self.statements():
            self.assertEqual(statement["Effect"], "Allow", name)
            self.assertFalse({"NotAction", "NotResource", "NotPrincipal"} & set(statement), name)

    def test_each_function_has_a_role_of_its_own(self):
        self.assertEqual(set(self.of_type("AWS::Lambda::Function")), set(FUNCTIONS))
        for function in FUNCTIONS:
            self.assertEqual(self.properties(function)["Role"], {"Fn::GetAtt": [f"{function}Role", "Arn"]})
            role = self.properties(f"{function}Role")
            self.assertNotIn("ManagedPolicyArns", role)
            trust = role["AssumeRolePolicyDocument"]["Statement"]
            self.assertEqual([it["Principal"] for it in trust], [{"Service": "lambda.amazonaws.com"}])

    def test_a_function_may_do_what_it_does_and_no_more(self):
        common = {"logs:CreateLogStream", "logs:PutLogEvents"}
        secrets = {"secretsmanager:GetSecretValue", "ssm:GetParameter"}
        for function in FUNCTIONS:
            actions = {
                action
                for _, statement in self.statements(f"{function}Role")
                for action in listed(statement["Action"])
                if not action.startswith("kms:")
            }
            reads = secrets if function in READS_SECRETS else set()
            self.assertEqual(actions, MAY[function] | common | reads, function)

    def test_items_are_limited_by_their_keys(self):
        items = {"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"}
        for name, statement in self.statements():
            if items & {action.partition(":")[2] for action in listed(statement["Action"])}:
                keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                self.assertTrue(all(key.endswith("#*") and len(key) > 2 for key in keys), name)

    def test_the_key_is_used_through_a_service_alone(self):
        for name, statement in self.statements():
            if any(action.startswith("kms:") for action in listed(statement["Action"])) and name != "Key":
                self.assertTrue(statement["Condition"]["StringEquals"]["kms:ViaService"], name)

    def test_a_route_may_call_its_function_and_nothing_else_may(self):
        gateway = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
        served = {"IngestIntegration": "Ingest", "SessionIntegration": "Session"}
        wanted = {
            ("NotifierGateway", gateway + "${WebSocketApi}/${StageName}/*"),
            ("Expiry", "ExpirySchedule.Arn"),
        }
        for route in self.of_type("AWS::ApiGatewayV2::Route").values():
            if route["Properties"]["ApiId"] == {"Ref": "HttpApi"}:
                method, path = route["Properties"]["RouteKey"].split()
                target = re.search(r"\$\{(\w+)\}", route["Properties"]["Target"]["Fn::Sub"])[1]
                wanted.add((served[target], f"{gateway}${{HttpApi}}/*/{method}{path}"))
        allowed = set()
        for permission in self.of_type("AWS::Lambda::Permission").values():
            source = permission["Properties"]["SourceArn"]
            source = source.get("Fn::Sub") or ".".join(source["Fn::GetAtt"])
            allowed.add((permission["Properties"]["FunctionName"]["Ref"], source))
        self.assertEqual(allowed, wanted)

    def test_the_http_api_has_the_documented_routes(self):
        routes = {
            it["Properties"]["RouteKey"]: it["Properties"]["Target"]["Fn::Sub"]
            for it in self.of_type("AWS::ApiGatewayV2::Route").values()
            if it["Properties"]["ApiId"] == {"Ref": "HttpApi"}
        }
        (pages,) = re.findall(r'pub const PAGES_PATH: &str = "(.*)";', CODES.read_text())
        session = "integrations/${SessionIntegration}"
        wanted = {
            "POST /webhooks/stripe": "integrations/${IngestIntegration}",
            "GET /session": session,
            "POST /session/refresh": session,
            f"GET {pages}{{code}}": session,
        }
        self.assertEqual(routes, wanted)


class Functions(Template):
    def test_the_environment_is_the_one_that_the_functions_read(self):
        for function in FUNCTIONS:
            names = {f"TIERLIFT_{name}" for name in VARIABLES[function]} | {"AWS_ENDPOINT_URL"}
            if function == "Ingest":
                names.add("STRIPE_WEBHOOK_SECRET_ARN")
            self.assertEqual(set(self.properties(function)["Environment"]["Variables"]), names, function)

    def test_no_secret_stands_in_an_environment(self):
        for function in FUNCTIONS:
            for name, value in self.properties(function)["Environment"]["Variables"].items():
                self.assertNotIn("resolve:", json.dumps(value))
                self.assertTrue("SECRET" not in name or name.endswith("_ARN"), name)

    def test_an_emulator_is_never_named_on_aws(self):
        for function in FUNCTIONS:
            endpoint = self.properties(function)["Environment"]["Variables"]["AWS_ENDPOINT_URL"]
            self.assertEqual(endpoint["Fn::If"][:2], ["OnAws", {"Ref": "AWS::NoValue"}])

    def test_a_message_stays_hidden_for_six_timeouts(self):
        timeout = self.properties("Worker")["Timeout"]
        hidden = self.properties("EventQueue")["VisibilityTimeout"]
        self.assertEqual(hidden, 6 * timeout)
        self.assertEqual(hidden, limit("VISIBILITY_TIMEOUT_SECS"))

    def test_the_redrive_count_covers_whole_batches(self):
        batch = self.properties("WorkerEvents")["BatchSize"]
        received = self.properties("EventQueue")["RedrivePolicy"]["maxReceiveCount"]
        self.assertEqual((batch, received), (limit("SQS_BATCH_MAX"), limit("ATTEMPTS_MAX") * batch))

    def test_a_function_outlives_its_calls(self):
        for function in FUNCTIONS:
            timeout_ms = 1000 * self.properties(function)["Timeout"]
            self.assertGreaterEqual(timeout_ms, 2 * limit("AWS_CALL_TIMEOUT_MS"), function)

    def test_an_api_waits_longer_than_its_function_may_take(self):
        pairs = {"IngestIntegration": "Ingest", "SessionIntegration": "Session"}
        for integration, function in {**pairs, "WebSocketIntegration": "NotifierGateway"}.items():
            wait_ms = self.properties(integration)["TimeoutInMillis"]
            self.assertGreater(wait_ms, 1000 * self.properties(function)["Timeout"])
            self.assertLess(wait_ms, 29_000)

    def test_upkeep_ends_before_it_starts_again(self):
        self.assertEqual(self.properties("ExpirySchedule")["ScheduleExpression"], "rate(1 minute)")
        self.assertLess(self.properties("Expiry")["Timeout"], 60)

    def test_sources_report_single_failures_and_give_up_into_a_queue(self):
        for name, source in self.of_type("AWS::Lambda::EventSourceMapping").items():
            self.assertEqual(source["Properties"]["FunctionResponseTypes"], ["ReportBatchItemFailures"], name)
        stream = self.properties("NotifierStreamChanges")
        self.assertTrue(stream["BisectBatchOnFunctionError"])
        self.assertGreater(stream["MaximumRetryAttempts"], 0)
        self.assertGreater(stream["MaximumRecordAgeInSeconds"], 0)
        failures = {"Fn::GetAtt": ["NotifierFailureQueue", "Arn"]}
        self.assertEqual(stream["DestinationConfig"]["OnFailure"]["Destination"], failures)

    def test_the_stream_starts_the_notifier_for_role_changes_alone(self):
        (only,) = self.properties("NotifierStreamChanges")["FilterCriteria"]["Filters"]
        image = {"NewImage": {"change": {"S": [{"exists": True}]}}}
        self.assertEqual(json.loads(only["Pattern"]), {"eventName": ["INSERT", "MODIFY"], "dynamodb": image})

    def test_the_route_that_answers_has_a_response(self):
        answering = {"SyncRoute", "PingRoute", "DefaultRoute"}
        responses = self.of_type("AWS::ApiGatewayV2::RouteResponse").values()
        self.assertEqual({it["Properties"]["RouteId"]["Ref"] for it in responses}, answering)
        for route in answering:
            self.assertEqual(self.properties(route)["RouteResponseSelectionExpression"], "$default")


class Storage(Template):
    def test_the_table_keeps_and_forgets_what_it_should(self):
        table = self.resources["Table"]
        self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
        properties = table["Properties"]
        self.assertIs(properties["DeletionProtectionEnabled"], True)
        self.assertIs(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
        self.assertEqual(properties["TimeToLiveSpecification"], {"Enabled": True, "AttributeName": "ttl"})
        self.assertEqual(properties["SSESpecification"]["SSEType"], "KMS")
        self.assertEqual(properties["StreamSpecification"], {"StreamViewType": "NEW_IMAGE"})

    def test_a_mode_has_a_table_of_its_own(self):
        name, values = self.properties("Table")["TableName"]["Fn::Sub"]
        self.assertIn("${Mode}", name)
        self.assertEqual(values["Mode"], {"Fn::If": ["Live", "live", "test"]})

    def test_what_cannot_be_made_again_stays_when_the_stack_goes(self):
        for name in ("Key", "WebhookSecret", "JwtSecret"):
            policies = (self.resources[name]["DeletionPolicy"], self.resources[name]["UpdateReplacePolicy"])
            self.assertEqual(policies, ("RetainExceptOnCreate", "Retain"), name)

    def test_everything_at_rest_is_encrypted_with_the_stacks_key(self):
        key = {"Fn::GetAtt": ["Key", "Arn"]}
        self.assertIs(self.properties("Key")["EnableKeyRotation"], True)
        self.assertEqual(self.properties("Table")["SSESpecification"]["KMSMasterKeyId"], key)
        for kind, name_of_key in {
            "AWS::SQS::Queue": "KmsMasterKeyId",
            "AWS::SNS::Topic": "KmsMasterKeyId",
            "AWS::Logs::LogGroup": "KmsKeyId",
            "AWS::SecretsManager::Secret": "KmsKeyId",
        }.items():
            for name, resource in self.of_type(kind).items():
                self.assertEqual(resource["Properties"].get(name_of_key), key, name)

    def test_a_made_secret_is_random(self):
        for name, secret in self.of_type("AWS::SecretsManager::Secret").items():
            self.assertNotIn("SecretString", secret["Properties"], name)
            self.assertGreaterEqual(secret["Properties"]["GenerateSecretString"]["PasswordLength"], 32)

    def test_dead_letters_come_from_the_queue_alone(self):
        allowed = self.properties("DeadLetterQueue")["RedriveAllowPolicy"]
        self.assertEqual(allowed["redrivePermission"], "byQueue")
        (source,) = allowed["sourceQueueArns"]
        self.assertTrue(source["Fn::Sub"].endswith(":" + self.properties("EventQueue")["QueueName"]["Fn::Sub"]))
        for queue in ("EventQueue", "DeadLetterQueue", "NotifierFailureQueue"):
            self.assertEqual(self.properties(queue)["MessageRetentionPeriod"], 14 * 24 * 3600, queue)

    def test_logs_end(self):
        groups = self.of_type("AWS::Logs::LogGroup")
        for name, group in groups.items():
            self.assertEqual(group["Properties"]["RetentionInDays"], {"Ref": "LogRetentionDays"}, name)
        for function in FUNCTIONS:
            logging = self.properties(function)["LoggingConfig"]
            self.assertEqual((logging["LogFormat"], logging["LogGroup"]), ("JSON", {"Ref": f"{function}Log"}))


class Alarms(Template):
    def test_everything_that_should_wake_somebody_does(self):
        alarms = {
            (it["Properties"]["MetricName"], json.dumps(it["Properties"].get("Dimensions", []), sort_keys=True))
            for it in self.of_type("AWS::CloudWatch::Alarm").values()
        }

        def dimension(name, value):
            return json.dumps([{"Name": name, "Value": value}], sort_keys=True)

        def queue(name):
            return dimension("QueueName", {"Fn::GetAtt": [name, "QueueName"]})

        wanted = {
            ("ApproximateNumberOfMessagesVisible", queue("DeadLetterQueue")),
            ("ApproximateNumberOfMessagesVisible", queue("NotifierFailureQueue")),
            ("ApproximateAgeOfOldestMessage", queue("EventQueue")),
            ("IteratorAge", dimension("FunctionName", {"Ref": "NotifierStream"})),
            *((f"Webhooks{what}", "[]") for what in ("Accepted", "Refused", "Failed")),
        }
        for function in FUNCTIONS:
            of = dimension("FunctionName", {"Ref": function})
            wanted |= {("Errors", of), ("Throttles", of)}
        self.assertEqual(alarms, wanted)

    def test_an_alarm_tells_the_topic_and_what_it_means(self):
        for name, alarm in self.of_type("AWS::CloudWatch::Alarm").items():
            self.assertEqual(alarm["Properties"]["AlarmActions"], [{"Ref": "AlarmTopic"}], name)
            self.assertGreater(len(alarm["Properties"]["AlarmDescription"]), 20, name)

    def test_a_counted_webhook_is_one_of_the_access_log(self):
        log = self.properties("HttpStage")["AccessLogSettings"]["Format"]
        # What API Gateway puts in: a number for the status, text for the rest.
        entry = json.loads(log.replace("$context.status", "200"))
        self.assertEqual((entry["status"], entry["route"]), (200, "$context.routeKey"))
        for name, counted in self.of_type("AWS::Logs::MetricFilter").items():
            self.assertEqual(counted["Properties"]["LogGroupName"], {"Ref": "HttpLog"}, name)
            self.assertIn('$.route = "POST /webhooks/stripe"', counted["Properties"]["FilterPattern"], name)

    def test_the_dashboard_is_json(self):
        body, names = self.properties("Dashboard")["DashboardBody"]["Fn::Sub"]
        widgets = json.loads(body.replace("${Search}", names["Search"]))["widgets"]
        self.assertGreater(len(widgets), 8)


class Parameters(Template):
    def test_the_readme_lists_them_with_their_defaults(self):
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \| ", README.read_text(), re.MULTILINE)
        defaults = {
            name: f"`{it['Default']}`" if it.get("Default", "") != "" else "needed" if "Default" not in it else "none"
            for name, it in self.template["Parameters"].items()
            if name != "EmulatorEndpoint"
        }
        self.assertEqual(dict(rows), defaults)

    def test_each_is_described_limited_and_grouped(self):
        groups = self.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        grouped = [name for group in groups for name in group["Parameters"]]
        self.assertEqual(sorted(grouped), sorted(self.template["Parameters"]))
        for name, parameter in self.template["Parameters"].items():
            self.assertIn("Description", parameter, name)
            self.assertTrue({"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), name)

    def test_grace_is_what_the_core_allows(self):
        self.assertEqual(self.template["Parameters"]["GraceDays"]["MaxValue"], limit("GRACE_DAYS_MAX"))


if __name__ == "__main__":
    unittest.main()
