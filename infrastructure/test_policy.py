"""Checks of the template for what every deployment needs and an emulator ignores.

Run by `python -m unittest discover -s infrastructure`.
"""

import json
import re
import unittest

from template_case import HERE, Template, branches, limit, listed

README = HERE / "README.md"
CODES = HERE.parent / "core/src/codes.rs"
SESSION_ROUTES = [f"GET {path}" for path in ("/session", "/authorize", "/openapi.json", "/v1/users/{id}")]
SESSION_ROUTES += [f"POST {path}" for path in ("/session/confirm", "/session/refresh", "/v1/users:batch", "/v1/tokens")]
FUNCTIONS = ("Ingest", "IngestEventBridge", "Worker", "NotifierStream", "NotifierGateway", "Session", "Expiry", "Fetch")
# The functions that a stack has only with that parameter, and what belongs to them.
OPTIONAL = {"IngestEventBridge": "HasEventSource", "Fetch": "HasStripeKey"}

# The policy of the deployment, which five functions use.
POLICY = {
    "ROLES",
    "PLANS",
    "FEATURES",
    "USER_ID_KEYS",
    "LIVEMODE",
    "PAST_DUE",
    "GRACE_DAYS",
    "UNMAPPED_PRICE",
    "IGNORE_PRICES",
    "PAUSE_COLLECTION",
    "REFUND",
    "DISPUTE",
    "PURCHASE_REFUND",
    "PURCHASE_DISPUTE",
    "PURCHASE_STACK",
}
STRIPE = {f"STRIPE_{name}" for name in ("API_BASE", "FETCH", "RECONCILE", "SHARE_PERCENT")}
TOKENS = {"JWT_SECRET_ARN", "JWKS_URL", "ISSUER", "AUDIENCE", "SESSION_MAX_AGE_DAYS"}
VARIABLES = {
    "Ingest": {"QUEUE_URL", "CONNECTED_ACCOUNTS"},
    "IngestEventBridge": {"QUEUE_URL", "CONNECTED_ACCOUNTS"},
    "Worker": {"TABLE", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL"} | POLICY,
    "NotifierStream": {"TABLE", "CONNECTIONS_ENDPOINT"},
    "NotifierGateway": {"TABLE", "CONNECTIONS_ENDPOINT", "ALLOWED_ORIGINS"} | TOKENS | POLICY,
    "Session": {"TABLE", "SERVICE_TOKENS_ARN", "AUTHORIZE_COOKIE"} | TOKENS | POLICY,
    "Expiry": {"TABLE"} | POLICY,
    "Fetch": {"TABLE", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL"} | STRIPE | POLICY,
}
# Variables that are not tierlift's own.
FOREIGN_VARIABLES = {"Ingest": {"STRIPE_WEBHOOK_SECRET_ARN"}, "Fetch": {"STRIPE_API_KEY_ARN"}}

# All actions that a function's role allows.
ALLOWED_ACTIONS = {
    "Ingest": {"sqs:SendMessage"},
    "IngestEventBridge": {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:SendMessage"},
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
        "dynamodb:GetItem",
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
    # A client that has seen more than a restored table begins a new epoch: an account and a ledger row.
    "Session": {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"},
    "Expiry": {
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
    },
    "Fetch": {
        "dynamodb:Query",
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "sqs:SendMessage",
        "sqs:ReceiveMessage",
        "sqs:ChangeMessageVisibility",
    },
}
READS_SECRETS = {"Ingest", "NotifierGateway", "Session", "Fetch"}
# The items of which a table has one each.
RECORDS = {"POLICY", "RECONCILIATION"}

# The resources with a wildcard, by policy and statement, each with its reason.
WILDCARD_RESOURCES = {
    ("Key", "Account"): "the resource of a key policy is always its key",
    ("Key", "Logs"): "the same",
    ("Key", "Alarms"): "the same",
    ("Key", "EventBridge"): "the same",
    ("NotifierStreamRole", "Streams"): "ListStreams takes no narrower resource and only lists names",
    ("NotifierStreamRole", "Push"): "connection ids are created when a socket opens",
    ("NotifierGatewayRole", "Push"): "the same",
}
# The actions with a wildcard.
WILDCARD_ACTIONS = {("Key", "Account"): "without this statement a key could become unmanageable"}

class Permissions(Template):
    def test_an_action_has_no_wildcard(self):
        seen = set()
        for name, statement in self.statements():
            if any("*" in action for action in listed(statement["Action"])):
                self.assertIn((name, statement["Sid"]), WILDCARD_ACTIONS)
                seen.add((name, statement["Sid"]))
        self.assertEqual(seen, set(WILDCARD_ACTIONS))

    def test_a_resource_has_no_wildcard(self):
        seen = set()
        for name, statement in self.statements():
            if "*" in json.dumps(statement["Resource"]):
                self.assertIn((name, statement["Sid"]), WILDCARD_RESOURCES)
                seen.add((name, statement["Sid"]))
        self.assertEqual(seen, set(WILDCARD_RESOURCES))

    def test_a_policy_only_allows_named_actions_and_resources(self):
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

    def test_a_role_allows_what_its_function_needs_and_no_more(self):
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
            self.assertEqual(actions, ALLOWED_ACTIONS[function] | common | reads, function)

    def test_items_are_limited_by_their_keys(self):
        items = {"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"}
        for name, statement in self.statements():
            if items & {action.partition(":")[2] for action in listed(statement["Action"])}:
                keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
                for key in keys:
                    self.assertTrue(key in RECORDS or re.fullmatch(r"[A-Z]+#\*", key), (name, key))

    def test_only_expiry_reads_whole_tables(self):
        scanning = {name for name, it in self.statements() if "dynamodb:Scan" in listed(it["Action"])}
        self.assertEqual(scanning, {"ExpiryRole"})

    def test_the_key_is_only_used_through_a_service(self):
        for name, statement in self.statements():
            if any(action.startswith("kms:") for action in listed(statement["Action"])) and name != "Key":
                self.assertTrue(statement["Condition"]["StringEquals"]["kms:ViaService"], name)

    def test_only_its_routes_may_call_a_function(self):
        gateway = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
        served = {"IngestIntegration": "Ingest", "SessionIntegration": "Session"}
        expected = {
            ("NotifierGateway", gateway + "${WebSocketApi}/${StageName}/*"),
            ("Expiry", "ExpirySchedule.Arn"),
            ("Fetch", "FetchSchedule.Arn"),
        }
        for route in self.of_type("AWS::ApiGatewayV2::Route").values():
            if route["Properties"]["ApiId"] == {"Ref": "HttpApi"}:
                method, path = route["Properties"]["RouteKey"].split()
                target = re.search(r"\$\{(\w+)\}", route["Properties"]["Target"]["Fn::Sub"])[1]
                expected.add((served[target], f"{gateway}${{HttpApi}}/*/{method}{path}"))
        allowed = set()
        for permission in self.of_type("AWS::Lambda::Permission").values():
            source = permission["Properties"]["SourceArn"]
            source = source.get("Fn::Sub") or ".".join(source["Fn::GetAtt"])
            allowed.add((permission["Properties"]["FunctionName"]["Ref"], source))
        self.assertEqual(allowed, expected)

    def test_the_http_api_has_the_documented_routes(self):
        routes = {
            it["Properties"]["RouteKey"]: it["Properties"]["Target"]["Fn::Sub"]
            for it in self.of_type("AWS::ApiGatewayV2::Route").values()
            if it["Properties"]["ApiId"] == {"Ref": "HttpApi"}
        }
        (pages,) = re.findall(r'pub const PAGES_PATH: &str = "(.*)";', CODES.read_text())
        session = [f"GET {pages}{{code}}", *SESSION_ROUTES]
        wanted = dict.fromkeys(session, "integrations/${SessionIntegration}")
        wanted["POST /webhooks/stripe"] = "integrations/${IngestIntegration}"
        self.assertEqual(routes, wanted)

class Functions(Template):
    def test_the_environment_has_the_variables_that_the_functions_read(self):
        for function in FUNCTIONS:
            names = {f"TIERLIFT_{name}" for name in VARIABLES[function]} | {"AWS_ENDPOINT_URL"}
            names |= FOREIGN_VARIABLES.get(function, set())
            self.assertEqual(set(self.properties(function)["Environment"]["Variables"]), names, function)

    def test_no_secret_is_in_an_environment(self):
        for function in FUNCTIONS:
            for name, value in self.properties(function)["Environment"]["Variables"].items():
                self.assertNotIn("resolve:", json.dumps(value))
                self.assertTrue("SECRET" not in name or name.endswith("_ARN"), name)

    def test_no_emulator_is_configured_on_aws(self):
        for function in FUNCTIONS:
            endpoint = self.properties(function)["Environment"]["Variables"]["AWS_ENDPOINT_URL"]
            self.assertEqual(endpoint["Fn::If"][:2], ["OnAws", {"Ref": "AWS::NoValue"}])

    def test_the_visibility_timeout_is_six_function_timeouts(self):
        timeout = self.properties("Worker")["Timeout"]
        visibility = self.properties("EventQueue")["VisibilityTimeout"]
        self.assertEqual(visibility, 6 * timeout)
        self.assertEqual(visibility, limit("VISIBILITY_TIMEOUT_SECS"))

    def test_the_maximum_receive_count_covers_hours_of_an_outage(self):
        batch = self.properties("WorkerEvents")["BatchSize"]
        received = self.properties("EventQueue")["RedrivePolicy"]["maxReceiveCount"]
        self.assertEqual((batch, received), (limit("SQS_BATCH_MAX"), limit("SQS_RECEIVES_MAX")))
        partner = self.properties("PartnerEventQueue")
        self.assertEqual(partner["RedrivePolicy"]["maxReceiveCount"], limit("SQS_RECEIVES_MAX"))
        self.assertEqual(partner["VisibilityTimeout"], 6 * self.properties("IngestEventBridge")["Timeout"])

    def test_a_function_times_out_after_its_calls(self):
        for function in FUNCTIONS:
            timeout_ms = 1000 * self.properties(function)["Timeout"]
            self.assertGreaterEqual(timeout_ms, 2 * limit("AWS_CALL_TIMEOUT_MS"), function)

    def test_an_api_times_out_after_its_function(self):
        pairs = {"IngestIntegration": "Ingest", "SessionIntegration": "Session"}
        for integration, function in {**pairs, "WebSocketIntegration": "NotifierGateway"}.items():
            wait_ms = self.properties(integration)["TimeoutInMillis"]
            self.assertGreater(wait_ms, 1000 * self.properties(function)["Timeout"])
            self.assertLess(wait_ms, 29_000)

    def test_what_runs_every_minute_times_out_before_its_next_run(self):
        for function in ("Expiry", "Fetch"):
            schedule = self.properties(f"{function}Schedule")
            self.assertEqual(schedule["ScheduleExpression"], "rate(1 minute)")
            self.assertLess(self.properties(function)["Timeout"], 60)
            self.assertEqual(self.properties(f"{function}Once")["MaximumRetryAttempts"], 0)
            self.assertEqual(schedule["Targets"][0]["RetryPolicy"]["MaximumRetryAttempts"], 0)

    def test_without_a_key_or_an_event_source_there_is_nothing_of_their_functions(self):
        conditions = {name: it.get("Condition") for name, it in self.resources.items()}
        for function, condition in OPTIONAL.items():
            for name in [name for name in conditions if name.startswith(function)]:
                self.assertEqual(conditions[name], condition, name)
        for name in [name for name in conditions if "Partner" in name]:
            self.assertEqual(conditions[name], "HasEventSource", name)
        self.assertEqual(conditions["DriftAlarm"], "HasStripeKey")

    def test_only_the_rule_of_stripes_event_source_writes_partner_events(self):
        (statement,) = self.properties("PartnerEventQueuePolicy")["PolicyDocument"]["Statement"]
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

    def test_event_sources_report_single_failures_and_have_a_failure_destination(self):
        for name, source in self.of_type("AWS::Lambda::EventSourceMapping").items():
            self.assertEqual(source["Properties"]["FunctionResponseTypes"], ["ReportBatchItemFailures"], name)
        stream = self.properties("NotifierStreamChanges")
        self.assertTrue(stream["BisectBatchOnFunctionError"])
        self.assertGreater(stream["MaximumRetryAttempts"], 0)
        self.assertGreater(stream["MaximumRecordAgeInSeconds"], 0)
        failures = {"Fn::GetAtt": ["NotifierFailureQueue", "Arn"]}
        self.assertEqual(stream["DestinationConfig"]["OnFailure"]["Destination"], failures)

    def test_a_changed_policy_is_applied_after_the_worker_follows_it(self):
        self.assertEqual(self.resources["Expiry"]["DependsOn"], "Worker")

    def test_the_stream_starts_the_notifier_only_for_changes(self):
        (only,) = self.properties("NotifierStreamChanges")["FilterCriteria"]["Filters"]
        image = {"NewImage": {"change": {"S": [{"exists": True}]}}}
        self.assertEqual(json.loads(only["Pattern"]), {"eventName": ["INSERT", "MODIFY"], "dynamodb": image})

    def test_a_route_that_answers_has_a_response(self):
        answering = {"SyncRoute", "PingRoute", "DefaultRoute"}
        responses = self.of_type("AWS::ApiGatewayV2::RouteResponse").values()
        self.assertEqual({it["Properties"]["RouteId"]["Ref"] for it in responses}, answering)
        for route in answering:
            self.assertEqual(self.properties(route)["RouteResponseSelectionExpression"], "$default")

class Storage(Template):
    def test_the_table_is_protected_restorable_and_has_a_ttl(self):
        table = self.resources["Table"]
        self.assertEqual((table["DeletionPolicy"], table["UpdateReplacePolicy"]), ("Retain", "Retain"))
        properties = table["Properties"]
        self.assertIs(properties["DeletionProtectionEnabled"], True)
        self.assertIs(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], True)
        self.assertEqual(properties["TimeToLiveSpecification"], {"Enabled": True, "AttributeName": "ttl"})
        self.assertEqual(properties["SSESpecification"]["SSEType"], "KMS")
        self.assertEqual(properties["StreamSpecification"], {"StreamViewType": "NEW_IMAGE"})

    def test_each_mode_has_its_own_table(self):
        name, values = self.properties("Table")["TableName"]["Fn::Sub"]
        self.assertIn("${Mode}", name)
        self.assertEqual(values["Mode"], {"Fn::If": ["Live", "live", "test"]})

    def test_resources_that_cannot_be_recreated_outlive_the_stack(self):
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

    def test_a_generated_secret_is_random(self):
        for name, secret in self.of_type("AWS::SecretsManager::Secret").items():
            self.assertNotIn("SecretString", secret["Properties"], name)
            self.assertGreaterEqual(secret["Properties"]["GenerateSecretString"]["PasswordLength"], 32)

    def test_dead_letters_come_only_from_the_queue(self):
        allowed = self.properties("DeadLetterQueue")["RedriveAllowPolicy"]
        self.assertEqual(allowed["redrivePermission"], "byQueue")
        (source,) = allowed["sourceQueueArns"]
        self.assertTrue(source["Fn::Sub"].endswith(":" + self.properties("EventQueue")["QueueName"]["Fn::Sub"]))
        for queue in self.of_type("AWS::SQS::Queue"):
            self.assertEqual(self.properties(queue)["MessageRetentionPeriod"], 14 * 24 * 3600, queue)

    def test_logs_have_a_retention(self):
        groups = self.of_type("AWS::Logs::LogGroup")
        for name, group in groups.items():
            self.assertEqual(group["Properties"]["RetentionInDays"], {"Ref": "LogRetentionDays"}, name)
        for function in FUNCTIONS:
            logging = self.properties(function)["LoggingConfig"]
            self.assertEqual((logging["LogFormat"], logging["LogGroup"]), ("JSON", {"Ref": f"{function}Log"}))

class Alarms(Template):
    def test_every_alarm_is_there(self):
        alarms = {
            (it["Properties"]["MetricName"], json.dumps(it["Properties"].get("Dimensions", []), sort_keys=True))
            for it in self.of_type("AWS::CloudWatch::Alarm").values()
        }

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
            ("tierlift_reconcile_fixed", dimension("function", {"Ref": "Fetch"})),
            ("tierlift_waiting_oldest_age_seconds", dimension("function", {"Ref": "Expiry"})),
            ("IteratorAge", dimension("FunctionName", {"Ref": "NotifierStream"})),
            *((f"Webhooks{what}", "[]") for what in ("Accepted", "Refused", "Failed")),
        }
        for function in FUNCTIONS:
            of = dimension("FunctionName", {"Ref": function})
            expected |= {("Errors", of), ("Throttles", of)}
        self.assertEqual(alarms, expected)

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
            if name not in ("EmulatorEndpoint", "StripeApiBase")
        }
        self.assertEqual(dict(rows), defaults)

    def test_each_is_described_limited_and_grouped(self):
        groups = self.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        grouped = [name for group in groups for name in group["Parameters"]]
        self.assertEqual(sorted(grouped), sorted(self.template["Parameters"]))
        for name, parameter in self.template["Parameters"].items():
            self.assertIn("Description", parameter, name)
            self.assertTrue({"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), name)

    def test_limits_are_those_of_core(self):
        for name, value in (("GraceDays", "GRACE_DAYS_MAX"), ("SessionMaxAgeDays", "SESSION_DAYS_MAX")):
            self.assertEqual(self.template["Parameters"][name]["MaxValue"], limit(value))

if __name__ == "__main__":
    unittest.main()
