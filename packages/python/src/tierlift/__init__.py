"""What a user has paid for, asked of a tierlift server by the host's backend."""

from ._client import Tierlift
from ._error import TierliftError
from ._types import Change, Changes, Code, Grant, Issued, Session, User, Webhook
from ._webhook import verify_webhook

__all__ = [
    "Change",
    "Changes",
    "Code",
    "Grant",
    "Issued",
    "Session",
    "Tierlift",
    "TierliftError",
    "User",
    "Webhook",
    "verify_webhook",
]
