"""Webhooks of tierlift to the host, as Standard Webhooks signs them."""

import os
from collections.abc import Mapping
from typing import cast

import standardwebhooks

from ._types import Webhook


def verify_webhook(
    body: bytes | str, headers: Mapping[str, str], secrets: str | None = None
) -> Webhook:
    """Verifies a webhook and returns it. Leave it out if its header `webhook-id` was seen.

    Raises `standardwebhooks.WebhookVerificationError` if none of the secrets signed it, or if it is older than five
    minutes. `body` is the body as it was received, before any parser. The secrets are those of
    `TIERLIFT_WEBHOOKS_OUT_SECRET` by default, two while one is rotated.
    """
    if secrets is None:
        secrets = os.environ.get("TIERLIFT_WEBHOOKS_OUT_SECRET", "")
    failure: Exception = standardwebhooks.WebhookVerificationError("there is no secret")
    for secret in filter(None, (secret.strip() for secret in secrets.split(","))):
        try:
            return cast(Webhook, standardwebhooks.Webhook(secret).verify(body, dict(headers)))
        except standardwebhooks.WebhookVerificationError as error:
            failure = error
    raise failure
