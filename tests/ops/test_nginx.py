"""The TLS front: what is too large is answered in words, before the web application has to read it."""

from __future__ import annotations

import http.client
import json
import ssl

import pytest

from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
TWO_MEGABYTES = b"x" * 2_000_000


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> RunningClinic:
    with RunningClinic(tmp_path_factory.mktemp("nginx") / "data") as one:
        yield one


def post(clinic: RunningClinic, accept: str, body: bytes) -> tuple[int, str, str]:
    """Send a body to the https port. Returns status, content type and text."""
    context = ssl.create_default_context(cafile=clinic.ready["ca"])
    connection = http.client.HTTPSConnection("localhost", int(clinic.ready["https"].rpartition(":")[2]), context=context, timeout=20)
    connection.request("POST", "/login", body, {"Accept": accept, "Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    found = answer.status, answer.headers.get_content_type(), answer.read().decode()
    connection.close()
    return found


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
