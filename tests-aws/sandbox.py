"""Deploys the package into an AWS account, uses the stack as Stripe and a browser do, and removes everything again.

The account must be named by its number in TIERLIFT_SANDBOX_ACCOUNT: a sandbox, in which nothing else matters. With
--endpoint everything happens on an emulator on loopback. What fails is printed, and removed all the same.

Usage: python sandbox.py PACKAGE ARCHITECTURE [--endpoint http://127.0.0.1:PORT]
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from sandbox_socket import Socket

STACK = f"tierlift-sandbox-{time.time_ns() // 1_000_000_000:x}"
SECRET = "whsec_of_a_sandbox_that_lives_for_minutes"
DEADLINE_SECONDS = 1_800
# What a stack leaves behind, and how each is removed.
REMOVALS = {
    "AWS::SQS::Queue": ("sqs", lambda client, it: client.delete_queue(QueueUrl=it)),
    "AWS::DynamoDB::Table": ("dynamodb", lambda client, it: remove_table(client, it)),
    "AWS::SecretsManager::Secret": (
        "secretsmanager",
        lambda client, it: client.delete_secret(SecretId=it, ForceDeleteWithoutRecovery=True),
    ),
    "AWS::KMS::Key": ("kms", lambda client, it: client.schedule_key_deletion(KeyId=it, PendingWindowInDays=7)),
}


def remove_table(client, name):
    # Not every emulator leaves a table unprotected that is created so.
    client.update_table(TableName=name, DeletionProtectionEnabled=False)
    until("the table is changed", lambda: client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
    client.delete_table(TableName=name)


# What an earlier step removed already, such as the rollback of a creation.
GONE = ("NonExistentQueue", "ResourceNotFound", "NoSuchBucket", "pending deletion")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=pathlib.Path)
    parser.add_argument("architecture", choices=["arm64", "x86_64"])
    parser.add_argument("--endpoint")
    given = parser.parse_args()
    if given.endpoint and urllib.parse.urlsplit(given.endpoint).hostname != "127.0.0.1":
        parser.error(f"{given.endpoint} is not on 127.0.0.1")
    if not given.endpoint and not os.environ.get("TIERLIFT_SANDBOX_ACCOUNT"):
        parser.error("TIERLIFT_SANDBOX_ACCOUNT is not set: it names the account that may be used")
    return given


def until(what, holds):
    """Waits until `holds` returns something, and returns that."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.5)
    raise TimeoutError(what)


class Sandbox:
    """A bucket and a stack in an account."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        emulated = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
        self.session = boto3.Session(**(emulated if endpoint else {}))
        self.bucket = f"{STACK}-{self.client('sts').get_caller_identity()['Account']}"
        self.cloudformation = self.client("cloudformation")

    def client(self, service):
        config = Config(s3={"addressing_style": "path"}) if self.endpoint else None
        return self.session.client(service, endpoint_url=self.endpoint, config=config)

    def must_be_the_named_account(self):
        account = self.client("sts").get_caller_identity()["Account"]
        if not self.endpoint and account != os.environ["TIERLIFT_SANDBOX_ACCOUNT"]:
            sys.exit(f"the shell is in account {account}, and not in that of TIERLIFT_SANDBOX_ACCOUNT")

    def upload(self, package):
        s3, region = self.client("s3"), self.session.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=self.bucket, **place)
        for file in [*package.glob("*.zip"), package / "template.yaml"]:
            for prefix in ("first", "second"):
                s3.upload_file(str(file), self.bucket, f"{prefix}/{file.name}")

    def template_url(self):
        host = f"{self.endpoint}/{self.bucket}" if self.endpoint else ""
        return f"{host or f'https://{self.bucket}.s3.{self.session.region_name}.amazonaws.com'}/first/template.yaml"

    def state(self):
        return self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]

    def settled(self):
        return until("the stack is settled", lambda: not (it := self.state())["StackStatus"].endswith("IN_PROGRESS") and it)

    def change(self, action, parameters):
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        capabilities = ["CAPABILITY_IAM"]
        action(StackName=STACK, TemplateURL=self.template_url(), Capabilities=capabilities, Parameters=given)
        return self.settled()

    def reasons(self):
        events = self.cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        failed = (it for it in reversed(events) if it["ResourceStatus"].endswith("FAILED"))
        return "\n".join(f"{it['LogicalResourceId']}: {it.get('ResourceStatusReason', '')}" for it in failed)

    def remove(self):
        """Removes the stack and what it leaves behind; returns what could not be removed."""
        left = []

        def attempt(what, removal):
            try:
                removal()
            except ClientError as error:
                left.append(f"{what}: {error}")

        try:
            resources = self.cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
        except ClientError:
            resources = []
        self.cloudformation.delete_stack(StackName=STACK)
        until("the stack is deleted", self.is_deleted)
        for it in resources:
            if it["ResourceType"] in REMOVALS and it.get("PhysicalResourceId"):
                service, removal = REMOVALS[it["ResourceType"]]
                attempt(it["PhysicalResourceId"], lambda: removal(self.client(service), it["PhysicalResourceId"]))
        attempt(self.bucket, self.remove_bucket)
        return [it for it in left if not any(code in it for code in GONE)]

    def is_deleted(self):
        try:
            return self.state()["StackStatus"] == "DELETE_COMPLETE"
        except ClientError:
            return True

    def remove_bucket(self):
        s3 = self.client("s3")
        for it in s3.list_objects_v2(Bucket=self.bucket).get("Contents", []):
            s3.delete_object(Bucket=self.bucket, Key=it["Key"])
        s3.delete_bucket(Bucket=self.bucket)


def request(url, body=None, headers=None):
    """The status and the body of an answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers or {}), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def webhook(url, number, status, secret=SECRET):
    item = {"id": "si_1", "quantity": 1, "current_period_end": int(time.time()) + 86_400, "price": {"id": "price_1"}}
    subscription = {"id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status}
    subscription |= {"metadata": {"user_id": "ada"}, "items": {"data": [item]}}
    kind = "created" if number == 1 else "updated"
    event = {"id": f"evt_{number}", "object": "event", "type": f"customer.subscription.{kind}", "livemode": False}
    event |= {"created": int(time.time()), "data": {"object": subscription}}
    if number > 1:
        event["data"]["previous_attributes"] = {"status": "active"}
    body, at = json.dumps(event).encode(), int(time.time())
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "stripe-signature": f"t={at},v1={signature}"}
    return request(url, body, headers)[0]


def token(secret):
    def part(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    claims = {"sub": "ada", "exp": int(time.time()) + 3_600, "iat": int(time.time()), "rev": 1_000_000}
    text = ".".join(part(json.dumps(it).encode()) for it in ({"alg": "HS256", "typ": "JWT"}, claims))
    return f"{text}.{part(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def use(sandbox, outputs, parameters):
    """What a stack must do; raises AssertionError where it does not."""
    secrets = sandbox.client("secretsmanager")
    secrets.put_secret_value(SecretId=outputs["WebhookSecretArn"], SecretString=SECRET)
    bearer = token(secrets.get_secret_value(SecretId=outputs["JwtSecretArn"])["SecretString"])

    def role():
        status, body = request(outputs["SessionUrl"], headers={"authorization": f"Bearer {bearer}"})
        return json.loads(body)["role"] if status == 200 else None

    assert webhook(outputs["WebhookUrl"], 1, "active", "whsec_of_somebody_else") == 400, "a forged webhook"
    until("nobody has paid", lambda: role() == "free")
    socket = Socket(outputs["WebSocketUrl"], bearer)
    assert socket.reads_role({"action": "sync", "revocationId": 0}) == "free", "the snapshot"
    # The function may have read its secret before there was one.
    until("a webhook is accepted", lambda: webhook(outputs["WebhookUrl"], 1, "active") == 200)
    assert socket.reads_role() == "paid", "the notice of an upgrade"
    until("ada has paid", lambda: role() == "paid")

    refused = sandbox.change(sandbox.cloudformation.update_stack, parameters | {"Plans": "price_1=gold"})
    assert refused["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", refused["StackStatus"]
    assert "gold" in sandbox.reasons(), sandbox.reasons()
    updated = sandbox.change(sandbox.cloudformation.update_stack, parameters | {"CodePrefix": "second"})
    assert updated["StackStatus"] == "UPDATE_COMPLETE", updated["StackStatus"]
    assert webhook(outputs["WebhookUrl"], 2, "unpaid") == 200, "a webhook after an update"
    assert socket.reads_role() == "free", "the notice of a downgrade"
    attributes = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = outputs["DeadLetterQueueUrl"]
    dead = sandbox.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=attributes)["Attributes"]
    assert {*dead.values()} == {"0"}, dead


def main():
    given = arguments()
    sandbox = Sandbox(given.endpoint)
    sandbox.must_be_the_named_account()
    parameters = {"CodeBucket": sandbox.bucket, "CodePrefix": "first", "Architecture": given.architecture}
    parameters |= {"Plans": "price_1=paid", "DeletionProtection": "false"}
    parameters |= {"EmulatorEndpoint": given.endpoint} if given.endpoint else {}
    try:
        sandbox.upload(given.package)
        state = sandbox.change(sandbox.cloudformation.create_stack, parameters)
        assert state["StackStatus"] == "CREATE_COMPLETE", sandbox.reasons()
        use(sandbox, {it["OutputKey"]: it["OutputValue"] for it in state["Outputs"]}, parameters)
    finally:
        left = sandbox.remove()
        print(*left, sep="\n", file=sys.stderr)
    if left:
        sys.exit("not everything could be removed")
    print(f"{STACK}: deployed, used, updated and removed")


if __name__ == "__main__":
    main()
