"""Quantities that AWS charges for: units of DynamoDB and SQS, seconds of functions, and a line of a bill.

    python3 -m doctest docs/cost_units.py        tests the arithmetic
"""

import math
from dataclasses import dataclass

from cost_prices import PRICES

# For each function its memory in MB, as in the template, and the duration of an invocation in ms. The
# durations are assumed: most of each is waiting for AWS, which no emulator can show.
FUNCTIONS = {
    **{"ingest": (256, 15), "worker": (256, 30), "notifier-stream": (256, 25)},
    **{"notifier-gateway": (256, 10), "session": (256, 10), "expiry": (256, 100), "fetch": (256, 100)},
    **{"ingest-eventbridge": (256, 15), "changes": (256, 20)},
}


def write_units(size_bytes, transaction=False):
    """One per KB or part of it, twice in a transaction.

    >>> write_units(1), write_units(1024), write_units(1025), write_units(1024, transaction=True)
    (1, 1, 2, 2)
    """
    return math.ceil(size_bytes / 1024) * (2 if transaction else 1)


def read_units(size_bytes, strong=True):
    """One per 4 KB or part of it, half if eventually consistent; a read of an absent item counts as well.

    >>> read_units(0), read_units(4096), read_units(4097), read_units(100, strong=False)
    (1, 1, 2, 0.5)
    """
    return max(1, math.ceil(size_bytes / 4096)) * (1 if strong else 0.5)


def queue_requests(size_bytes):
    """One per 64 KB or part of it.

    >>> queue_requests(3_500), queue_requests(65_536), queue_requests(65_537)
    (1, 1, 2)
    """
    return max(1, math.ceil(size_bytes / 65_536))


def gb_s(function, invocations=1):
    """GB-seconds of invocations of a function. Durations are billed in milliseconds, rounded up.

    >>> gb_s("ingest"), gb_s("notifier-gateway", 4)
    (0.00375, 0.01)
    """
    memory_mb, ms = FUNCTIONS[function]
    return memory_mb / 1024 * math.ceil(ms) / 1000 * invocations


def gb(size_bytes):
    return size_bytes / 1e9


@dataclass(frozen=True)
class Line:
    """A quantity of something that has a price, for one unit of its table."""

    part: str
    what: str
    quantity: float
    price: str
    source: str

    @property
    def dollars(self):
        return self.quantity * PRICES[self.price].dollars / PRICES[self.price].per


def invocations(function, count, source):
    return [
        Line("Lambda", f"{function}: invocations", count, "lambda_request", source),
        Line(
            "Lambda",
            f"{function}: time",
            gb_s(function, count),
            "lambda_gb_s",
            "{} MB; {} ms, assumed".format(*FUNCTIONS[function]),
        ),
    ]


def logs(part, what, size_bytes, source):
    return [
        Line(part, f"{what}: logs ingested", gb(size_bytes), "logged", source),
        Line(part, f"{what}: logs kept 30 days", gb(size_bytes), "log_kept", "uncompressed"),
    ]
