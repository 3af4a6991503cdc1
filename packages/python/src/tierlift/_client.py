"""The service routes of a tierlift server. Nothing is kept and nothing is tried again: every answer is what holds now,
and the host decides what to do without one.

Requests block: in a coroutine, call them by `asyncio.to_thread`.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ._error import TierliftError
from ._types import Changes, Grant, Issued, User

_USERS_PER_BATCH_MAX = 100
_CHANGES_WAIT_SECS_MAX = 25


class _NoRedirect(HTTPRedirectHandler):
    """A service token goes nowhere else."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


class Tierlift:
    """A tierlift server, as a backend with a service token sees it. Threads may share one."""

    def __init__(
        self, url: str | None = None, service_token: str | None = None, timeout_secs: float = 5
    ) -> None:
        """The address and the token are `TIERLIFT_URL` and `TIERLIFT_SERVICE_TOKEN` by default."""
        url = url or os.environ.get("TIERLIFT_URL")
        service_token = service_token or os.environ.get("TIERLIFT_SERVICE_TOKEN")
        if not url:
            raise ValueError("no address of tierlift: pass url, or set TIERLIFT_URL")
        if not service_token:
            raise ValueError("no service token: pass service_token, or set TIERLIFT_SERVICE_TOKEN")
        self._url = url.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {service_token}",
            "Content-Type": "application/json",
        }
        self._timeout_secs = timeout_secs
        self._opener = build_opener(_NoRedirect)

    def user(
        self, user_id: str, *, auth_time: int | None = None, accounts: Iterable[str] = ()
    ) -> User:
        """The session of a user, by the host's own id, as it is now.

        With `auth_time`, Unix seconds at which they signed in at the host, only while that sign-in counts: the
        error has the status 401 after it. `accounts` are beside their own, such as their organisation's.
        """
        query = [("account", account) for account in accounts]
        if auth_time is not None:
            query.append(("authTime", str(auth_time)))
        asked = f"?{urlencode(query)}" if query else ""
        session: User = self._ask(f"/v1/users/{quote(user_id, safe='')}{asked}")
        return session

    def users(self, user_ids: Iterable[str]) -> list[User]:
        """The sessions of users, in the same order, by as many requests as that takes."""
        sessions: list[User] = []
        user_ids = list(user_ids)
        for start in range(0, len(user_ids), _USERS_PER_BATCH_MAX):
            some = user_ids[start : start + _USERS_PER_BATCH_MAX]
            sessions += self._ask("/v1/users:batch", {"userIds": some})["users"]
        return sessions

    def issue_token(
        self,
        user_id: str,
        *,
        auth_time: int | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> Issued:
        """A token for the browser of a user whom the host has signed in, at `auth_time`."""
        body: dict[str, Any] = {"userId": user_id, "claims": dict(claims or {})}
        if auth_time is not None:
            body["authTime"] = auth_time
        issued: Issued = self._ask("/v1/tokens", body)
        return issued

    def grant(
        self, grant_id: str, user_id: str, role: str, reason: str, expires_at: str | None = None
    ) -> Grant:
        """Gives a user a role that they earned elsewhere, once for each `grant_id`, until an end (RFC 3339) if there is
        one."""
        body = {"grantId": grant_id, "userId": user_id, "role": role, "reason": reason}
        grant: Grant = self._ask("/v1/grants", {**body, "expiresAt": expires_at})
        return grant

    def withdraw_grant(self, grant_id: str, user_id: str, reason: str) -> Grant:
        """Takes back what this service granted."""
        body = {"grantId": grant_id, "userId": user_id, "reason": reason}
        grant: Grant = self._ask("/v1/grants:withdraw", body)
        return grant

    def changes(self, after: str = "latest", wait_secs: int = 0) -> Changes:
        """The changes behind a cursor; `latest` is the end of the log. Waits for one, at most 25 seconds."""
        query = urlencode({"after": after, "wait": wait_secs})
        changes: Changes = self._ask(f"/v1/changes?{query}", wait_secs=wait_secs)
        return changes

    def follow(self, cursor: str) -> Iterator[Changes]:
        """Follows the changes behind a cursor. Work on what it yields, then keep its cursor.

        Whatever goes wrong ends it; `cursor.expired` says that the host must ask for all its users again.
        """
        while True:
            answer = self.changes(cursor, _CHANGES_WAIT_SECS_MAX)
            if answer["changes"]:
                yield answer
            cursor = answer["cursor"]

    def _ask(self, path: str, body: object = None, wait_secs: int = 0) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, self._headers)
        timeout = self._timeout_secs + wait_secs
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return json.load(answer)
        except HTTPError as refusal:
            with refusal:
                raise _refused(path, refusal) from refusal
        except (OSError, HTTPException, ValueError) as error:
            raise TierliftError(f"{path}: no answer of tierlift: {error}") from error


def _refused(path: str, refusal: HTTPError) -> TierliftError:
    try:
        problem = json.load(refusal)
        code, reason = problem["code"], problem["detail"]
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        # It comes from a proxy.
        code, reason = None, refusal.reason
    return TierliftError(f"{path}: {refusal.code} {reason}", refusal.code, code)
