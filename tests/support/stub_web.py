"""A stand-in for the web application's internal routes that the XMPP server asks: /internal/xmpp/check and /internal/xmpp/exists."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit


class StubWeb:
    """Passwords are `(user, secret) -> device`. `answers_now` holds answers back while it is cleared; `asked` lists what was asked."""

    def __init__(self, port: int, token: str):
        self.passwords: dict[tuple[str, str], str] = {}
        self.wait = 0
        self.asked: list[dict[str, str]] = []
        self.answers_now = threading.Event()
        self.answers_now.set()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.asked.append(question)
                stub.answers_now.wait(30)
                device = stub.passwords.get((question["user"], question["secret"]))
                found = {"ok": True, "device": device} if device else {"ok": False, "wait": stub.wait}
                self.answer(found)

            def do_GET(self) -> None:
                user = parse_qs(urlsplit(self.path).query)["user"][0]
                self.answer({"exists": any(user == known for known, _ in stub.passwords)})

            def answer(self, content: dict[str, object]) -> None:
                trusted = self.headers["Authorization"] == f"Bearer {token}"
                body = json.dumps(content if trusted else {}).encode()
                self.send_response(200 if trusted else 403)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "StubWeb":
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.answers_now.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
