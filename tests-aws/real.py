"""Calls one AWS API in the account and region of the shell.

Reads {"target": "AmazonSQS.CreateQueue", "input": {...}} from standard input and prints the response.
"""

import json
import sys

import boto3
from botocore import xform_name

SERVICES = {"AmazonSQS": "sqs", "DynamoDB_20120810": "dynamodb"}

request = json.load(sys.stdin)
service, operation = request["target"].split(".")
client = boto3.client(SERVICES[service])
response = getattr(client, xform_name(operation))(**request["input"])
response.pop("ResponseMetadata")
json.dump(response, sys.stdout, default=str)
