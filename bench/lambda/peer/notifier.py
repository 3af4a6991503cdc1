"""Tells each open socket of a user that the role has changed."""

import os

import boto3

dynamodb = boto3.client("dynamodb")
connections = boto3.client(
    "apigatewaymanagementapi", endpoint_url=os.environ["TIERLIFT_CONNECTIONS_ENDPOINT"]
)
table = os.environ["TIERLIFT_TABLE"]


def tell(image):
    answer = dynamodb.query(
        TableName=table,
        IndexName="connections",
        KeyConditionExpression="conn_user = :user",
        ExpressionAttributeValues={":user": {"S": image["pk"]["S"].removeprefix("USER#")}},
    )
    for item in answer["Items"]:
        connection = item["pk"]["S"].removeprefix("CONN#")
        try:
            connections.post_to_connection(ConnectionId=connection, Data=image["change"]["S"].encode())
        except connections.exceptions.GoneException:
            dynamodb.delete_item(TableName=table, Key={"pk": item["pk"]})


def handler(event, context):
    failures = []
    for record in event["Records"]:
        try:
            tell(record["dynamodb"]["NewImage"])
        except Exception:
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
    return {"batchItemFailures": failures}
