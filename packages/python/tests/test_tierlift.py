"""The client against a real server."""

import json
import threading
import time
import unittest
from collections.abc import Callable

import standardwebhooks
from server import SERVICE_TOKEN, WEBHOOK_SECRET, Host, Server, eventually
from tierlift import Changes, Tierlift, TierliftError, verify_webhook


class Client(unittest.TestCase):
    host: Host
    server: Server
    tierlift: Tierlift

    @classmethod
    def setUpClass(cls) -> None:
        cls.host = Host()
        cls.server = Server(cls.host.url)
        cls.tierlift = Tierlift(f"{cls.server.url}/", SERVICE_TOKEN)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.server.close()
        cls.host.close()

    def pay(self, user: str) -> None:
        self.tierlift.grant(f"grant of {user}", user, "paid", "a test")

    def refused(self, asked: Callable[[], object]) -> TierliftError:
        with self.assertRaises(TierliftError) as raised:
            asked()
        return raised.exception

    def test_a_user_has_what_they_were_granted_whatever_their_id_is(self) -> None:
        user = "ada/böb ?#%"
        nobody = self.tierlift.user(user)
        self.assertEqual((nobody["userId"], nobody["role"], nobody["features"]), (user, "free", []))
        self.pay(user)
        payer = self.tierlift.user(user)
        self.assertEqual((payer["role"], payer["features"]), ("paid", ["export"]))
        withdrawn = self.tierlift.withdraw_grant(f"grant of {user}", user, "refunded")
        self.assertIsNotNone(withdrawn["withdrawnAt"])
        self.assertEqual(self.tierlift.user(user)["role"], "free")
        ended = self.tierlift.grant("g2", user, "paid", "a test", "2020-01-01T00:00:00Z")
        self.assertEqual((ended["expiresAt"] or "")[:10], "2020-01-01")
        self.assertEqual(self.tierlift.user(user)["role"], "free")

    def test_a_user_has_what_their_organisation_has_if_it_is_named(self) -> None:
        self.pay("org_1")
        session = self.tierlift.user("cleo", accounts=["org_1", "org_2"])
        self.assertEqual((session["role"], session["accountId"]), ("paid", "org_1"))
        self.assertEqual(session["accounts"], ["cleo", "org_1", "org_2"])

    def test_a_user_must_sign_in_again_once_that_is_too_old_or_was_revoked(self) -> None:
        now = int(time.time())
        self.assertEqual(self.tierlift.user("dora", auth_time=now)["userId"], "dora")
        issued = self.tierlift.issue_token("dora", auth_time=now, claims={"email": "dora@example.com"})
        self.assertEqual(len(issued["accessToken"].split(".")), 3)
        old = self.refused(lambda: self.tierlift.user("dora", auth_time=now - 365 * 86_400))
        self.assertEqual((old.status, old.code), (401, "token.session_expired"))
        self.server.run("revoke", "dora", "--reason", "a test")
        for asked in (
            lambda: self.tierlift.user("dora", auth_time=now),
            lambda: self.tierlift.issue_token("dora", auth_time=now),
        ):
            error = self.refused(asked)
            self.assertEqual((error.status, error.answered, error.code), (401, 409, "token.revoked"))

    def test_any_number_of_users_are_asked_for_at_once_in_order(self) -> None:
        self.pay("user 150")
        ids = [f"user {number}" for number in range(201)]
        users = self.tierlift.users(ids)
        self.assertEqual([user["userId"] for user in users], ids)
        paid = [user["userId"] for user in users if user["role"] == "paid"]
        self.assertEqual(paid, ["user 150"])
        self.assertEqual(self.tierlift.users([]), [])

    def test_changes_are_followed_from_a_cursor(self) -> None:
        cursor = self.tierlift.changes()["cursor"]
        followed: list[Changes] = []
        seen: list[str] = []

        def follow() -> None:
            for answer in self.tierlift.follow(cursor):
                followed.append(answer)
                seen.extend(change["userId"] for change in answer["changes"])
                if len(seen) >= 2:
                    return

        thread = threading.Thread(target=follow)
        thread.start()
        self.pay("eve")
        self.pay("finn")
        thread.join(timeout=30)
        self.assertEqual(seen, ["eve", "finn"])
        self.assertEqual(self.tierlift.changes(followed[-1]["cursor"])["changes"], [])
        gone = self.refused(lambda: self.tierlift.changes("9-0123456789abcdef"))
        self.assertEqual(gone.code, "cursor.expired")

    def test_webhooks_of_the_server_are_verified_and_no_others(self) -> None:
        self.pay("gil")

        def of_gil() -> list[tuple[bytes, dict[str, str]]]:
            return [one for one in self.host.received if b'"gil"' in one[0]]

        eventually(lambda: bool(of_gil()))
        body, headers = of_gil()[0]
        webhook = verify_webhook(body, headers, WEBHOOK_SECRET)
        self.assertEqual((webhook["type"], webhook["data"]["role"]), ("role.upgraded", "paid"))
        self.assertEqual(webhook, json.loads(body))
        other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
        self.assertEqual(verify_webhook(body, headers, f"{other}, {WEBHOOK_SECRET}"), webhook)
        for text, with_, secret in (
            (body + b" ", headers, WEBHOOK_SECRET),
            (body, headers, other),
            (body, headers | {"webhook-id": "another"}, WEBHOOK_SECRET),
            (body, {}, WEBHOOK_SECRET),
            (body, headers, ""),
        ):
            with self.assertRaises(standardwebhooks.WebhookVerificationError):
                verify_webhook(text, with_, secret)

    def test_without_an_answer_nobody_is_let_in_or_signed_out(self) -> None:
        wrong = self.refused(lambda: Tierlift(self.server.url, "x" * 32).user("ada"))
        self.assertEqual((wrong.status, wrong.answered, wrong.code), (503, 401, "service_token.invalid"))
        silent = self.refused(lambda: Tierlift("http://127.0.0.1:1", SERVICE_TOKEN).user("ada"))
        self.assertEqual((silent.status, silent.answered), (503, None))
        pages = {
            "html": (200, b"<html>"),
            "conflict": (409, b"Conflict"),
            "gone": (0, b""),
            "moved": (302, b""),
            "elsewhere": (200, b"{}"),
        }
        strange = Host(lambda path: pages[path.rsplit("/", 1)[1]])
        for user in ("html", "conflict", "gone", "moved"):
            error = self.refused(lambda: Tierlift(strange.url, SERVICE_TOKEN).user(user))
            self.assertEqual(error.status, 503, user)
        strange.close()

    def test_what_is_missing_is_said_before_anything_is_asked(self) -> None:
        with self.assertRaisesRegex(ValueError, "TIERLIFT_URL"):
            Tierlift("", "x")
        with self.assertRaisesRegex(ValueError, "TIERLIFT_SERVICE_TOKEN"):
            Tierlift("http://x", "")


if __name__ == "__main__":
    unittest.main()
