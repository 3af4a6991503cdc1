"""The calls of AWS that functions are sent, to see which of them their roles allow."""


def key(pk):
    return {"pk": {"S": pk}}


class Calls:
    """The calls that functions are sent."""

    def __init__(self, outputs, stripe_key_arn):
        self.stripe_key = self.secret(stripe_key_arn)
        self.table = outputs["TableName"]
        self.webhook_secret = self.secret(outputs["WebhookSecretArn"])
        self.jwt_secret = self.secret(outputs["JwtSecretArn"])
        self.send = self.queue(outputs["QueueUrl"])
        self.park = self.queue(outputs["DeadLetterQueueUrl"])
        hidden = {"QueueUrl": outputs["QueueUrl"], "ReceiptHandle": "none", "VisibilityTimeout": 1}
        self.hide = ("sqs", "change_message_visibility", hidden)
        self.settle = [
            self.batch(outputs["QueueUrl"], "delete_message_batch"),
            self.batch(outputs["QueueUrl"], "change_message_visibility_batch", VisibilityTimeout=1),
        ]
        dead, partner = outputs["DeadLetterQueueUrl"], outputs["QueueUrl"].replace("events.fifo", "partner-events")
        self.look_at_dead = [self.receive(dead), self.batch(dead, "change_message_visibility_batch", VisibilityTimeout=1)]
        self.take_partner = [self.receive(partner), self.batch(partner, "delete_message_batch")]
        thin = outputs["QueueUrl"].replace("events.fifo", "thin-events.fifo")
        self.hand_over = self.queue(thin)
        self.take_thin = [
            self.receive(thin),
            self.batch(thin, "delete_message_batch"),
            self.batch(thin, "change_message_visibility_batch", VisibilityTimeout=1),
        ]
        self.forge_partner = ("sqs", "send_message", {"QueueUrl": partner, "MessageBody": "{}"})

    def secret(self, arn):
        return ("secretsmanager", "get_secret_value", {"SecretId": arn})

    def queue(self, url):
        message = {"MessageBody": "{}", "MessageGroupId": "group", "MessageDeduplicationId": "one"}
        return ("sqs", "send_message", {"QueueUrl": url, **message})

    def receive(self, url):
        return ("sqs", "receive_message", {"QueueUrl": url})

    def batch(self, url, operation, **arguments):
        entries = [{"Id": "0", "ReceiptHandle": "none", **arguments}]
        return ("sqs", operation, {"QueueUrl": url, "Entries": entries})

    def item(self, operation, **arguments):
        return ("dynamodb", operation, {"TableName": self.table, **arguments})

    def get(self, pk):
        return self.item("get_item", Key=key(pk))

    def put(self, pk):
        return self.item("put_item", Item=key(pk))

    def change(self, pk):
        change = {"UpdateExpression": "SET seen = :now", "ExpressionAttributeValues": {":now": {"N": "1"}}}
        return self.item("update_item", Key=key(pk), **change)

    def delete(self, pk):
        return self.item("delete_item", Key=key(pk))

    def load(self, *pks):
        wanted = {self.table: {"Keys": [key(pk) for pk in pks]}}
        return ("dynamodb", "batch_get_item", {"RequestItems": wanted})

    def commit(self, *pks):
        puts = [{"Put": {"TableName": self.table, "Item": key(pk)}} for pk in pks]
        return ("dynamodb", "transact_write_items", {"TransactItems": puts})

    def scan(self):
        return self.item("scan")

    def sockets_of(self, user):
        return self.query("connections", "conn_user", {"S": user})

    def due(self):
        return self.query("expiry", "expiry_shard", {"N": "0"})

    def unclear(self):
        return self.query("fetch", "fetch_shard", {"N": "0"})

    def waiting(self):
        return self.query("waiting", "waiting_shard", {"N": "0"})

    def query(self, index, name, value):
        return self.item(
            "query",
            IndexName=index,
            KeyConditionExpression="#name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )

    def push(self):
        return ("apigatewaymanagementapi", "post_to_connection", {"ConnectionId": "none", "Data": "{}"})

    def close(self):
        return ("apigatewaymanagementapi", "delete_connection", {"ConnectionId": "none"})
