"""The pages of Images & Documents: what they show to whom, narrowed and put away, and the ways to send, rename and bring back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.account.tables import accounts
from clinic.audit.tables import audit_entries
from clinic.file.media import Form, Inspection
from clinic.thread.views import thread_list
from tests.support.cast import Cast
from tests.support.filing import checked, file_in, handout, sent
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]


@pytest.fixture
def document(cast: Cast, database: Database) -> str:
    return sent(database, cast.ana, cast.start("boris", "ana"), name="left & right.jpg")


def test_a_patient_reads_their_own_folder_as_pictures_or_as_a_list(document: str, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    page = ana.get("/documents").text
    assert "left &amp; right.jpg" in page and f'src="/files/{document}/thumb"' in page and 'class="documents grid"' in page
    assert ana.submit("/documents/look", look="list", next="/documents?form=image").headers["Location"] == "/documents?form=image"
    assert 'class="documents list"' in ana.get("/documents").text


@pytest.mark.parametrize(
    ("query", "said"),
    [("", "No documents yet"), ("?form=pdf", "Nothing here like this"), ("?put_away=1", "Nothing was put away"), ("?since=soon", "All documents are shown")],
)
def test_an_empty_folder_says_what_to_do(query: str, said: str, cast: Cast, sign_in: SignIn) -> None:
    assert said in sign_in("ana").get(f"/documents{query}").text


def test_what_was_typed_wrongly_stays_in_the_form(document: str, sign_in: SignIn) -> None:
    answer = sign_in("ana").get("/documents?form=image&since=soon")
    assert answer.status_code == 422 and 'value="soon"' in answer.text and "left" in answer.text


def test_staff_open_a_patients_folder_and_others_find_none(document: str, cast: Cast, sign_in: SignIn) -> None:
    where = f"/patients/{cast.uid('ana')}/documents"
    page = sign_in("boris").get(where).text
    assert "left &amp; right.jpg" in page and "is in the audit log" in page
    for name, status in (("bella", 404), ("ana", 404), ("eve", 404)):
        assert sign_in(name).get(where).status_code == status, name
        assert name == "ana" or sign_in(name).get(f"/documents/{document}").status_code == 404


def test_each_page_with_a_patients_document_leaves_its_row_in_the_audit_log_and_ones_own_none(
    document: str, cast: Cast, database: Database, sign_in: SignIn
) -> None:
    thread = cast.start("boris", "ana")
    pages = (f"/documents/{document}", f"/documents/{document}/send", f"/threads/{thread}/documents?document={document}")
    for name in ("ana", "chen"):
        assert [sign_in(name).get(page).status_code for page in pages] == [200, 200, 200]
    with database.reading() as connection:
        query = sa.select(audit_entries.c.subject, accounts.c.uid).join(accounts, accounts.c.id == audit_entries.c.actor_id)
        rows = connection.execute(query.where(audit_entries.c.action == "file.open_document")).all()
    assert [tuple(row) for row in rows] == [(document, cast.uid("chen"))] * 3


def test_the_form_that_sends_one_on_shows_what_there_is_once_the_look_is_in_the_audit_log(
    document: str, cast: Cast, database: Database, sign_in: SignIn
) -> None:
    thread = cast.start("boris", "ana")
    form = f"/do/file.forward/{thread}"
    assert sign_in("eve").get(form).status_code == 404
    assert "left &amp; right.jpg" in sign_in("chen").get(form).text
    with database.reading() as connection:
        rows = connection.execute(sa.select(audit_entries.c.subject, audit_entries.c.role).where(audit_entries.c.action == "file.choose")).all()
    assert [tuple(row) for row in rows] == [(thread, "coordinator")]


def test_a_document_is_renamed_put_away_and_brought_back(document: str, sign_in: SignIn) -> None:
    boris, here = sign_in("boris"), f"/documents/{document}"
    assert boris.submit(f"/actions/file.rename/{document}", name="May, left knee", next=here).headers["Location"] == here
    assert "<h1 class=\"name\" dir=\"auto\">May, left knee.jpg</h1>" in boris.get(here).text
    assert "leaves the folder’s list for Ana Alvarez and for all staff" in boris.get(here).text
    assert "Put away for you and for the clinic’s staff" in sign_in("ana").get(here).text
    boris.submit(f"/actions/file.put_away/{document}", next=here)
    assert "Put away by you" in boris.get(here).text and "May" not in sign_in("ana").get("/documents").text
    away = sign_in("ana").get("/documents?put_away=1").text
    assert "May, left knee.jpg" in away and "Put away by Boris Brandt" in away
    assert "not in the folder’s list for you and for the clinic’s staff" in sign_in("ana").get(here).text
    boris.submit(f"/actions/file.bring_back/{document}", next=here)
    assert "May, left knee.jpg" in sign_in("ana").get("/documents").text


def test_a_document_is_sent_in_a_thread_that_is_chosen_or_from_a_thread_that_is_open(document: str, cast: Cast, database: Database, sign_in: SignIn) -> None:
    boris = sign_in("boris")
    people = [cast.uid(name) for name in ("ana", "ada")]
    group = database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value
    page = boris.get(f"/documents/{document}/send").text
    assert "Knee class" in page and "Ada Almeida reads along" in page and (form := f"/threads/{group}/documents?document={document}") in page
    assert form in (chosen := boris.get(f"/threads/{group}/documents").text) and "Ana Alvarez, Ada Almeida too" in chosen
    assert "In the thread it is called" not in boris.get(form).text
    database.perform(cast.boris, "file.rename", document, name="Ana, May")
    asked = boris.get(form).text
    assert "In the thread it is called left &amp; right.jpg." in asked
    assert "Ada Almeida will see it" in asked and f'name="document" value="{document}"' in asked and f"/files/{document}/thumb" in asked
    assert sign_in("ada").get(form).status_code == sign_in("bella").get(form).status_code == 404
    answer = boris.submit(f"/actions/file.forward/{group}", document=document, client_id="c-1", next=f"/threads/{group}")
    assert answer.status_code == 303 and "left &amp; right.jpg" in sign_in("ada").get(f"/threads/{group}").text
    assert f'href="/threads/{group}/documents"' in boris.get(f"/threads/{group}").text


def test_staff_are_asked_whose_folder_a_handout_belongs_to(cast: Cast, database: Database, sign_in: SignIn) -> None:
    people = [cast.uid(name) for name in ("ana", "ada")]
    group = database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value
    plan = handout(database, cast.boris, "plan.pdf")
    assert "plan.pdf" in (boris := sign_in("boris")).get("/documents").text and "plan.pdf" not in sign_in("chen").get("/documents").text
    entry = database.perform(cast.boris, "file.forward", group, document=plan, client_id="c-1").value
    ask = f"/do/file.put_under/{group}?file={file_in(database, group, entry)}"
    assert ask in boris.get(f"/threads/{group}").text and ask not in sign_in("ana").get(f"/threads/{group}").text
    assert "Whose Images &amp; Documents" in boris.get(ask).text


def test_what_was_taken_back_is_sent_anew_and_a_wrong_folder_corrected(cast: Cast, database: Database, sign_in: SignIn) -> None:
    people = [cast.uid(name) for name in ("ana", "ada")]
    group = database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value
    file = sent(database, cast.boris, group, folder=cast.uid("ana"))
    boris = sign_in("boris")
    assert f"/do/file.put_under/{group}?file={file}" in boris.get(f"/documents/{file}").text
    assert "file.put_under" not in sign_in("ana").get(f"/documents/{file}").text
    assert "that you took back" not in boris.get(f"/threads/{group}/documents").text
    database.perform(cast.boris, "text.retract", group, client_id="c-back")
    assert f"/do/file.refile/{group}" in boris.get(f"/threads/{group}/documents").text
    answer = boris.submit(f"/actions/file.refile/{group}", form="do", file=file, folder=cast.uid("ada"), client_id="c-2")
    assert answer.status_code == 303 and "knee.jpg" in sign_in("ada").get("/documents").text


def test_a_sealed_file_is_named_in_the_record_and_not_given_out(document: str, cast: Cast, database: Database, sign_in: SignIn) -> None:
    with database.read(cast.ana) as work:
        thread = thread_list(work)[0].uid
    entry = database.perform(cast.ana, "text.retract", thread, client_id="c-back").entries[0].payload.target
    boris = sign_in("boris")
    assert "stays sealed" in boris.get(f"/threads/{thread}/versions?entry={entry}").text
    opened = boris.submit(f"/threads/{thread}/versions", entry=entry).text
    assert "left &amp; right.jpg" in opened and "/files/" not in opened
    assert boris.get(f"/files/{document}").status_code == boris.get(f"/documents/{document}").status_code == 404


@pytest.mark.parametrize("form", list(Form))
def test_each_form_of_document_has_its_page(form: Form, cast: Cast, database: Database, sign_in: SignIn) -> None:
    upload = str(database.perform(cast.ana, "file.begin", cast.start("boris", "ana"), name="a.bin", size_bytes=1000, client_id="c").value)
    checked(database, upload, Inspection("x/y", form, duration_ms=61_000 if form in ("audio", "video") else None, pages=2 if form == "pdf" else None))
    ana = sign_in("ana")
    assert f"/files/{upload}/download" in ana.get(f"/documents/{upload}").text and "a.bin" in ana.get("/documents").text
