"""Who may do what, and what the functions are given: checks of the template for what an emulator ignores.

Run by `python -m unittest discover -s infrastructure`, like the other files here.
"""

import json
import re
import unittest

from template_case import FUNCTIONS, HERE, OPTIONAL, Template, limit, listed

CODES = HERE.parent / "core/src/codes.rs"
SESSION_ROUTES = [f"GET {path}" for path in ("/session", "/authorize", "/openapi.json", "/.well-known/jwks.json", "/v1/users/{id}")]
SESSION_ROUTES += [f"POST {path}" for path in ("/session/confirm", "/session/refresh", "/v1/users:batch", "/v1/tokens")]
SESSION_ROUTES += ["POST /v1/grants", "POST /v1/grants:withdraw", "GET /v1/changes"]

# The policy of the deployment, which most functions use.
POLICY = {
    "ROLES",
    "PLANS",
    "POLICY_ARN",
    "POLICY_VERSION",
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
    "STRIPE_FETCH",
}
STRIPE = {f"STRIPE_{name}" for name in ("API_BASE", "FETCH", "RECONCILE", "SHARE_PERCENT")}
TOKENS = {"JWT_SECRET_ARN", "SIGNING_KEYS_ARN", "JWKS_URL", "ISSUER", "AUDIENCE", "ACCOUNT_CLAIMS", "SESSION_MAX_AGE_DAYS"}
VARIABLES = {
    "Check": {"CONNECTED_ACCOUNTS", "ALLOWED_ORIGINS", "SERVICE_TOKENS_ARN", "AUTHORIZE_COOKIE", "STALE_OK_SECONDS"} | TOKENS | STRIPE | POLICY,
    "Ingest": {"QUEUE_URL", "CONNECTED_ACCOUNTS"},
    "IngestEventBridge": {"QUEUE_URL", "CONNECTED_ACCOUNTS"},
    # The accounts are for operators: a replay takes the events that ingest would take.
    "Worker": {"TABLE", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "THIN_QUEUE_URL", "CONNECTED_ACCOUNTS"} | POLICY,
    "NotifierStream": {"TABLE", "CONNECTIONS_ENDPOINT"} | POLICY,
    "NotifierGateway": {"TABLE", "CONNECTIONS_ENDPOINT", "ALLOWED_ORIGINS"} | TOKENS | POLICY,
    "Session": {"TABLE", "QUEUE_URL", "SERVICE_TOKENS_ARN", "AUTHORIZE_COOKIE", "STALE_OK_SECONDS", "STRIPE_API_BASE", "STRIPE_SHARE_PERCENT"} | TOKENS | POLICY,
    "Changes": {"TABLE"},
    "Expiry": {"TABLE"} | POLICY,
    "Fetch": {"TABLE", "QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "THIN_QUEUE_URL"} | STRIPE | POLICY,
}
# Variables that are not tierlift's own.
API_KEY = {"STRIPE_API_KEY_ARN"}
FOREIGN_VARIABLES = {"Check": {"STRIPE_WEBHOOK_SECRET_ARN"} | API_KEY, "Ingest": {"STRIPE_WEBHOOK_SECRET_ARN"}, "Fetch": API_KEY, "Session": API_KEY}

# The functions that an event passes, and what they send its trace by.
TRACED = {"Ingest", "IngestEventBridge", "Worker", "NotifierStream", "Fetch"}
OTLP_VARIABLES = {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}

# All actions that a function's role allows.
ALLOWED_ACTIONS = {
    "Check": set(),
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
    "Changes": {
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:DescribeStream",
        "dynamodb:ListStreams",
        "dynamodb:GetItem",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
    },
    "NotifierGateway": {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:DeleteItem",
        "dynamodb:Query",
        "execute-api:ManageConnections",
    },
    # A client that has seen more than a restored table begins a new epoch: an account and a ledger row.
    "Session": {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "sqs:SendMessage"},
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
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "dynamodb:UpdateItem",
    },
}
# Secrets, or a policy document, which may be one.
READS_SECRETS = {"Check", "Ingest", "Worker", "NotifierStream", "NotifierGateway", "Session", "Expiry", "Fetch"}
# The items of which a table has one each.
RECORDS = {"PAUSE", "POLICY", "RECONCILIATION", "CHANGES"}

# The resources with a wildcard, by policy and statement, each with its reason.
WILDCARD_RESOURCES = {
    ("Key", "Account"): "the resource of a key policy is always its key",
    ("Key", "Logs"): "the same",
    ("Key", "Alarms"): "the same",
    ("Key", "EventBridge"): "the same",
    ("NotifierStreamRole", "Streams"): "ListStreams takes no narrower resource and only lists names",
    ("ChangesRole", "Streams"): "the same",
    ("NotifierStreamRole", "Push"): "connection ids are created when a socket opens",
    ("NotifierGatewayRole", "Push"): "the same",
    ("OperatorReadPolicy", "EventSources"): "ListEventSourceMappings takes no narrower resource",
    ("TracePolicy", "Traces"): "traces have no resource",
    ("ShiftRole", "Aliases"): "the functions of this stack",
    ("ShiftRole", "Alarms"): "DescribeAlarms takes no narrower resource",
    ("NetworkPolicy", "Network"): "the network interfaces of a function in a VPC have no names before it has them",
}
# The actions with a wildcard.
WILDCARD_ACTIONS = {
    ("Key", "Account"): "without this statement a key could become unmanageable",
    ("QueuesOverTls", "OnlyTls"): "whatever it is, it is denied",
    ("PartnerEventQueuePolicy", "OnlyTls"): "the same",
}
DENIALS = {(policy, "OnlyTls") for policy in ("QueuesOverTls", "TopicOverTls", "PartnerEventQueuePolicy")}


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
            denies = (name, statement["Sid"]) in DENIALS
            self.assertEqual(statement["Effect"], "Deny" if denies else "Allow", name)
            self.assertFalse({"NotAction", "NotResource", "NotPrincipal"} & set(statement), name)

    def test_each_function_has_a_role_of_its_own(self):
        self.assertEqual(set(self.of_type("AWS::Lambda::Function")), set(FUNCTIONS))
        for function in FUNCTIONS:
            self.assertEqual(self.properties(function)["Role"], {"Fn::GetAtt": [f"{function}Role", "Arn"]})
            role = self.properties(f"{function}Role")
            optional = (("InNetwork", "NetworkPolicy"), ("Traces", "TracePolicy"))
            managed = [{"Fn::If": [name, {"Ref": policy}, {"Ref": "AWS::NoValue"}]} for name, policy in optional]
            self.assertEqual(role["ManagedPolicyArns"], managed)
            trust = role["AssumeRolePolicyDocument"]["Statement"]
            self.assertEqual([it["Principal"] for it in trust], [{"Service": "lambda.amazonaws.com"}])

    def test_a_role_has_the_boundary_and_the_path_of_the_organization(self):
        boundary = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
        for function in (*FUNCTIONS, "Shift"):
            role = self.properties(f"{function}Role")
            self.assertEqual((role["Path"], role["PermissionsBoundary"]), ({"Ref": "RolePath"}, boundary), function)

    def test_a_service_acts_for_this_account_only(self):
        for name, statement in self.statements():
            principal = statement.get("Principal")
            if name != "Key" or statement["Sid"] == "Account" or not isinstance(principal, dict):
                continue
            condition = json.dumps(statement["Condition"])
            self.assertIn("AWS::AccountId", condition, statement["Sid"])

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

    def test_only_expiry_and_operators_read_whole_tables(self):
        scanning = {name for name, it in self.statements() if "dynamodb:Scan" in listed(it["Action"])}
        self.assertEqual(scanning, {"ExpiryRole", "OperatorReadPolicy"})

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
            alias = permission["Properties"]["FunctionName"]["Ref"]
            self.assertTrue(alias.endswith("Live") or alias in OPTIONAL, alias)
            allowed.add((alias.removesuffix("Live"), source))
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
            if function != "Check":
                names.add("TIERLIFT_DEPLOYMENT")
            if function in TRACED | {"Check"}:
                names |= OTLP_VARIABLES
            self.assertEqual(set(self.properties(function)["Environment"]["Variables"]), names, function)

    def test_no_secret_is_in_an_environment(self):
        for function in FUNCTIONS:
            for name, value in self.properties(function)["Environment"]["Variables"].items():
                self.assertNotIn("resolve:", json.dumps(value))
                self.assertTrue("SECRET" not in name or name.endswith("_ARN"), name)

    def test_every_function_can_be_in_a_network(self):
        lists = ({"Fn::Split": [",", {"Ref": name}]} for name in ("SubnetIds", "SecurityGroupIds"))
        subnets, groups = lists
        network = {"SubnetIds": subnets, "SecurityGroupIds": groups}
        for function in FUNCTIONS:
            given = self.properties(function)["VpcConfig"]
            self.assertEqual(given, {"Fn::If": ["InNetwork", network, {"Ref": "AWS::NoValue"}]}, function)

    def test_unsigned_code_is_refused_where_signatures_are_asked_for(self):
        config = self.properties("Signatures")
        self.assertEqual(self.resources["Signatures"]["Condition"], "WantsSignatures")
        self.assertEqual(config["CodeSigningPolicies"], {"UntrustedArtifactOnDeployment": "Enforce"})
        profiles = {"Fn::Split": [",", {"Ref": "SigningProfileArns"}]}
        self.assertEqual(config["AllowedPublishers"], {"SigningProfileVersionArns": profiles})
        for function in FUNCTIONS:
            wanted = {"Fn::If": ["WantsSignatures", {"Ref": "Signatures"}, {"Ref": "AWS::NoValue"}]}
            self.assertEqual(self.properties(function)["CodeSigningConfigArn"], wanted, function)

    def test_lambdas_own_lines_have_a_level_by_parameter(self):
        """Cold starts, durations and memory are in the lines of INFO, which cost more than the limit of docs/cost.py."""
        level = self.template["Parameters"]["SystemLogLevel"]
        self.assertIn("INFO", level["AllowedValues"])
        self.assertEqual(level["Default"], "WARN")
        for function in FUNCTIONS:
            logging = self.properties(function)["LoggingConfig"]
            self.assertEqual(logging["SystemLogLevel"], {"Ref": "SystemLogLevel"}, function)
            self.assertEqual((logging["LogFormat"], logging["ApplicationLogLevel"]), ("JSON", "INFO"), function)

    def test_every_function_can_be_traced(self):
        for function in FUNCTIONS:
            tracing = self.properties(function)["TracingConfig"]
            self.assertEqual(tracing, {"Fn::If": ["Traces", {"Mode": "Active"}, {"Ref": "AWS::NoValue"}]}, function)

    def test_traces_are_sent_by_otlp_only_where_a_collector_is_named(self):
        nothing = {"Ref": "AWS::NoValue"}
        for function in FUNCTIONS:
            properties = self.properties(function)
            variables = properties["Environment"]["Variables"]
            for name in OTLP_VARIABLES & set(variables):
                self.assertEqual((variables[name]["Fn::If"][0], variables[name]["Fn::If"][2]), ("SendsTraces", nothing))
            layers = {"Fn::If": ["HasOtlpLayer", [{"Ref": "OtlpLayerArn"}], nothing]} if function in TRACED else None
            self.assertEqual(properties.get("Layers"), layers, function)

    def test_no_emulator_is_configured_on_aws(self):
        for function in FUNCTIONS:
            endpoint = self.properties(function)["Environment"]["Variables"]["AWS_ENDPOINT_URL"]
            self.assertEqual(endpoint["Fn::If"][:2], ["OnAws", {"Ref": "AWS::NoValue"}])

    def test_the_visibility_timeout_is_six_function_timeouts(self):
        timeout = self.properties("Worker")["Timeout"]
        visibility = self.properties("EventQueue")["VisibilityTimeout"]
        self.assertEqual(visibility, 6 * timeout)
        self.assertEqual(visibility, limit("VISIBILITY_TIMEOUT_SECS"))

    def test_thin_events_wait_apart_and_end_with_the_other_dead_letters(self):
        queue, events = self.properties("ThinQueue"), self.properties("EventQueue")
        self.assertEqual(queue["VisibilityTimeout"], 6 * self.properties("Fetch")["Timeout"])
        for name in ("RedrivePolicy", "MessageRetentionPeriod", "MaximumMessageSize", "DeduplicationScope"):
            self.assertEqual(queue[name], events[name], name)
        self.assertEqual(self.properties("FetchThinEvents")["EventSourceArn"], {"Fn::GetAtt": ["ThinQueue", "Arn"]})

    def test_the_maximum_receive_count_covers_hours_of_an_outage(self):
        batch = self.properties("WorkerEvents")["BatchSize"]
        received = self.properties("EventQueue")["RedrivePolicy"]["maxReceiveCount"]
        self.assertEqual((batch, received), (limit("SQS_BATCH_MAX"), limit("SQS_RECEIVES_MAX")))

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

    def test_event_sources_report_single_failures_and_have_a_failure_destination(self):
        for name, source in self.of_type("AWS::Lambda::EventSourceMapping").items():
            self.assertEqual(source["Properties"]["FunctionResponseTypes"], ["ReportBatchItemFailures"], name)
        stream = self.properties("NotifierStreamChanges")
        self.assertTrue(stream["BisectBatchOnFunctionError"])
        # An hour of an outage is waited for; after two hours no socket is left that missed the change.
        self.assertEqual(stream["MaximumRetryAttempts"], -1)
        self.assertEqual(stream["MaximumRecordAgeInSeconds"], 2 * 60 * 60)
        failures = {"Fn::GetAtt": ["NotifierFailureQueue", "Arn"]}
        self.assertEqual(stream["DestinationConfig"]["OnFailure"]["Destination"], failures)

    def test_an_event_source_counts_its_events_and_the_worker_can_be_paused(self):
        for name in self.of_type("AWS::Lambda::EventSourceMapping"):
            self.assertEqual(self.properties(name)["MetricsConfig"], {"Metrics": ["EventCount"]}, name)
        self.assertEqual(self.properties("WorkerEvents")["Enabled"], {"Ref": "WorkerEnabled"})

    def test_a_changed_policy_is_applied_after_the_worker_follows_it(self):
        self.assertEqual(self.resources["Expiry"]["DependsOn"], "WorkerLive")

    def test_a_route_that_answers_has_a_response(self):
        answering = {"SyncRoute", "PingRoute", "DefaultRoute"}
        responses = self.of_type("AWS::ApiGatewayV2::RouteResponse").values()
        self.assertEqual({it["Properties"]["RouteId"]["Ref"] for it in responses}, answering)
        for route in answering:
            self.assertEqual(self.properties(route)["RouteResponseSelectionExpression"], "$default")

if __name__ == "__main__":
    unittest.main()
