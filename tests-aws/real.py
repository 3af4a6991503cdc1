"""One call of an API of AWS, in the account and region of the shell that the tests were started from.

Reads {"target": "AmazonSQS.CreateQueue", "input": {...}} from its standard input, prints the answer.
"""

import json
import sys

import boto3
from botocore import xform_name

SERVICES = {"AmazonSQS": "sqs", "DynamoDB_20120810": "dynamodb"}

asked = json.load(sys.stdin)
service, operation = asked["target"].split(".")
client = boto3.client(SERVICES[service])
answer = getattr(client, xform_name(operation))(**asked["input"])
answer.pop("ResponseMetadata")
json.dump(answer, sys.stdout, default=str)
