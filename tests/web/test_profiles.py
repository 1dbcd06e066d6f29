"""The pages of profiles: what each reader sees and can do, that what was typed is kept, and what is printed."""

from __future__ import annotations

import errno
import io
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pypdf import PdfReader

from clinic.audit.tables import audit_entries
from clinic.profile.fields import roughly_in_words
from tests.support.cast import Cast
from tests.web.browser import Browser
from web.pages import printing
from web.printing.printer import NotPrinted, place, printed

SignIn = Callable[[str], Browser]
PHONES = {"phone": "+351 21 555 0114", "address": "14 Lighthouse Lane", "emergency_name": "Rui Alvarez"}


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def ana(cast: Cast, thread: str) -> str:
    """The path of Ana's profile, with something in each part of it."""
    do(cast, "ana", "describe", version=0, **PHONES)
    do(cast, "boris", "add", kind="allergy", name="Penicillin", severity="severe")
    do(cast, "ana", "add", kind="allergy", name="Hazelnuts")
    do(cast, "ana", "measure", version=0, weight="63", weight_unit="kg")
    do(cast, "boris", "note", body="Quietly worried")
    return f"/patients/{cast.uid('ana')}"


def do(cast: Cast, who: str, action: str, of: str = "ana", **values: Any) -> Any:
    return cast.database.perform(getattr(cast, who), f"profile.{action}", cast.uid(of), **values).value


def text_of(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])).split())


def words(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def test_staff_and_the_patient_read_the_same_marked_by_who_says_it_and_notes_are_staffs(sign_in: SignIn, ana: str) -> None:
    for who in ("boris", "chen", "ana"):
        said = text_of(sign_in(who).get(ana).text)
        assert "Allergies: Penicillin (severe) staff ; Hazelnuts patient says" in said, said
        assert "Patient says 63 kg Ana Alvarez" in said and "14 Lighthouse Lane" in said
        assert ("Quietly worried" in said) is (who != "ana")
        assert ("Notes" in said) is (who != "ana")


def test_a_patient_comes_to_their_own_by_the_menu_and_to_nobody_elses(sign_in: SignIn, cast: Cast, ana: str) -> None:
    browser = sign_in("ana")
    assert browser.get("/profile").location == ana
    page = browser.get(ana).text
    assert 'href="/profile"' in page and 'href="/payments"' in page and "verified by the clinic" in page
    assert browser.get(f"/patients/{cast.uid('ada')}").status_code == 404
    assert sign_in("boris").get("/profile").status_code == 404


def test_a_patient_reads_in_their_profile_which_short_videos_they_were_asked_for(sign_in: SignIn, cast: Cast, thread: str, ana: str) -> None:
    assert "asks you for a short video" not in sign_in("ana").get(ana).text
    cast.database.perform(cast.boris, "video.request", thread, text="Show me the knee", client_id="c-video")
    page = sign_in("ana").get(ana).text
    assert "Boris Brandt asks you for a short video" in page and "Show me the knee" in page and "/videos/" in page
    assert "asks you for a short video" not in sign_in("boris").get(ana).text


def test_who_may_not_edit_is_offered_nothing_to_edit(sign_in: SignIn, ana: str) -> None:
    assert "edit?what=basics" in sign_in("boris").get(ana).text
    chen = sign_in("chen")
    page = chen.get(ana).text
    assert "edit?what=note" in page and not re.search(r"edit\?what=(?!note)", page) and "profile.pdf" not in page
    for what in ("demographics", "basics", "allergy", "item"):
        assert chen.get(f"{ana}/edit?what={what}").status_code == 404
    assert sign_in("ana").get(f"{ana}/edit?what=note").status_code == 404


def test_what_was_typed_stays_in_the_form_when_it_is_refused(sign_in: SignIn, cast: Cast, ana: str) -> None:
    typed = {"phone": "ask my son", "language": "Português", "version": "1"}
    answer = sign_in("ana").submit(f"/actions/profile.describe/{cast.uid('ana')}", **typed)
    assert answer.status_code == 422
    assert "This is not a telephone number" in answer.text and 'value="ask my son"' in answer.text and 'value="Português"' in answer.text
    assert re.search(r'name="phone"[^>]*aria-invalid="true"', answer.text)


def test_who_saves_second_reads_what_stands_there_now_beside_what_they_typed(sign_in: SignIn, cast: Cast, ana: str) -> None:
    boris, uid = sign_in("boris"), cast.uid("ana")
    form = boris.get(f"{ana}/edit?what=demographics").text
    assert 'name="version" value="1"' in form
    do(cast, "ana", "describe", version=1, **PHONES | {"address": "2 Quay Street"})
    typed = PHONES | {"language": "Portuguese", "version": "1"}
    answer = boris.submit(f"/actions/profile.describe/{uid}", **typed)
    assert answer.status_code == 409
    said = text_of(answer.text)
    assert "saved this meanwhile" in said and "Stored now: 2 Quay Street" in said and "14 Lighthouse Lane" in said and 'value="Portuguese"' in answer.text
    assert 'name="version" value="2"' in answer.text  # to save again is now deliberate
    assert boris.submit(f"/actions/profile.describe/{uid}", **typed | {"version": "2"}).status_code == 303
    assert "14 Lighthouse Lane" in text_of(boris.get(ana).text)


def test_each_form_does_what_it_says(sign_in: SignIn, ana: str) -> None:
    boris = sign_in("boris")
    forms = {
        "basics": {"height": "168", "smoking": "never"},
        "condition": {"name": "Asthma"},
        "note": {"body": "Shown the inhaler"},
    }
    for what, values in forms.items():
        form = boris.get(f"{ana}/edit?what={what}").text.partition("<main")[2]
        [action] = re.findall(r'action="(/actions/profile\.[a-z_]+/[0-9a-z]{26})"', form)
        given = dict(re.findall(r'type="hidden" name="(version|kind|next|client_id)" value="([^"]*)"', form))
        units = {"height_unit": "cm", "weight_unit": "kg"} if what == "basics" else {}
        assert boris.submit(action, **given, **values, **units).status_code == 303
        answer = boris.submit(action, **given, **values, **units)  # pressed twice
        assert answer.status_code == 303 and answer.location.startswith(ana), what
    said = text_of(boris.get(ana).text)
    assert "168 cm" in said and "Asthma" in said and said.count("Shown the inhaler") == 1


def test_a_look_at_what_was_changed_is_one_row_of_the_audit_log(sign_in: SignIn, cast: Cast, ana: str) -> None:
    said = text_of(sign_in("boris").get(f"{ana}/history").text)
    assert "Ana Alvarez" in said and "14 Lighthouse Lane" in said and "Quietly worried" not in said
    assert "Back to your profile" in text_of(sign_in("ana").get(f"{ana}/history").text)
    with cast.database.reading() as connection:
        looks = connection.execute(sa.select(audit_entries).where(audit_entries.c.action.in_(("profile.open", "profile.history"))))
        assert sorted((row.role, row.action) for row in looks) == [("patient", "profile.history"), ("practitioner", "profile.history")]


def test_administrators_have_a_page_of_demographics_without_health(sign_in: SignIn, cast: Cast, ana: str) -> None:
    dina, uid = sign_in("dina"), cast.uid("ana")
    path = f"/admin/accounts/{uid}/demographics"
    assert path in dina.get("/admin/accounts").text
    said = dina.get(path).text
    assert "14 Lighthouse Lane" in said
    assert not [word for word in ("Penicillin", "Hazelnuts", "63 kg", "Quietly worried") if word in said]
    assert dina.get(ana).status_code == 404
    answer = dina.submit(f"/actions/profile.describe/{uid}", version="1", phone="none")
    assert answer.status_code == 422 and 'value="none"' in answer.text and "Penicillin" not in answer.text
    assert dina.submit(f"/actions/profile.describe/{uid}", version="1", phone="+351 21 555 0300", next=path).location == path


def test_a_practitioners_page_is_open_from_the_thread_and_its_own_alone_edit_it(sign_in: SignIn, cast: Cast, thread: str) -> None:
    path = f"/practitioners/{cast.uid('boris')}"
    boris = sign_in("boris")
    assert path in boris.get("/account").text  # the menu
    answer = boris.submit("/actions/practitioner.describe", version="0", title="Dr. med.", bio="Lungs <b>and</b> sleep", next=path)
    assert answer.location == path
    page = sign_in("ana").get(path).text
    assert "Lungs &lt;b&gt;and&lt;/b&gt; sleep" in page and "Chen Cheng" in page and f"{path}/edit" not in page
    assert sign_in("ada").get(path).status_code == 404
    again = boris.submit("/actions/practitioner.describe", version="0", title="Professor")
    assert again.status_code == 409 and 'value="Professor"' in again.text and "Stored now: <b" in again.text
    assert sign_in("ana").get(f"{path}/edit").status_code == 404


def test_an_unlikely_weight_is_asked_about_in_the_form_and_nothing_typed_is_lost(sign_in: SignIn, cast: Cast, ana: str) -> None:
    browser, action = sign_in("ana"), f"/actions/profile.measure/{cast.uid('ana')}"
    assert 'name="sure"' not in browser.get(f"{ana}/edit?what=basics").text
    typed = {"version": "1", "weight": "6,3", "weight_unit": "kg", "height_unit": "cm", "smoking_more": "never a day", "next": ana}
    asked = browser.submit(action, **typed)
    assert asked.status_code == 422 and 'name="sure"' in asked.text and 'value="6,3"' in asked.text and "never a day" in asked.text
    assert "Weight 6.3 kg would stand in the place of 63 kg (Ana Alvarez)." in text_of(asked.text)
    assert browser.submit(action, **typed, sure="1").location == ana and "6.3 kg" in text_of(browser.get(ana).text)


def test_a_month_is_read_in_words_in_the_profile_its_history_and_on_paper(sign_in: SignIn, cast: Cast, ana: str) -> None:
    do(cast, "boris", "add", kind="condition", name="Asthma", since="2026-10")
    boris = sign_in("boris")
    for page in (text_of(boris.get(ana).text), text_of(boris.get(f"{ana}/history").text), words(boris.get(f"{ana}/profile.pdf").data)):
        assert "since October 2026" in page and "2026-10" not in page
    for since, said in (("2011", "2011"), ("2019-05-02", "2 May 2019"), ("", "")):
        assert roughly_in_words(since) == said


def test_profiles_lead_back_to_the_thread_from_which_they_were_opened(sign_in: SignIn, cast: Cast, ana: str, thread: str) -> None:
    people = [cast.uid(name) for name in ("ana", "ada")]
    group = str(cast.database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value)
    for who, kind in (("ana", "practitioners"), ("boris", "patients")):
        browser, of = sign_in(who), cast.uid("boris" if who == "ana" else "ana")
        for uid in (thread, group):
            assert f'href="/{kind}/{of}?thread={uid}"' in browser.get(f"/threads/{uid}").text
            top = browser.get(f"/{kind}/{of}?thread={uid}").text.partition("<main")[2].partition("</h1>")[0]
            assert re.findall(r'href="/threads/(\w+)"', top) == [uid]
    page = sign_in("ana").get(f"/practitioners/{cast.uid('boris')}?thread={thread}").text
    assert f'href="/threads/{thread}#body"' in page and f'href="/threads/{group}"' in page
    assert "Back to the thread" not in sign_in("ana").get(ana).text


def test_who_has_no_thread_with_their_practitioner_starts_one_from_their_page(sign_in: SignIn, cast: Cast) -> None:
    page = sign_in("ana").get(f"/practitioners/{cast.uid('boris')}?thread={'0' * 26}").text
    assert "Start a thread" in page and "Back to the thread" not in page


def test_a_profile_is_printed_with_notes_only_where_staff_choose_so(sign_in: SignIn, ana: str) -> None:
    boris = sign_in("boris")
    answer = boris.get(f"{ana}/profile.pdf")
    assert answer.mimetype == "application/pdf"
    plain = words(answer.data)
    allergies = "Allergies: Penicillin (severe), staff; Hazelnuts, patient says"
    for said in ("Ana Alvarez", "27 March 1984", allergies, "14 Lighthouse Lane", "63 kg", "Boris Brandt"):
        assert said in plain, said
    assert "Quietly worried" not in plain and "notes" not in plain
    assert "Quietly worried" in words(boris.get(f"{ana}/profile.pdf?notes=1").data)
    assert "Quietly worried" not in words(sign_in("ana").get(f"{ana}/profile.pdf?notes=1").data)


def test_other_scripts_are_printed(cast: Cast, sign_in: SignIn, ana: str) -> None:
    do(cast, "boris", "add", kind="condition", name="Άσθμα, бронхит, חולה")
    text = words(sign_in("boris").get(f"{ana}/profile.pdf").data)
    assert "Άσθμα" in text and "бронхит" in text and ("חולה" in text or "הלוח" in text)


def test_what_cannot_be_printed_is_said_in_words_and_nothing_of_it_in_the_log(
    sign_in: SignIn, ana: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_html: str) -> bytes:
        raise NotPrinted("the process ended with 1 (OSError)")

    monkeypatch.setattr(printing, "printed", fails)
    answer = sign_in("boris").get(f"{ana}/profile.pdf")
    assert answer.status_code == 503 and "could not make the PDF" in answer.text
    assert "Penicillin" not in caplog.text and "OSError" in caplog.text


def test_whoever_finds_no_place_to_print_is_told_at_once_and_nothing_is_written_down(
    cast: Cast, sign_in: SignIn, ana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited would hold a thread: some dozens of one person's, and nobody reads or writes for minutes."""
    monkeypatch.setattr(printing, "printed", lambda _html: b"%PDF")
    patient, boris, path = sign_in("ana"), sign_in("boris"), f"{ana}/profile.pdf"
    refused = []
    with place(cast.uid("ana")):
        refused.append(patient.get(path))
        assert boris.get(path).data == b"%PDF"
        with place(cast.uid("bella")):
            refused.append(boris.get(path))
        assert boris.get(path).data == b"%PDF"
    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in refused] == [(503, "5")] * 2
    assert "is being made for you already" in text_of(refused[0].text) and "Nothing is lost" in text_of(refused[1].text)
    assert patient.get(path).data == b"%PDF"
    with cast.database.engine.connect() as connection:
        exports = connection.execute(sa.select(sa.func.count()).where(audit_entries.c.action == "profile.export")).scalar_one()
    assert exports == 3


def test_a_place_to_print_is_free_again_after_a_failure(sign_in: SignIn, ana: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_html: str) -> bytes:
        raise next(failures)

    failures = iter((NotPrinted("it took more than 30 seconds"), RuntimeError("a fault"), NotPrinted("again")))
    monkeypatch.setattr(printing, "printed", fails)
    boris = sign_in("boris")
    answers = [boris.get(f"{ana}/profile.pdf") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 500, 503] and "could not make the PDF" in answers[2].text


@pytest.mark.parametrize(
    "html",
    [
        "<img src='http://127.0.0.1:8600/healthz'>",
        "<img src='file:///etc/passwd'><object data='file:///etc/passwd'></object>",
        "<style>@import 'http://127.0.0.1/x.css'; body { background: url(file:///etc/passwd) }</style>",
        "<a rel=attachment href='file:///etc/passwd'>x</a><link rel=attachment href='file:///etc/passwd'>",
    ],
)
def test_whoever_prints_opens_no_address(html: str) -> None:
    pdf = PdfReader(io.BytesIO(printed(f"<!doctype html><title>x</title><body>{html}<p>printed")))
    assert "printed" in "".join(page.extract_text() for page in pdf.pages)
    assert pdf.attachments == {} and b"root:" not in b"".join(page.get_contents().get_data() for page in pdf.pages)


def test_what_takes_too_long_to_print_is_ended() -> None:
    with pytest.raises(NotPrinted, match="more than"):
        printed("<p>x" * 100_000, seconds=0.2)



def test_the_process_that_prints_has_no_secret_no_network_and_writes_nothing(tmp_path: Path) -> None:
    look = (
        "import os, socket, sys\nfrom web.printing import child\nchild._confine()\n"
        "try: socket.create_connection(('127.0.0.1', 9), 1)\n"
        "except OSError as error: print(error.errno, {*os.environ} - {'LC_CTYPE'})\n"
        "try: os.write(os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY), b'x')\n"
        "except OSError as error: print(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", look, str(tmp_path / "written")], capture_output=True, text=True, env={}, cwd="/", check=True)
    connecting, _, writing = done.stdout.strip().partition("\n")
    assert writing == str(errno.EFBIG)
    assert connecting == f"{errno.EPERM} set()", "not even a socket; ECONNREFUSED would be the machine's network"
