"""Tests what the role of each function allows.

The stack is deployed on the emulator with functions that make any call that they are sent. Each function
is sent the calls that it needs, which must be allowed, and calls of other functions, which must be denied.

Run by `python -m unittest discover -s tests-aws/ministack`.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import zipfile

import boto3
from botocore.exceptions import ClientError
from deploy import client

from calls import Calls

HERE = pathlib.Path(__file__).parent
TEMPLATE = HERE.parents[1] / "infrastructure" / "template.yaml"
README = TEMPLATE.parent / "README.md"
FUNCTIONS = ("check", "ingest", "ingest-eventbridge", "worker", "notifier-stream", "notifier-gateway", "session", "expiry", "fetch", "changes")
EVENT_SOURCE = "aws.partner/stripe.com/ed_test_1234567"

# A function that makes the calls in its event and returns the outcome of each. It uses the Lambda
# runtime API, as a compiled function does: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
BOOTSTRAP = """#!%s
import json, os, urllib.request
import boto3
from botocore.exceptions import ClientError

API = "http://%%s/2018-06-01/runtime/invocation/" %% os.environ["AWS_LAMBDA_RUNTIME_API"]

def outcome(service, operation, arguments):
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    if service == "apigatewaymanagementapi":
        endpoint = os.environ["TIERLIFT_CONNECTIONS_ENDPOINT"]
    client = boto3.client(service, region_name="us-east-1", endpoint_url=endpoint)
    try:
        getattr(client, operation)(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "ok"

while True:
    with urllib.request.urlopen(API + "next") as invocation:
        request = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(invocation)
    if isinstance(event, dict) and "ResponseURL" in event:
        # CloudFormation waits for the check.
        done = {name: event[name] for name in ("RequestId", "StackId", "LogicalResourceId")}
        done |= {"Status": "SUCCESS", "PhysicalResourceId": "check", "Data": {"Fingerprint": "one"}}
        put = urllib.request.Request(event["ResponseURL"], json.dumps(done).encode(), method="PUT")
        urllib.request.urlopen(put).close()
    # The schedule, the queue and the stream invoke it as well.
    calls = event if isinstance(event, list) else []
    answer = json.dumps([outcome(*call) for call in calls] if calls else {}).encode()
    urllib.request.urlopen(urllib.request.Request(API + request + "/response", data=answer)).close()
""" % sys.executable

# The outcomes of an allowed call, including one for something that does not exist.
ALLOWED = {"ok", "GoneException", "ReceiptHandleIsInvalid"}
DENIED = {"AccessDenied", "AccessDeniedException", "ForbiddenException"}


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        package = tempfile.TemporaryDirectory()
        cls.addClassCleanup(package.cleanup)
        for function in FUNCTIONS:
            with zipfile.ZipFile(pathlib.Path(package.name, f"{function}.zip"), "w") as archive:
                archive.writestr("bootstrap", BOOTSTRAP)
        port = cls.emulator()
        endpoint = f"http://127.0.0.1:{port}"
        secrets = client("secretsmanager", endpoint)
        stripe_key_arn = secrets.create_secret(Name="stripe-key", SecretString="rk_test_1")["ARN"]
        services_arn = secrets.create_secret(Name="services", SecretString="web:" + "0123456789abcdef" * 2)["ARN"]
        parameters = ["Plans=price_pro=paid", f"StripeKeyArn={stripe_key_arn}", f"StripeEventSource={EVENT_SOURCE}"]
        parameters += [f"ServiceTokensArn={services_arn}"]
        made = subprocess.run(
            [sys.executable, HERE / "deploy.py", endpoint, package.name, TEMPLATE, *parameters],
            capture_output=True,
            text=True,
        )
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        cls.endpoint, cls.outputs = endpoint, json.loads(made.stdout)
        cls.functions, cls.calls = client("lambda", endpoint), Calls(cls.outputs, stripe_key_arn)

    @classmethod
    def emulator(cls):
        """Starts the emulator, which ends when its input is closed; returns its port."""
        process = subprocess.Popen(
            [sys.executable, HERE / "serve.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        cls.addClassCleanup(process.wait, 30)
        cls.addClassCleanup(process.stdout.close)
        cls.addClassCleanup(process.stdin.close)
        return process.stdout.readline().strip()

    def check(self, function, allowed, denied):
        calls = [*allowed, *denied]
        response = self.functions.invoke(FunctionName=f"tierlift-{function}", Payload=json.dumps(calls))
        outcomes = json.load(response["Payload"])
        self.assertEqual(len(outcomes), len(calls), outcomes)
        for call, outcome in zip(calls, outcomes):
            self.assertIn(outcome, ALLOWED if call in allowed else DENIED, (function, call))

    def test_ingest_sends_and_reads_its_secret(self):
        c = self.calls
        self.check(
            "ingest",
            allowed=[c.send, c.webhook_secret],
            denied=[c.park, c.hide, c.hand_over, *c.settle, c.jwt_secret, c.stripe_key, c.get("USER#a"), c.put("EVENT#a")],
        )

    def test_ingest_eventbridge_takes_what_the_bus_brings_and_reads_no_secret(self):
        c = self.calls
        self.check(
            "ingest-eventbridge",
            allowed=[c.send, *c.take_partner],
            denied=[c.forge_partner, c.park, *c.settle, c.webhook_secret, c.stripe_key, c.get("USER#a"), c.put("EVENT#a")],
        )

    def test_the_worker_commits_and_parks(self):
        c = self.calls
        self.check(
            "worker",
            allowed=[
                c.load("EVENT#a", "CUSTOMER#a", "PAYMENT#a", "INVOICE#a", "USER#a"),
                c.commit("EVENT#a", "CUSTOMER#a", "PAYMENT#a", "INVOICE#a", "USER#a"),
                c.load("FAILURE#a", "FAILURE#b"),
                c.change("FAILURE#a"),
                c.hand_over,
                c.park,
                c.hide,
                *c.settle,
            ],
            denied=[
                c.commit("EVENT#b", "CONN#a"),
                c.change("USER#a"),
                c.put("CONN#a"),
                c.delete("USER#a"),
                c.scan(),
                c.sockets_of("a"),
                c.due(),
                c.waiting(),
                c.get("POLICY"),
                c.put("POLICY"),
                c.send,
                *c.take_thin,
                c.forge_partner,
                c.webhook_secret,
                c.jwt_secret,
                c.stripe_key,
            ],
        )

    def test_fetch_asks_stripe_and_commits_nothing(self):
        c = self.calls
        self.check(
            "fetch",
            allowed=[
                c.unclear(),
                c.get("CUSTOMER#a"),
                c.load("EVENT#a", "CUSTOMER#a", "PAYMENT#a", "INVOICE#a", "USER#a"),
                c.load("FAILURE#a"),
                c.get("RECONCILIATION"),
                c.put("RECONCILIATION"),
                c.send,
                *c.take_thin,
                c.waiting(),
                c.change("FAILURE#a"),
                c.park,
                *c.look_at_dead,
                c.stripe_key,
            ],
            denied=[
                c.put("USER#a"),
                c.put("CUSTOMER#a"),
                c.put("EVENT#a"),
                c.put("POLICY"),
                c.delete("CUSTOMER#a"),
                c.scan(),
                c.due(),
                c.hand_over,
                c.change("USER#a"),
                c.hide,
                *c.settle,
                c.webhook_secret,
                c.jwt_secret,
            ],
        )

    def test_the_stream_finds_pushes_to_and_forgets_sockets(self):
        c = self.calls
        self.check(
            "notifier-stream",
            allowed=[c.sockets_of("a"), c.push(), c.close(), c.get("CONN#a"), c.delete("CONN#a")],
            denied=[c.delete("USER#a"), c.put("CONN#a"), c.get("USER#a"), c.due(), c.jwt_secret],
        )

    def test_changes_numbers_what_the_stream_brings_and_reads_no_account(self):
        c = self.calls
        log = ("CHANGES", "CHANGE#1", "LOGGED#a")
        self.check(
            "changes",
            allowed=[c.load(*log), c.commit(*log), c.get("CHANGES")],
            denied=[c.get("USER#a"), c.put("USER#a"), c.delete("CHANGE#1"), c.put("CONN#a"), c.due(), c.jwt_secret],
        )

    def test_the_gateway_keeps_sockets_and_reads_accounts(self):
        c = self.calls
        self.check(
            "notifier-gateway",
            allowed=[
                c.get("USER#a"),
                # A client that has seen more than a restored table begins a new epoch.
                c.commit("EVENT#e", "USER#a"),
                c.put("CONN#a"),
                c.delete("CONN#a"),
                c.sockets_of("a"),
                c.push(),
                c.close(),
                c.jwt_secret,
            ],
            denied=[
                c.put("CUSTOMER#a"),
                c.delete("USER#a"),
                c.get("CUSTOMER#a"),
                c.scan(),
                c.due(),
                c.send,
                c.webhook_secret,
            ],
        )

    def test_the_session_reads_accounts(self):
        c = self.calls
        self.check(
            "session",
            allowed=[
                c.get("USER#a"),
                c.commit("EVENT#f", "USER#a"),
                c.jwt_secret,
                # A page is back from a checkout: Stripe is asked, and its answer enqueued.
                c.get("CUSTOMER#a"),
                c.get("EVENT#a"),
                c.send,
                c.stripe_key,
                # Backends follow changes.
                c.load("CHANGE#1", "CHANGES"),
            ],
            denied=[c.get("CONN#a"), c.put("CHANGES"), c.put("CHANGE#1"), c.get("LOGGED#a"), c.put("CUSTOMER#a"), c.put("RECONCILIATION"), c.park, c.scan(), c.webhook_secret],
        )

    def test_expiry_settles_accounts_reports_what_waits_and_applies_the_policy(self):
        c = self.calls
        self.check(
            "expiry",
            allowed=[
                c.due(),
                c.waiting(),
                c.scan(),
                c.get("USER#a"),
                c.load("USER#a", "USER#b"),
                c.commit("EVENT#c", "USER#a"),
                c.commit("EVENT#d", "CUSTOMER#a", "USER#a"),
                c.get("POLICY"),
                c.put("POLICY"),
            ],
            denied=[
                c.put("PAYMENT#a"),
                c.put("CONN#a"),
                c.get("CONN#a"),
                c.delete("USER#a"),
                c.sockets_of("a"),
                c.send,
                c.jwt_secret,
            ],
        )

    def test_the_hosts_application_reads_the_token_secret_and_nothing_else(self):
        """With the policy of infrastructure/README.md."""
        policy = re.search(r"#### What your application may do.*?```json\n(.*?)```", README.read_text(), re.DOTALL)[1]
        policy = re.sub(r"<(\w+)>", lambda name: self.outputs[name[1]], policy)
        iam = client("iam", self.endpoint)
        iam.create_user(UserName="host")
        iam.put_user_policy(UserName="host", PolicyName="host", PolicyDocument=policy)
        key = iam.create_access_key(UserName="host")["AccessKey"]
        given = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        c = self.calls
        for calls, expected in (
            ([c.jwt_secret], ALLOWED),
            ([c.webhook_secret, c.stripe_key, c.get("USER#a"), c.scan(), c.send, c.receive(self.outputs["QueueUrl"])], DENIED),
        ):
            for service, operation, arguments in calls:
                host = boto3.client(service, region_name="us-east-1", endpoint_url=self.endpoint, **given)
                try:
                    getattr(host, operation)(**arguments)
                    outcome = "ok"
                except ClientError as error:
                    outcome = error.response["Error"]["Code"]
                self.assertIn(outcome, expected, (service, operation))


if __name__ == "__main__":
    unittest.main()
