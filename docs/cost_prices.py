"""The prices of cost.py, each with its page. They are not fetched: when one changes, change it here."""

from dataclasses import dataclass

MILLION = 1_000_000
AWS = "https://aws.amazon.com"


@dataclass(frozen=True)
class Price:
    """The price of a number of units, as on the page."""

    dollars: float
    per: int
    of: str
    page: str


PRICES = {
    "lambda_request": Price(0.20, MILLION, "invocations", f"{AWS}/lambda/pricing/"),
    "lambda_gb_s": Price(0.0000133334, 1, "GB-second on arm64, starts included", f"{AWS}/lambda/pricing/"),
    "http": Price(1.00, MILLION, "HTTP API requests of up to 512 KB", f"{AWS}/api-gateway/pricing/"),
    "frame": Price(1.00, MILLION, "WebSocket messages of up to 32 KB, either way", f"{AWS}/api-gateway/pricing/"),
    "socket_minute": Price(0.25, MILLION, "minutes of an open WebSocket", f"{AWS}/api-gateway/pricing/"),
    "queue": Price(0.50, MILLION, "SQS FIFO requests of up to 64 KB", f"{AWS}/sqs/pricing/"),
    "queue_standard": Price(0.40, MILLION, "SQS standard requests of up to 64 KB", f"{AWS}/sqs/pricing/"),
    "write": Price(0.625, MILLION, "DynamoDB write request units", f"{AWS}/dynamodb/pricing/on-demand/"),
    "read": Price(0.125, MILLION, "DynamoDB read request units", f"{AWS}/dynamodb/pricing/on-demand/"),
    "stored": Price(0.25, 1, "GB of a table for a month", f"{AWS}/dynamodb/pricing/on-demand/"),
    "restorable": Price(0.20, 1, "GB of a table with point-in-time recovery for a month", f"{AWS}/dynamodb/pricing/on-demand/"),
    "logged": Price(0.50, 1, "GB of logs ingested", f"{AWS}/cloudwatch/pricing/"),
    "log_kept": Price(0.03, 1, "GB of logs kept for a month", f"{AWS}/cloudwatch/pricing/"),
    "metric": Price(0.30, 1, "custom metric for a month", f"{AWS}/cloudwatch/pricing/"),
    "alarm": Price(0.10, 1, "alarm for a month", f"{AWS}/cloudwatch/pricing/"),
    "dashboard": Price(3.00, 1, "dashboard for a month", f"{AWS}/cloudwatch/pricing/"),
    "secret": Price(0.40, 1, "secret for a month", f"{AWS}/secrets-manager/pricing/"),
    "secret_read": Price(0.05, 10_000, "reads of a secret", f"{AWS}/secrets-manager/pricing/"),
    "key": Price(1.00, 1, "KMS key for a month", f"{AWS}/kms/pricing/"),
    "key_use": Price(0.03, 10_000, "requests to KMS", f"{AWS}/kms/pricing/"),
    "schedule": Price(1.00, MILLION, "scheduled events", f"{AWS}/eventbridge/pricing/"),
    "partner_event": Price(1.00, MILLION, "events of partners of up to 64 KB", f"{AWS}/eventbridge/pricing/"),
    "sent": Price(0.09, 1, "GB sent to the internet", f"{AWS}/ec2/pricing/on-demand/"),
    "machine": Price(0.0816, 1, "hour of an m7g.large (2 cores, 8 GB)", f"{AWS}/ec2/pricing/on-demand/"),
    "disk": Price(0.08, 1, "GB of gp3 disk for a month", f"{AWS}/ebs/pricing/"),
    "address": Price(0.005, 1, "hour of a public IPv4 address", f"{AWS}/vpc/pricing/"),
}
