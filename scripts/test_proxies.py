"""Drives nginx and Caddy with the configurations of docs/hosts in front of an application and tierlift.

python3 -B scripts/test_proxies.py PROXIES TIERLIFT: the folder that scripts/debian.sh made, and the program.
"""

import base64
import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

HOSTS = pathlib.Path(__file__).resolve().parent.parent / "docs" / "hosts"
WEBHOOK_SECRET = "whsec_7Zq2mVxT4bLr9KsWdN3c"
JWT_SECRET = "a secret of at least thirty-two bytes"
CONFIG = """
[authorize]
cookie = "token"
[plans]
price_pro = "paid"
"""
DEADLINE_SECS = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, holds):
    deadline = time.monotonic() + DEADLINE_SECS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return
        time.sleep(0.02)
    raise AssertionError(f"never true: {what}")


class Application(http.server.BaseHTTPRequestHandler):
    """Answers with the user and the role that the proxy says."""

    def do_GET(self):
        seen = [self.headers.get(f"X-Tierlift-{name}") or "nobody" for name in ("User", "Role")]
        body = " ".join(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def request(port, method, path, headers=(), body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.read().decode()


def token(user):
    part = lambda value: base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    now = int(time.time())
    head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    claims = part(json.dumps({"sub": user, "iat": now, "exp": now + 900, "rev": 0}).encode())
    signed = hmac.new(JWT_SECRET.encode(), f"{head}.{claims}".encode(), hashlib.sha256).digest()
    return f"{head}.{claims}.{part(signed)}"


def subscription(event, user, status):
    now = int(time.time())
    item = {"id": "si_1", "object": "subscription_item", "quantity": 1,
            "current_period_end": now + 86_400,
            "price": {"id": "price_pro", "object": "price", "product": "prod_1"}}
    return {
        "id": event, "object": "event", "type": "customer.subscription.created", "created": now,
        "livemode": False, "api_version": "2025-03-31.basil",
        "data": {"object": {
            "id": f"sub_{user}", "object": "subscription", "customer": f"cus_{user}", "status": status,
            "metadata": {"user_id": user}, "items": {"object": "list", "has_more": False, "data": [item]},
        }},
    }


def webhook(port, event):
    body, at = json.dumps(event), int(time.time())
    signed = hmac.new(WEBHOOK_SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={at},v1={signed}", "Content-Type": "application/json"}
    status, answer = request(port, "POST", "/webhooks/stripe", headers, body)
    assert status == 200, answer


@contextlib.contextmanager
def program(command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(DEADLINE_SECS)


def configured(name, ports):
    text = (HOSTS / name).read_text()
    for documented, port in ports.items():
        assert f":{documented}" in text, (name, documented)
        text = text.replace(f":{documented}", f":{port}")
    return text


def nginx(proxies, folder, ports):
    (folder / "host.conf").write_text(configured("nginx.conf", ports))
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/host.conf;\n}}\n")
    return [f"{proxies}/usr/sbin/nginx", "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(proxies, folder, ports):
    (folder / "Caddyfile").write_text(configured("Caddyfile", ports))
    return [f"{proxies}/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def drive(name, folder, command, port, tierlift):
    """Who has not paid is refused, who has just paid passes with the same cookie."""
    user = f"ada-{name}"
    cookie = {"Cookie": f"theme=dark; token={token(user)}", "X-Tierlift-User": "mallory"}
    bearer = {"Authorization": f"Bearer {token(user)}"}
    with program(command, env={"HOME": str(folder)}, stderr=subprocess.DEVNULL):
        eventually(f"{name} answers", lambda: request(port, "GET", "/")[0] == 200)
        assert request(port, "GET", "/", cookie) == (200, "nobody nobody")
        assert request(port, "GET", "/reports")[0] == 401
        for headers in (cookie, bearer):
            assert request(port, "GET", "/reports", headers)[0] == 403
        webhook(tierlift, subscription(f"evt_{name}_1", user, "active"))
        eventually("the payment counts", lambda: request(port, "GET", "/reports", cookie)[0] == 200)
        for headers in (cookie, bearer):
            assert request(port, "GET", "/reports", headers) == (200, f"{user} paid")
        ended = subscription(f"evt_{name}_2", user, "canceled")
        ended["type"] = "customer.subscription.deleted"
        webhook(tierlift, ended)
        eventually("the end counts", lambda: request(port, "GET", "/reports", cookie)[0] == 403)
    print(f"{name}: ok")


def main(proxies, tierlift_program):
    application = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=application.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "tierlift.toml").write_text(CONFIG)
        port = free_port()
        command = [str(pathlib.Path(tierlift_program).resolve()), "serve", "--listen", f"127.0.0.1:{port}"]
        secrets = {"STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET, "TIERLIFT_JWT_SECRET": JWT_SECRET}
        with program(command, cwd=folder, env={"RUST_LOG": "warn", **secrets}):
            eventually("tierlift is ready", lambda: request(port, "GET", "/readyz")[0] == 200)
            for prepare in (nginx, caddy):
                ports = {8080: free_port(), 8787: port, 3000: application.server_port}
                command = prepare(proxies, folder, ports)
                drive(prepare.__name__, folder, command, ports[8080], port)


if __name__ == "__main__":
    main(*sys.argv[1:])
