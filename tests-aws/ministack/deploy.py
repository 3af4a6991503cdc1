"""Creates or updates a stack on an emulator, and prints its outputs as one line of JSON.

It does what infrastructure/README.md does with the AWS CLI: it creates a bucket, uploads the package and
deploys the stack. Parameters of an existing stack keep their values unless they are named. It only
accepts loopback addresses, so it never creates anything in an AWS account.

Usage: python deploy.py ENDPOINT PACKAGE TEMPLATE [--stack NAME] [PARAMETER=VALUE…]
"""

import argparse
import json
import pathlib
import re
import sys
import time
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

BUCKET = "tierlift-package"
# Each deployment has its own prefix, as each release has on AWS, unless a parameter names one.
PREFIX = f"deployment-{time.time_ns()}"
DEADLINE_SECONDS = 60


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("endpoint")
    parser.add_argument("package", type=pathlib.Path)
    parser.add_argument("template", type=pathlib.Path)
    parser.add_argument("--stack", default="tierlift")
    parser.add_argument("parameters", nargs="*", metavar="PARAMETER=VALUE")
    given = parser.parse_intermixed_args()
    if urllib.parse.urlsplit(given.endpoint).hostname != "127.0.0.1":
        parser.error(f"{given.endpoint} is not on 127.0.0.1")
    if wrong := [pair for pair in given.parameters if "=" not in pair]:
        parser.error(f"no PARAMETER=VALUE: {wrong}")
    return given


def client(service, endpoint):
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )


def upload(s3, package, template, prefix):
    """Uploads the zips that the template names and the template; returns the template's URL."""
    s3.create_bucket(Bucket=BUCKET)
    # For a missing zip the emulator would create a function without code.
    zips = [package / name for name in re.findall(r"\$\{CodePrefix\}/([a-z-]+\.zip)", template.read_text())]
    if missing := [str(file) for file in zips if not file.exists()]:
        sys.exit(f"missing: {missing}")
    for file in [*zips, template]:
        s3.upload_file(str(file), BUCKET, f"{prefix}/{file.name}")
    return f"{s3.meta.endpoint_url}/{BUCKET}/{prefix}/{template.name}"


def existing_parameters(cloudformation, stack):
    """The parameters of an existing stack, or None."""
    try:
        state = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError:
        return None
    return [parameter["ParameterKey"] for parameter in state["Parameters"]]


def deploy(cloudformation, stack, template_url, parameters):
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    request = {"StackName": stack, "TemplateURL": template_url, "Capabilities": ["CAPABILITY_IAM"]}
    existing = existing_parameters(cloudformation, stack)
    if existing is None:
        cloudformation.create_stack(**request, Parameters=given, OnFailure="DO_NOTHING")
    else:
        kept = [{"ParameterKey": key, "UsePreviousValue": True} for key in existing if key not in parameters]
        cloudformation.update_stack(**request, Parameters=given + kept)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        state = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        if not state["StackStatus"].endswith("_IN_PROGRESS"):
            return state
        time.sleep(0.05)
    return state


def events(cloudformation, stack):
    for event in reversed(cloudformation.describe_stack_events(StackName=stack)["StackEvents"]):
        reason = event.get("ResourceStatusReason", "")
        yield f"{event['ResourceStatus']} {event['LogicalResourceId']} {event['ResourceType']} {reason}"


def main():
    given = arguments()
    s3, cloudformation = (client(service, given.endpoint) for service in ("s3", "cloudformation"))
    parameters = {"CodeBucket": BUCKET, "CodePrefix": PREFIX, "EmulatorEndpoint": given.endpoint}
    parameters |= dict(pair.split("=", 1) for pair in given.parameters)
    template_url = upload(s3, given.package, given.template, parameters["CodePrefix"])
    try:
        state = deploy(cloudformation, given.stack, template_url, parameters)
    except ClientError as error:
        sys.exit(f"{given.stack}: {error}")
    if state["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        print(*events(cloudformation, given.stack), sep="\n", file=sys.stderr)
        sys.exit(f"{given.stack}: {state['StackStatus']}: {state.get('StackStatusReason', '')}")
    print(json.dumps({output["OutputKey"]: output["OutputValue"] for output in state["Outputs"]}))


if __name__ == "__main__":
    main()
