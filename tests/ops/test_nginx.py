"""The TLS front: what it has to refuse by itself is said in words, as a page or as JSON; what the web application says passes as it is."""

from __future__ import annotations

import http.client
import json
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops import certificates, configurations, preflight
from ops.layout import Layout
from tests.support.clinic import START_SECONDS, STOP_SECONDS, RunningClinic
from tests.support.ports import eventually, free_base_port

pytestmark = pytest.mark.e2e
TWO_MEGABYTES = b"x" * 2_000_000
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SCRIPTS = ({"Accept": "application/json"}, {"Accept": "text/html", "X-Bedside-Script": "1"})
STARTING_AGAIN = "The clinic's server is starting again. Try again in a few seconds; what you typed is kept."


def ask(port: int, ca: str | Path, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, str, str]:
    """Sends one request to an https port. Returns status, content type and text."""
    context = ssl.create_default_context(cafile=ca)
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=20)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers.get_content_type(), answer.read().decode()
    connection.close()
    return found


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    with RunningClinic(tmp_path_factory.mktemp("nginx") / "data") as one:
        yield one


def post(clinic: RunningClinic, accept: str, body: bytes) -> tuple[int, str, str]:
    """Send a body to the running clinic's https port."""
    headers = {"Accept": accept, "Content-Type": "application/x-www-form-urlencoded"}
    return ask(clinic.base_port + 1, clinic.ready["ca"], "POST", "/login", headers, body)


def test_what_is_too_large_for_the_front_is_refused_in_words_for_people_and_scripts(clinic: RunningClinic) -> None:
    status, kind, text = post(clinic, "text/html", TWO_MEGABYTES)
    assert (status, kind) == (413, "text/html")
    assert "send it in parts" in text
    status, kind, text = post(clinic, "application/json", TWO_MEGABYTES)
    assert (status, kind) == (413, "application/json")
    assert "send it in parts" in json.loads(text)["text"]


def test_what_is_too_large_for_the_application_only_gets_its_own_words(clinic: RunningClinic) -> None:
    status, _, text = post(clinic, "text/html", b"x" * 700_000)
    assert status == 413
    assert "larger than the server takes" in text


class Front:
    """The TLS front alone. `patience`: how long it waits for an answer of the web."""

    def __init__(self, data: Path, patience: str):
        self.layout = Layout(data, free_base_port())
        preflight.prepare_folder(data)
        certificates.ensure(data / "ca", "localhost", self.layout.certificate_names)
        self.config = configurations.nginx(self.layout)
        self.config.write_text(self.config.read_text().replace("proxy_http_version 1.1;", f"proxy_http_version 1.1; proxy_read_timeout {patience};"))

    def ask(self, headers: dict[str, str], method: str = "GET", path: str = "/threads") -> tuple[int, str, str]:
        return ask(self.layout.https_port, self.layout.data / "ca" / "ca.pem", method, path, headers, b"body=hello" if method == "POST" else None)

    def answers(self) -> bool:
        try:
            return self.ask({}, path="/front-healthz")[0] == 204
        except OSError:
            return False


@pytest.fixture
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Front]:
    """A front that nothing stands behind."""
    one = Front(tmp_path / "a b", getattr(request, "param", "60s"))
    run = one.layout.data / "run"
    process = subprocess.Popen([preflight.program("nginx"), "-e", "stderr", "-p", f"{run}/", "-c", str(one.config)])
    try:
        eventually(one.answers, START_SECONDS, "the front")
        yield one
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


@contextmanager
def web(front: Front) -> Iterator[None]:
    """Stands behind the front: answers /own with a refusal of its own, and everything else never."""
    over = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            if self.rfile.readline().split()[1] == b"/own":
                self.wfile.write(b"HTTP/1.1 503 x\r\nContent-Length: 9\r\nConnection: close\r\n\r\nown words")
            else:
                over.wait(20)

    with socketserver.ThreadingUnixStreamServer(str(front.layout.data / "run" / "web.sock"), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            over.set()
            server.shutdown()


def assert_says_starting_again(front: Front, status: int) -> None:
    for method in ("GET", "POST"):
        found, kind, text = front.ask(BROWSER, method)
        assert (found, kind) == (status, "text/html")
        assert STARTING_AGAIN in text.partition('<main id="main">')[2].partition("</main>")[0]
    for headers in SCRIPTS:
        found, kind, text = front.ask(headers, "POST")
        assert (found, kind) == (status, "application/json")
        assert json.loads(text) == {"ok": False, "code": "busy", "field": None, "text": STARTING_AGAIN}


def test_web_that_is_not_there_is_said_in_words_for_people_and_scripts(front: Front) -> None:
    assert_says_starting_again(front, 502)


@pytest.mark.parametrize("front", ["1s"], indirect=True)  # a minute is too long for a test
def test_web_that_does_not_answer_in_time_is_said_in_words_for_people_and_scripts(front: Front) -> None:
    with web(front):
        assert_says_starting_again(front, 504)


def test_refusal_of_the_web_application_itself_passes_unchanged(front: Front) -> None:
    with web(front):
        assert front.ask(BROWSER, path="/own")[::2] == (503, "own words")


def test_pages_of_the_fronts_own_words_are_not_addresses(front: Front) -> None:
    assert front.ask(BROWSER, path="/busy.html")[0] == 404
