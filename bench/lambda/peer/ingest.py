"""Verifies a webhook with Stripe's own library and puts it in the queue."""

import base64
import os
import time

import boto3
import stripe

sqs = boto3.client("sqs")
queue_url = os.environ["TIERLIFT_QUEUE_URL"]
# Read when the function starts, as is usual: a webhook does not wait for it.
secret = boto3.client("secretsmanager").get_secret_value(
    SecretId=os.environ["STRIPE_WEBHOOK_SECRET_ARN"]
)["SecretString"]


def attribute(value):
    return {"DataType": "String", "StringValue": value}


def handler(event, context):
    body = event.get("body", "")
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    signature = event["headers"].get("stripe-signature", "")
    try:
        webhook = stripe.Webhook.construct_event(body, signature, secret)
    except (ValueError, stripe.SignatureVerificationError):
        return {"statusCode": 400, "body": '{"code":"signature"}'}
    sqs.send_message(
        QueueUrl=queue_url,
        MessageBody=body,
        MessageGroupId=webhook["data"]["object"]["customer"],
        MessageDeduplicationId=webhook["id"],
        MessageAttributes={
            "event": attribute(webhook["id"]),
            "type": attribute(webhook["type"]),
            "received_at": attribute(str(int(time.time() * 1000))),
        },
    )
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": '{"status":"accepted"}',
    }
