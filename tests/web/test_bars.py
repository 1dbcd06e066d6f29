"""The bars and staff's list on plain pages: links, statuses, claims, what narrows the list; and nothing of it for patients."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.audit.tables import audit_entries
from tests.support.cast import Cast
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]
CANARY = "Canary Discharge"


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def status(database: Database, cast: Cast) -> str:
    uid: str = database.perform(cast.dina, "status.create", name=CANARY, colour="red").value
    return uid


def head(page: str) -> str:
    """Return the words of a thread's top."""
    top = page.partition('<section class="thread"')[2].partition("</header>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", top)).split())


def listed(page: str) -> list[str]:
    return re.findall(r'<li[^>]* data-thread="(\w+)"', page.partition('<ul class="rows"')[2].partition("</ul>")[0])


def test_an_administrator_keeps_the_list_and_what_was_typed_is_kept(sign_in: SignIn) -> None:
    dina = sign_in("dina")
    assert "begin with examples: Intake form received" in dina.get("/admin/statuses").text
    dina.submit("/actions/status.add_examples", next="/admin/statuses")
    page = dina.get("/admin/statuses").text
    assert page.index("Intake form received") < page.index("Onboarding in progress")
    again = dina.submit("/actions/status.create", name="Patient Discharged", colour="violet", next="/admin/statuses")
    assert again.status_code == 409 and 'value="Patient Discharged"' in again.text and 'value="violet" checked' in again.text
    last = re.findall(r"status.order/(\w+)", page)[-1]
    dina.submit(f"/actions/status.order/{last}", direction="up", next="/admin/statuses")
    page = dina.get("/admin/statuses").text
    assert page.index("Patient discharged") < page.index("Onboarding in progress")


def test_a_status_is_set_by_a_plain_form_and_shown_in_head_list_and_history(sign_in: SignIn, thread: str, status: str) -> None:
    boris = sign_in("boris")
    assert f"No status {CANARY}" in head(boris.get(f"/threads/{thread}").text)
    done = boris.submit(f"/actions/thread.set_status/{thread}", status=status, next=f"/threads/{thread}")
    assert done.status_code == 303
    chen = sign_in("chen").get(f"/threads/{thread}").text
    assert f"Status: {CANARY}" in head(chen) and f"/actions/thread.set_status/{thread}" not in chen
    assert html.escape(f"Boris Brandt set the status to “{CANARY}”.") in chen and "tag status" in chen.partition("<ul class=\"rows\"")[2]


def test_a_patients_pages_hold_nothing_of_statuses_and_claims(sign_in: SignIn, cast: Cast, thread: str, status: str) -> None:
    ana = sign_in("ana")
    paths = ("/", "/threads/list", f"/threads/{thread}", f"/threads/{thread}/head", f"/threads/{thread}/entries", f"/threads/{thread}/marks")

    def pages() -> list[str]:
        return [re.sub(r'name="(csrf_token|csrf-token|client_id)" (value|content)="[^"]+"', "", ana.get(path).text) for path in paths]

    before = pages()
    boris = sign_in("boris")
    boris.submit(f"/actions/thread.set_status/{thread}", status=status)
    boris.submit(f"/actions/thread.claim/{thread}")
    assert CANARY in boris.get(f"/threads/{thread}").text
    assert pages() == before and CANARY not in "".join(before)
    for action, values in (("set_status", {"status": status}), ("claim", {}), ("unclaim", {}), ("take_over", {})):
        assert ana.send(f"/actions/thread.{action}/{thread}", **values).status_code == 403
    assert ana.submit("/threads/narrow", show="mine").status_code == 404


def test_the_patients_name_leads_to_their_page_for_who_shares_a_thread_and_each_view_is_audited(
    sign_in: SignIn, database: Database, cast: Cast, thread: str
) -> None:
    path = f"/patients/{cast.uid('ana')}"
    boris = sign_in("boris")
    assert f'<h1 id="thread-title"><a href="{path}?thread={thread}">Ana Alvarez</a>' in boris.get(f"/threads/{thread}").text
    page = boris.get(path).text
    assert "Born 27 March 1984" in page and f"/threads/{thread}" in page and f"{path}/documents" in page
    absent = sign_in("bella").get(f"/patients/{'0' * 26}")
    for who, uid in (("bella", cast.uid("ana")), ("boris", cast.uid("ada")), ("boris", cast.uid("bella")), ("ana", cast.uid("ada")), ("dina", cast.uid("ana"))):
        hidden = sign_in(who).get(f"/patients/{uid}")
        assert hidden.status_code == absent.status_code == 404
    with database.reading() as connection:
        seen = connection.execute(sa.select(audit_entries).where(audit_entries.c.action == "profile.open")).all()
    assert [(row.subject, row.role) for row in seen] == [(cast.uid("ana"), "practitioner")]
    leads = f"/practitioners/{cast.uid('boris')}?thread={thread}"
    assert f'<h1 id="thread-title"><a href="{leads}">Boris Brandt</a>' in sign_in("ana").get(f"/threads/{thread}").text


def test_a_narrowed_list_stays_until_it_is_shown_whole_and_tells_of_news_in_all(sign_in: SignIn, cast: Cast, thread: str, status: str) -> None:
    cast.link("ada", "boris")
    other = cast.start("boris", "ada")
    cast.post("ada", other, "Good morning")
    boris = sign_in("boris")
    boris.submit(f"/actions/thread.set_status/{thread}", status=status)
    assert listed(boris.get("/").text) == [thread, other]
    assert boris.submit("/threads/narrow", show="all", practitioner="", status=status, next=f"/threads/{thread}").location == f"/threads/{thread}"
    for path in ("/", f"/threads/{thread}", "/threads/list"):
        page = boris.get(path).text
        assert listed(page) == [thread]
        heard = page.partition('<ul class="heard" hidden>')[2].partition("</ul>")[0]
        assert f'data-thread="{other}" data-unread="1"' in heard
    assert f"Narrowed to: {CANARY}" in " ".join(re.sub(r"<[^>]+>", " ", boris.get("/").text).split())
    boris.submit("/threads/narrow", show="waiting")
    assert listed(boris.get("/").text) == [other] and "Waits since" in boris.get("/").text
    boris.submit("/threads/narrow", show="mine")
    assert "Nothing here just now" in boris.get("/").text
    boris.submit("/threads/narrow", show="'; drop", practitioner="x", status="y")
    assert listed(boris.get("/").text) == [thread, other]


def test_the_list_grows_on_request(sign_in: SignIn, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.listing.ROWS", 1)
    for name in ("ana", "ada", "eve"):
        if name != "ana":
            cast.link(name, "boris")
        cast.start("boris", name)
    boris = sign_in("boris")
    page = boris.get("/").text
    assert len(listed(page)) == 1 and 'href="/?upto=2" data-upto="2"' in page
    assert len(listed(boris.get("/?upto=2").text)) == 2
    whole = boris.get("/threads/list?upto=4").text
    assert len(listed(whole)) == 3 and "More threads" not in whole
    assert len(listed(boris.get("/threads/list?upto=99999999999999999999").text)) == 1


def test_a_claim_is_answered_in_json_for_the_script(sign_in: SignIn, thread: str) -> None:
    assert sign_in("boris").send(f"/actions/thread.claim/{thread}").get_json()["value"] is True
    refused = sign_in("chen").send(f"/actions/thread.claim/{thread}")
    assert refused.status_code == 409 and "Boris Brandt answers in this thread already" in json.loads(refused.text)["text"]
