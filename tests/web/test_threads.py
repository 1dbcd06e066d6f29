"""The thread pages: list, history, fragments, posting with and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from clinic import Database
from tests.support.cast import Cast
from tests.support.made_up import answer, ask, made_up_kinds
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def uids(html: str) -> list[str]:
    return re.findall(r'<article[^>]* data-uid="(\w+)"', html)


def test_an_empty_list_says_what_to_do_next(sign_in: SignIn) -> None:
    assert "start a thread" in sign_in("ana").get("/").text
    assert "Find a person" in sign_in("boris").get("/").text
    assert "Choose a thread" not in sign_in("ana").get("/").text


def test_a_patient_without_a_practitioner_is_told_to_wait_for_the_clinic(sign_in: SignIn) -> None:
    eve = sign_in("eve")
    for path in ("/", "/threads/list"):
        page = eve.get(path).text
        assert page.count("No threads yet") == 1
        assert "The clinic links you with your practitioner" in page
        assert "start a thread" not in page


def test_the_list_shows_who_last_line_unread_and_birth_date_to_staff_only(sign_in: SignIn, cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "Good morning")
    staff, patient = sign_in("boris").get("/").text, sign_in("ana").get("/").text
    assert "Ana Alvarez: Good morning" in staff
    assert "born 27 March 1984" in staff
    assert 'data-unread="1"' in staff  # the message; what Boris did himself is no news to him
    assert "You: Good morning" in patient
    assert "born " not in patient.partition("<main")[2]


def test_the_head_names_everybody_with_role_and_the_patient_with_birth_date(sign_in: SignIn, thread: str) -> None:
    page = sign_in("boris").get(f"/threads/{thread}").text
    head = re.sub(r"<[^>]+>", " ", page.partition('<section class="thread"')[2].partition("</header>")[0])
    head = " ".join(head.split())
    assert "Ana Alvarez born 27 March 1984" in head
    assert "Ana Alvarez Patient" in head
    assert "You Practitioner" in head
    assert "Chen Cheng Coordinator" in head
    assert "March 1984" not in sign_in("ana").get(f"/threads/{thread}").text


def test_a_coordinator_is_announced_to_the_patient(sign_in: SignIn, thread: str) -> None:
    assert "Chen Cheng is included in this thread as coordinator" in sign_in("ana").get(f"/threads/{thread}").text


def test_history_is_drawn_by_the_server_with_the_live_fragments(sign_in: SignIn, cast: Cast, thread: str) -> None:
    posted = [cast.post("boris", thread, f"number {n}") for n in range(3)]
    ana = sign_in("ana")
    page = ana.get(f"/threads/{thread}").text
    live = ana.get(f"/threads/{thread}/entries?after={posted[0]}").text
    assert uids(page)[-3:] == posted
    assert uids(live) == posted[1:]
    fragment = live[live.index("<article") : live.index("</article>")]
    # Each form has a client id of its own and a token of this second, and how entries join others is the page's.
    new = r"\s+|class=\"[^\"]*\"|name=\"(client_id|csrf_token)\" value=\"[^\"]*\""
    assert re.sub(new, "", fragment) in re.sub(new, "", page)


def test_what_people_write_is_never_markup(sign_in: SignIn, cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "<script>alert(1)</script> & <b>bold</b> javascript:alert(1) https://example.org/?a=1&b=\"><i>")
    page = sign_in("boris").get(f"/threads/{thread}").text
    assert "<script>alert" not in page
    assert "<b>bold" not in page
    assert 'href="javascript' not in page
    assert re.search(r'<a href="https://example.org/\?a=1&amp;b=[^"]*"[^>]* rel="[^"]*noopener', page)


def test_older_pages_and_the_newest_by_plain_links(sign_in: SignIn, cast: Cast, thread: str) -> None:
    posted = [cast.post("ana", thread, f"number {n}") for n in range(60)]
    boris = sign_in("boris")
    page = boris.get(f"/threads/{thread}").text
    assert uids(page) == posted[-50:]
    link = re.search(r'href="([^"]+before=\w+)"[^>]*>Earlier messages', page)
    assert link
    older = boris.get(link.group(1)).text
    assert uids(older)[-10:] == posted[:10]
    assert "To the newest messages" in older
    assert "Jump to the first unread" in page
    answer = boris.get(f"/threads/{thread}/entries?before={posted[-50]}")
    assert uids(answer.text)[-10:] == posted[:10]
    assert answer.headers["X-Bedside-More"] == "0"


def test_the_line_new_stands_before_the_first_unread(sign_in: SignIn, cast: Cast, thread: str, database: Database) -> None:
    seen, unseen = cast.post("ana", thread, "seen"), cast.post("ana", thread, "unseen")
    database.perform(cast.boris, "thread.mark", thread, entry=seen, state="read")
    page = sign_in("boris").get(f"/threads/{thread}").text
    assert page.index(f'id="e-{seen}"') < page.index('id="fresh"') < page.index(f'id="e-{unseen}"')


def test_a_patient_never_meets_a_seq(sign_in: SignIn, cast: Cast, thread: str) -> None:
    cast.post("boris", thread, "hello")
    ana = sign_in("ana")
    for path in ("/", f"/threads/{thread}", f"/threads/{thread}/entries", f"/threads/{thread}/marks"):
        assert not re.search(r"\bseq\b", ana.get(path).text)


def test_posting_as_the_script_does_and_again_with_the_same_id(sign_in: SignIn, cast: Cast, thread: str) -> None:
    ana = sign_in("ana")
    first = ana.send(f"/actions/text.post/{thread}", body="once", client_id="sent-by-script")
    again = ana.send(f"/actions/text.post/{thread}", body="once", client_id="sent-by-script")
    assert first.get_json()["ok"] is True
    assert again.get_json()["duplicate"] is True
    assert first.get_json()["entry"] == again.get_json()["entry"]
    assert ana.get(f"/threads/{thread}").text.count(">once<") == 1
    assert 'data-client-id="sent-by-script"' in ana.get(f"/threads/{thread}").text
    assert "sent-by-script" not in sign_in("boris").get(f"/threads/{thread}").text


def test_posting_without_scripts(sign_in: SignIn, thread: str) -> None:
    ana = sign_in("ana")
    page = ana.get(f"/threads/{thread}").text
    client_id = re.search(r'name="client_id" value="([^"]+)"', page)
    assert client_id
    values = {"body": "plain form", "client_id": client_id.group(1), "next": f"/threads/{thread}"}
    answer = ana.submit(f"/actions/text.post/{thread}", **values)
    assert (answer.status_code, answer.location) == (303, f"/threads/{thread}")
    assert "plain form" in ana.get(answer.location).text


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [("bad\x0cfeed", 422, "a form feed"), ("x" * 70_000, 413, "Shorten it"), ("   ", 422, "empty")],
)
def test_a_refused_text_is_kept_and_the_refusal_says_why(sign_in: SignIn, thread: str, body: str, status: int, words: str) -> None:
    ana = sign_in("ana")
    plain = ana.submit(f"/actions/text.post/{thread}", body=body, client_id="1")
    assert plain.status_code == status
    assert words in plain.text
    assert f">{body}</textarea>" in plain.text
    script = ana.send(f"/actions/text.post/{thread}", body=body, client_id="1").get_json()
    assert words in script["text"]
    assert script["field"] == "body"


def test_sent_delivered_read_move_as_the_other_side_fetches_and_reads(sign_in: SignIn, cast: Cast, thread: str) -> None:
    boris, ana = sign_in("boris"), sign_in("ana")
    entry = cast.post("boris", thread, "hello")

    def state() -> str:
        states: dict[str, dict[str, str]] = boris.get(f"/threads/{thread}/marks").get_json()["states"]
        return states[entry]["state"]

    assert state() == "sent"
    ana.get(f"/threads/{thread}")
    assert state() == "delivered"
    assert ana.send(f"/actions/thread.mark/{thread}", entry=entry, state="read").status_code == 200
    assert state() == "read"
    assert ">Read<" in boris.get(f"/threads/{thread}").text


def test_muting_and_unmuting(sign_in: SignIn, thread: str) -> None:
    ana = sign_in("ana")
    assert ana.submit(f"/actions/thread.mute/{thread}", muted="1", next=f"/threads/{thread}").location == f"/threads/{thread}"
    assert "Unmute" in ana.get(f"/threads/{thread}").text
    assert 'data-muted="1"' in ana.get("/threads/list").text


def test_a_patient_reads_the_emergency_number_where_they_write(sign_in: SignIn, cast: Cast, thread: str, database: Database) -> None:
    from clinic.account.tables import settings

    with database.engine.begin() as connection:
        connection.execute(settings.insert().values(key="emergency_number", value="112"))
    assert "In an emergency call 112" in sign_in("ana").get(f"/threads/{thread}").text
    assert "In an emergency call" not in sign_in("boris").get(f"/threads/{thread}").text


def test_the_head_alone_is_for_members_only_and_names_who_is_in_it_now(sign_in: SignIn, cast: Cast, thread: str) -> None:
    boris = sign_in("boris")
    assert "Chen Cheng" in boris.get(f"/threads/{thread}/head").text
    cast.database.perform(cast.dina, "link.coordinator_remove", coordinator=cast.uid("chen"), practitioner=cast.uid("boris"))
    assert "Chen Cheng" not in boris.get(f"/threads/{thread}/head").text
    assert "March 1984" not in sign_in("ana").get(f"/threads/{thread}/head").text
    assert sign_in("chen").get(f"/threads/{thread}/head").status_code == 404


def test_an_open_page_fetches_a_line_and_the_earlier_entry_that_it_changed(sign_in: SignIn, cast: Cast, database: Database) -> None:
    with made_up_kinds():
        thread = cast.start("boris", "ana")
        question = ask(database, cast.boris, thread, "Which knee?")
        last = cast.post("boris", thread, "Please say.")
        said = answer(database, cast.ana, thread, question, "left")
        live = sign_in("boris").get(f"/threads/{thread}/entries?after={last}").text
        first, second = re.findall(r"<article.*?</article>", live, re.DOTALL)
        assert f'data-uid="{question}"' in first and f'data-again="{said}"' in first and "Answered: left." in first
        assert f'data-uid="{said}"' in second and "data-again" not in second and "The answer is left." in second
        assert f'data-cursor="{said}"' in live
        whole = sign_in("boris").get(f"/threads/{thread}").text
        assert "Answered: left." in whole and "The answer is left." in whole and "data-again" not in whole
