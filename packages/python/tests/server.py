"""Runs a real `tierlift serve` on a free port over a fresh file, and a host that takes its webhooks."""

import http.server
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable

STARTUP_SECS_MAX = 60
SERVICE_TOKEN = "3f9a1c5e7b2d4f6088aacce1f35792b4"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CONFIG = """
[plans]
price_pro = "paid"
[features]
paid = ["export"]
[webhooks_out]
url = "{webhooks}"
"""


def program() -> pathlib.Path:
    root = pathlib.Path(__file__).resolve().parents[3]
    path = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "debug/tierlift"
    assert path.exists(), f"{path} does not exist: run cargo build"
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A server whose webhooks go to an address."""

    def __init__(self, webhooks: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tierlift-python-")
        config = pathlib.Path(self._folder.name, "tierlift.toml")
        config.write_text(CONFIG.format(webhooks=webhooks))
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        env = os.environ | {
            "STRIPE_WEBHOOK_SECRET": "whsec_7Rk2vWqXf4LmZt9YbNcS",
            "TIERLIFT_JWT_SECRET": "a secret of 32 bytes or even more",
            "TIERLIFT_SERVICE_TOKENS": f"web:{SERVICE_TOKEN}",
            "TIERLIFT_WEBHOOKS_OUT_SECRET": WEBHOOK_SECRET,
        }
        self._process = subprocess.Popen(
            [program(), "serve", "--listen", address, "--data", "tierlift.db"],
            cwd=self._folder.name,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(lambda: self._is_up(), STARTUP_SECS_MAX)

    def _is_up(self) -> bool:
        assert self._process.poll() is None, "tierlift does not start"
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5):
                return True
        except OSError:
            return False

    def run(self, *args: str) -> None:
        """Runs a command beside its data file."""
        subprocess.run([program(), *args], cwd=self._folder.name, check=True, capture_output=True)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()


class Host:
    """An HTTP server that keeps what is posted to it, and answers as a test says."""

    def __init__(self, answer: Callable[[str], tuple[int, bytes]] = lambda _: (204, b"")) -> None:
        self.received: list[tuple[bytes, dict[str, str]]] = []
        received = self.received

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append((body, dict(self.headers)))
                self.do_GET()

            def do_GET(self) -> None:
                status, body = answer(self.path)
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.send_header("location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def eventually(holds: Callable[[], bool], secs_max: float = 30) -> None:
    deadline = time.monotonic() + secs_max
    while not holds():
        assert time.monotonic() < deadline, "never true"
        time.sleep(0.02)
