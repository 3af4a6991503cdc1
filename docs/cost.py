#!/usr/bin/env python3
"""Computes what tierlift costs on AWS: list prices times quantities, each with its source.

    python3 docs/cost.py                         prints the tables of cost.md
    python3 docs/cost.py --write docs/cost.md    writes them into the page, between their markers
    python3 docs/cost.py --check docs/cost.md    fails if the page has other tables
    python3 -m doctest docs/cost.py              tests the arithmetic

Free tiers and volume discounts are left out. The prices are in cost_prices.py.
"""

import argparse
import difflib
import doctest
import math
import re
import sys
from pathlib import Path

import cost_units
from cost_prices import MILLION, PRICES
from cost_units import FUNCTIONS, Line, gb, gb_s, invocations, logs, queue_requests, read_units, write_units

MONTH_HOURS = 730

# Bytes as the bench of the functions measures them, rounded up; a customer with a history.
WEBHOOK_BYTES = 3_500
CUSTOMER_BYTES = 1_024
ACCOUNT_BYTES = 600
LEDGER_BYTES = 300
CONNECTION_BYTES, LEDGER_MONTHS = 100, 3
ITEM_OVERHEAD_BYTES = 100
LOGGED_BYTES = {"api": 350, "ingest": 500, "worker": 1_100, "notifier-stream": 850}
ANSWERED_BYTES = 1_000

# While nobody looks at the page, and while somebody does.
PING_SECONDS, PING_LOOKED_AT_SECONDS = 240, 15
LIFE_MINUTES = 110
SECRET_SECONDS = 300


ITEMS = (CUSTOMER_BYTES, ACCOUNT_BYTES, LEDGER_BYTES)
EVENT = [
    Line("API Gateway", "webhook", 1, "http", "3 KB"),
    *invocations("ingest", 1, "one per webhook"),
    Line("SQS", "SendMessage", queue_requests(WEBHOOK_BYTES), "queue", "one request of ingest"),
    Line("SQS", "ReceiveMessage", queue_requests(WEBHOOK_BYTES), "queue", "Lambda's poller; batches of one, the most expensive case"),
    Line("SQS", "DeleteMessage", 1, "queue", "Lambda's poller; as above"),
    *invocations("worker", 1, "batches of one"),
    Line("DynamoDB", "BatchGetItem", sum(map(read_units, ITEMS)), "read", "ledger, customer, account, strongly consistent"),
    Line(
        "DynamoDB",
        "TransactWriteItems",
        sum(write_units(item, transaction=True) for item in ITEMS),
        "write",
        "the same three, each below 1 KB, twice for the transaction",
    ),
    Line("DynamoDB", "index of expiries", 2, "write", "an expiry that moves: one entry deleted, one written; not doubled"),
    Line(
        "DynamoDB",
        "ledger row, 90 days",
        gb(LEDGER_BYTES + ITEM_OVERHEAD_BYTES) * LEDGER_MONTHS,
        "stored",
        "300 bytes and 100 of overhead; deletion by TTL is free",
    ),
    Line("DynamoDB", "… with point-in-time recovery", gb(LEDGER_BYTES + ITEM_OVERHEAD_BYTES) * LEDGER_MONTHS, "restorable", "the same"),
    Line("DynamoDB", "stream", 0, "read", "reads by Lambda are free"),
    *invocations("notifier-stream", 1, "batches of one; only changes that are pushed invoke it"),
    Line("DynamoDB", "Query of sockets", read_units(CONNECTION_BYTES, strong=False), "read", "the index, eventually consistent"),
    Line("DynamoDB", "GetItem of the socket", read_units(CONNECTION_BYTES), "read", "whose it is, and whether its token has expired; strongly consistent"),
    Line("API Gateway", "notice", 1, "frame", "one open socket"),
    Line("Network", "responses and notices", gb(ANSWERED_BYTES), "sent", "1 KB with headers"),
    *logs(
        "CloudWatch",
        "all three",
        sum(LOGGED_BYTES.values()),
        "ingest 500, worker 1,100, notifier 850 bytes, measured; access log 350",
    ),
]

# What only an event costs that changes something which is shown.
OF_A_CHANGE = {"index of expiries", "notifier-stream: invocations", "notifier-stream: time", "Query of sockets", "GetItem of the socket", "notice"}
# An event that changes nothing which is shown, such as `invoice.paid`: ledger, payment and invoice instead of ledger,
# customer and account, which cost as much.
QUIET_EVENT = [line for line in EVENT if line.what not in OF_A_CHANGE and not line.part == "CloudWatch"] + [
    *logs("CloudWatch", "ingest, worker", sum(LOGGED_BYTES.values()) - LOGGED_BYTES["notifier-stream"], "as above"),
]
# A renewal is `customer.subscription.updated`, which moves the expiry, `invoice.paid` and `invoice_payment.paid`.
RENEWAL = [EVENT, QUIET_EVENT, QUIET_EVENT]

REFRESH = [
    Line("API Gateway", "POST /session/refresh", 1, "http", "one tab fetches the new token for all"),
    *invocations("session", 1, "one"),
    Line("DynamoDB", "GetItem", read_units(ACCOUNT_BYTES), "read", "the account"),
    *logs("CloudWatch", "access", LOGGED_BYTES["api"], "350 bytes; the function itself logs nothing"),
]

PINGS_HOUR = 3600 / PING_SECONDS
LIVES_HOUR = 60 / LIFE_MINUTES
SOCKET_HOUR = [
    Line("API Gateway", "connection minutes", 60, "socket_minute", "one connection"),
    Line("API Gateway", "ping and PONG", 2 * PINGS_HOUR, "frame", "every 4 minutes while nobody looks (client/src/limits.ts)"),
    Line("API Gateway", "sync and SNAPSHOT", 2 * LIVES_HOUR, "frame", "a new connection after 105 to 115 minutes"),
    *invocations("notifier-gateway", PINGS_HOUR + 3 * LIVES_HOUR, "pings; $connect, sync and $disconnect of each connection"),
    Line("DynamoDB", "connection: put, delete", 4 * LIVES_HOUR, "write", "each with its index entry"),
    Line("DynamoDB", "connection: reads", 3.5 * LIVES_HOUR, "read", "$connect 1.5: account, sockets of the user; sync 2: connection, account"),
    Line("DynamoDB", "ping: reads", 2 * PINGS_HOUR, "read", "two GetItem, strongly consistent: connection, account"),
    Line("CloudWatch", "logs", 0, "logged", "none without an error; access logs of sockets are off"),
]

MORE_PINGS_HOUR = 3600 / PING_LOOKED_AT_SECONDS - PINGS_HOUR
LOOKED_AT_HOUR = [
    Line("API Gateway", "ping and PONG", 2 * MORE_PINGS_HOUR, "frame", "every 25 s, and for another tab of the browser every 15 s, which is counted (client/src/limits.ts)"),
    *invocations("notifier-gateway", MORE_PINGS_HOUR, "pings"),
    Line("DynamoDB", "ping: reads", 2 * MORE_PINGS_HOUR, "read", "two GetItem, strongly consistent: connection, account"),
]

MINUTES = MONTH_HOURS * 60
KEY_CACHED = MONTH_HOURS * 12
ALARM_METRICS = 20
ASKING_ALARM_METRICS = 5
MONTH = [
    Line("KMS", "key", 1, "key", "one for everything (infrastructure/template.yaml)"),
    Line("KMS", "requests of DynamoDB", KEY_CACHED, "key_use", "one caller, expiry, with a cache of 5 minutes"),
    Line("Secrets Manager", "secrets", 2, "secret", "webhook signing and tokens"),
    Line("SQS", "polling an empty queue", 5 * MINUTES * 3, "queue", "5 pollers of 20 s, as for a standard queue; AWS gives no number for FIFO"),
    Line("EventBridge", "schedule of expiry", MINUTES, "schedule", "every minute; an upper bound, rules may be free"),
    *invocations("expiry", MINUTES, "every minute"),
    Line("DynamoDB", "queries of expiry", 16 * MINUTES * 0.5, "read", "16 shards"),
    Line("DynamoDB", "queries of what waits", 16 * MINUTES * 0.5, "read", "16 shards; one more for each in which something waits"),
    Line("DynamoDB", "GetItem of the policy", MINUTES, "read", "strongly consistent"),
    Line("CloudWatch", "metrics", 2, "metric", "what waits, and for how long: all that an idle stack writes"),
    Line("CloudWatch", "metrics of alarms", ALARM_METRICS, "alarm", "18 alarms, two of them with two metrics"),
]

# What else a stack costs once it has traffic, however much. A metric is charged for the hours in which it is written.
SECRET_READS = 3 * 4 * MONTH_HOURS * 3600 / SECRET_SECONDS
BUSY = [
    Line("KMS", "requests of SQS", 3 * KEY_CACHED, "key_use", "a data key is reused for 5 minutes; AWS's formula for one producer and one consumer"),
    Line("KMS", "requests of DynamoDB", 5 * KEY_CACHED, "key_use", "five more callers, each with a cache of 5 minutes"),
    Line("KMS", "requests of Secrets Manager", SECRET_READS, "key_use", "one per read below"),
    Line("Secrets Manager", "reads", SECRET_READS, "secret_read", "every 5 minutes per instance; 3 functions, 4 instances each"),
    Line("CloudWatch", "metrics", 23, "metric", "4 from the access log, 2 from the worker's; about 17 from the functions' logs"),
]

# With a key of Stripe's API, and nothing that is unclear. A reconciliation reads a page and compares 100 objects in
# some seconds, and each object is a few reads.
COMPARED_UNITS, COMPARED_MS = 3, 30
ASKING = [
    Line("EventBridge", "schedule of fetch", MINUTES, "schedule", "every minute; an upper bound, rules may be free"),
    *invocations("fetch", MINUTES, "every minute"),
    Line("DynamoDB", "queries of what is unclear", 16 * MINUTES * 0.5, "read", "16 shards"),
    Line("DynamoDB", "GetItem of the reconciliation", MINUTES, "read", "strongly consistent"),
    Line("Secrets Manager", "secret", 1, "secret", "the key; a parameter of SSM costs nothing"),
    Line("Secrets Manager", "reads", KEY_CACHED, "secret_read", "every 5 minutes; one instance"),
    Line("KMS", "requests", 3 * KEY_CACHED, "key_use", "queue, table and secret, each cached for 5 minutes"),
    Line("CloudWatch", "metrics", 4, "metric", "requests by endpoint and status, fetches, what a reconciliation changed; 1 to 10"),
    Line("CloudWatch", "metrics of alarms", ASKING_ALARM_METRICS, "alarm", "4 alarms, one of them with two metrics"),
]
COMPARED = [
    Line("Lambda", "fetch: time", FUNCTIONS["fetch"][0] / 1024 * COMPARED_MS / 1000, "lambda_gb_s", f"256 MB; {COMPARED_MS} ms, assumed"),
    Line("DynamoDB", "BatchGetItem", COMPARED_UNITS, "read", "ledger, customer, account, strongly consistent"),
]
# What an event costs by EventBridge instead of the HTTP API and its ingest.
PARTNER_EVENT = [
    Line("EventBridge", "event of a partner", 1, "partner_event", "an upper bound: the page's example has the application pay that sends them"),
    Line("SQS", "SendMessage, ReceiveMessage, DeleteMessage", 3, "queue_standard", "the queue of partner events; batches of one"),
    *invocations("ingest-eventbridge", 1, "batches of one"),
    Line("SQS", "SendMessage", queue_requests(WEBHOOK_BYTES), "queue", "one request of ingest-eventbridge"),
]

# What each change costs that backends may follow, and a backend that follows them all day.
WAIT_SECONDS, POLL_SECONDS = 4, 0.5
CHANGE = [
    *invocations("changes", 1, "batches of one, the most expensive case"),
    Line("DynamoDB", "stream", 0, "read", "reads by Lambda are free"),
    Line("DynamoDB", "GetItem, BatchGetItem", 2, "read", "the head of the log, and what is logged of the user; strongly consistent"),
    Line("DynamoDB", "TransactWriteItems", 3 * write_units(1_024, transaction=True), "write", "head, change and the user's row, each below 1 KB, twice for the transaction"),
    Line("DynamoDB", "change, 7 days", gb(ACCOUNT_BYTES + ITEM_OVERHEAD_BYTES) * 7 / 30, "stored", "deletion by TTL is free"),
]
POLLS_MONTH = MONTH_HOURS * 3600 / WAIT_SECONDS
READS_PER_POLL = WAIT_SECONDS / POLL_SECONDS + 2
FOLLOWER = [
    Line("API Gateway", "GET /v1/changes", POLLS_MONTH, "http", f"an answer after {WAIT_SECONDS} s without a change"),
    Line("Lambda", "session: invocations", POLLS_MONTH, "lambda_request", "one each"),
    Line("Lambda", "session: time", FUNCTIONS["session"][0] / 1024 * MONTH_HOURS * 3600, "lambda_gb_s", "256 MB; it waits all the time"),
    Line("DynamoDB", "GetItem", POLLS_MONTH * READS_PER_POLL, "read", f"the head of the log every {POLL_SECONDS} s, and before and after"),
    *logs("CloudWatch", "access", POLLS_MONTH * LOGGED_BYTES["api"], "350 bytes; the function itself logs nothing"),
]

DISK_GB = 50
MACHINE = [
    Line("EC2", "m7g.large", MONTH_HOURS, "machine", "two cores, as in the README's figures"),
    Line("EBS", "disk", DISK_GB, "disk", f"{DISK_GB} GB"),
    Line("VPC", "address", MONTH_HOURS, "address", "one"),
]


# Events per month and open sockets.
EXAMPLES = [(10_000, 20), (1_000_000, 2_000), (50_000_000, 50_000)]


def total(lines):
    return sum(line.dollars for line in lines)


def of_renewals():
    """The mean of the events of a renewal.

    >>> total(QUIET_EVENT) < of_renewals() < total(EVENT)
    True
    >>> MILLION * of_renewals() <= 10
    True
    """
    return sum(map(total, RENEWAL)) / len(RENEWAL)


# What Lambda itself logs of an invocation from the level INFO on, assumed: its start and its report.
OWN_LINES_BYTES = 300


def own_lines():
    """What Lambda's own lines would add to the mean event of a renewal: ingest, worker, and one notifier in three.

    >>> money(MILLION * own_lines())
    '0.37'
    >>> MILLION * (of_renewals() + own_lines()) > 10
    True
    """
    return total(logs("CloudWatch", "own lines", OWN_LINES_BYTES * (2 + 1 / 3), "assumed"))


def example_dollars(events, sockets):
    """The monthly cost of each part of an example.

    >>> example_dollars(0, 0) == [0, 0, 0, total(MONTH) + total(BUSY)]
    True
    >>> of_events, _, of_sockets, _ = example_dollars(1_000_000, 1)
    >>> math.isclose(of_events, MILLION * total(EVENT)), math.isclose(of_sockets, 730 * total(SOCKET_HOUR))
    (True, True)
    """
    of_sockets = sockets * MONTH_HOURS * total(SOCKET_HOUR)
    return [events * total(EVENT), events * total(REFRESH), of_sockets, total(MONTH) + total(BUSY)]


def money(dollars):
    """
    >>> money(0), money(0.004), money(0.04), money(12.345), money(2345.6)
    ('0', '0.004', '0.04', '12.35', '2,346')
    """
    if dollars == 0:
        return "0"
    if dollars < 0.01:
        return f"{dollars:.1g}"
    return f"{dollars:,.2f}" if dollars < 1000 else f"{dollars:,.0f}"


def quantity(number, price):
    """A number with its unit if it has one; a small part of a GB is shown in bytes.

    >>> quantity(3, "queue"), quantity(43_800, "read"), quantity(0.0075, "lambda_gb_s"), quantity(2e-6, "logged")
    ('3', '43,800', '0.0075 GB-s', '2,000 bytes')
    """
    of = PRICES[price].of
    if of.startswith("GB ") and number < 0.001:
        return f"{number * 1e9:,.0f} bytes"
    shown = f"{number:,.0f}" if number >= 1000 or number == int(number) else f"{number:.3g}"
    return shown + (" GB-s" if of.startswith("GB-s") else " GB" if of.startswith("GB ") else "")


def table(head, align, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, align, *rows])


def bill(lines, each, times, unit):
    """A table of lines: the quantity for one unit, the price for `times` units."""
    rows = [
        [line.part, line.what, quantity(line.quantity, line.price), money(line.dollars * times), line.source]
        for line in lines
    ]
    rows.append(["**total**", "", "", f"**{money(total(lines) * times)}**", ""])
    head = ["part", "what", each, f"$ {unit}", "source of the number"]
    return table(head, ["---", "---", "--:", "--:", "---"], rows)


def prices_table():
    rows = [
        [price.of, f"{price.dollars:.10f}".rstrip("0").rstrip("."), f"{price.per:,}", f"<{price.page}>"]
        for price in PRICES.values()
    ]
    return table(["what", "$", "for", "page"], ["---", "--:", "--:", "---"], rows)


def examples_table():
    columns = [example_dollars(*example) for example in EXAMPLES]
    names = ["events: webhook, transaction, notice", "a token refresh after each", "open sockets", "fixed"]
    rows = [["events per second, on average", *(f"{events / (MONTH_HOURS * 3600):.2g}" for events, _ in EXAMPLES)]]
    rows += [[name, *map(money, values)] for name, values in zip(names, zip(*columns))]
    rows.append(["**per month, $**", *(f"**{money(sum(column))}**" for column in columns)])
    rows.append(["one machine instead, $", *(money(total(MACHINE)) for _ in EXAMPLES)])
    head = ["", *(f"{events:,} events, {sockets:,} sockets" for events, sockets in EXAMPLES)]
    return table(head, ["---", *["--:"] * len(EXAMPLES)], rows)


def kinds_table():
    rows = [
        ["changes what is shown: the table below", money(MILLION * total(EVENT))],
        ["changes nothing that is shown", money(MILLION * total(QUIET_EVENT))],
        ["**mean of a renewal's three events**", f"**{money(MILLION * of_renewals())}**"],
    ]
    return table(["an event that", "$ per million events"], ["---", "--:"], rows)


def evens_table():
    left = total(MACHINE) - total(MONTH) - total(BUSY)
    events = left / (total(EVENT) + total(REFRESH))
    sockets = left / (MONTH_HOURS * total(SOCKET_HOUR))
    rows = [
        ["events per month, without an open socket", f"{events / MILLION:.1f} million"],
        ["sockets that are always open, without an event", f"{sockets:,.0f}"],
    ]
    return table(["AWS costs as much as the machine at", ""], ["---", "--:"], rows)


TABLES = {
    "prices": prices_table,
    "kinds": kinds_table,
    "event": lambda: bill(EVENT, "per event", MILLION, "per million events"),
    "refresh": lambda: bill(REFRESH, "per refresh", MILLION, "per million refreshes"),
    "socket": lambda: bill(SOCKET_HOUR, "per hour", 1000 * MONTH_HOURS, "per 1,000 sockets and month"),
    "looked": lambda: bill(LOOKED_AT_HOUR, "per hour", 1000, "per 1,000 hours looked at"),
    "month": lambda: bill(MONTH, "per month", 1, "per month"),
    "busy": lambda: bill(BUSY, "per month", 1, "per month"),
    "asking": lambda: bill(ASKING, "per month", 1, "per month"),
    "compared": lambda: bill(COMPARED, "per object", MILLION, "per million objects"),
    "partner": lambda: bill(PARTNER_EVENT, "per event", MILLION, "per million events"),
    "change": lambda: bill(CHANGE, "per change", MILLION, "per million changes"),
    "follower": lambda: bill(FOLLOWER, "per month", 1, "per month"),
    "machine": lambda: bill(MACHINE, "per month", 1, "per month"),
    "examples": examples_table,
    "evens": evens_table,
}


def filled(page):
    """The page with each table between its markers. A marker of an unknown table is an error.

    >>> filled("<!-- cost:nothing -->x<!-- /cost -->")
    Traceback (most recent call last):
    KeyError: 'nothing'
    """
    def fill(match):
        return f"<!-- cost:{match[1]} -->\n{TABLES[match[1]]()}\n<!-- /cost -->"

    return re.sub(r"<!-- cost:(\w+) -->.*?<!-- /cost -->", fill, page, flags=re.DOTALL)


def check(path):
    """Exits with an error if the page lacks a table or has another version of it."""
    page = path.read_text()
    missing = [name for name in TABLES if f"<!-- cost:{name} -->" not in page]
    if missing:
        sys.exit(f"{path} has no {', '.join(missing)}")
    expected = filled(page)
    if page != expected:
        diff = difflib.unified_diff(page.splitlines(), expected.splitlines(), str(path), "docs/cost.py", lineterm="")
        sys.exit("\n".join(diff))
    if doctest.testmod().failed or doctest.testmod(cost_units).failed:
        sys.exit(1)


def main():
    arguments = argparse.ArgumentParser(description="What tierlift costs on AWS.")
    arguments.add_argument("--check", type=Path, help="fail if this page has other tables")
    arguments.add_argument("--write", type=Path, help="write the tables into this page")
    given = arguments.parse_args()
    if given.check:
        check(given.check)
    elif given.write:
        given.write.write_text(filled(given.write.read_text()))
    else:
        print("\n\n".join(f"{name}\n\n{make()}" for name, make in TABLES.items()))


if __name__ == "__main__":
    main()
