"""Files in the thread's page, on real parts: dropped, pasted, cut and resumed, refused, held back, kept from patients."""

from __future__ import annotations

import base64
import os
import re
import struct
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Locator, expect
from playwright.sync_api import Page as Tab

from tests.e2e.test_groups import make
from tests.e2e.test_payments import done
from tests.support.browser import Person, axe_problems, misplaced
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]
LATE = 30_000
DROP = """([files, where]) => {
  const data = new DataTransfer();
  for (const [name, type, content] of files) data.items.add(new File([Uint8Array.from(atob(content), (one) => one.charCodeAt(0))], name, { type }));
  const at = document.querySelector(where);
  for (const kind of ["dragenter", "dragover", "drop"]) at.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""
PASTE = """([name, content]) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(content), (one) => one.charCodeAt(0))], name, { type: "image/png" }));
  document.querySelector("#body").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def picture(width: int = 96, height: int = 64) -> bytes:
    """Return a PNG."""
    lines = b"".join(b"\0" + bytes(value for x in range(width) for value in (x * 255 // width, y * 255 // height, 90)) for y in range(height))

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def given(name: str, media_type: str, content: bytes) -> dict[str, Any]:
    """Return a file as Playwright hands it to a file field."""
    return {"name": name, "mimeType": media_type, "buffer": content}


def choose(page: Tab, *files: dict[str, Any] | str) -> None:
    """Choose files as with the button of the bar."""
    page.set_input_files("#upload-files", list(files))


def drop(page: Tab, *files: tuple[str, str, bytes]) -> None:
    """Drop files onto the messages."""
    page.evaluate(DROP, [[[name, media_type, base64.b64encode(content).decode()] for name, media_type, content in files], "#log"])


def paste(page: Tab, name: str) -> None:
    """Paste a picture into the message box."""
    page.evaluate(PASTE, [name, base64.b64encode(picture()).decode()])


def files_of(person: Person, name: str) -> Locator:
    """Return the entries of a thread that are a file of this name."""
    return person.page.locator("#log article[data-uid]", has_text=name)


def both(person: People, **options: Any) -> tuple[Person, Person]:
    """Open the first thread for Ana and Boris."""
    ana, boris = person("ana", **options), person("boris", **options)
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    return ana, boris


def slow(person: Person, bytes_a_second: int) -> CDPSession:
    """Let somebody's browser send slowly."""
    session = person.context.new_cdp_session(person.page)
    session.send("Network.enable")
    carry(session, bytes_a_second)
    return session


def carry(session: CDPSession, bytes_a_second: int) -> None:
    """Set how fast a browser sends; 0: not at all."""
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": bytes_a_second == 0, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second or -1},
    )


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A text of 40 MB that does not compress."""
    path = tmp_path / f"report-{uuid.uuid4().hex[:8]}.txt"
    with path.open("w") as output:
        for _ in range(40):
            output.write(os.urandom(499_990).hex() + "\n" * 20)
    return path


def test_three_files_are_dropped_at_once_and_a_fourth_that_is_not_taken_says_why_until_it_is_put_away(person: People) -> None:
    ana, boris = both(person)
    page, tag = ana.page, uuid.uuid4().hex[:6]
    named = [f"skin-{tag}.png", f"story-{tag}.txt", f"leg-{tag}.png"]
    drop(page, (named[0], "image/png", picture()), (named[1], "text/plain", b"It began on Monday."), (named[2], "image/png", picture(64, 96)))
    choose(page, given(f"tool-{tag}.exe", "application/x-msdownload", b"MZ" + bytes(400)))
    for name in named:
        expect(files_of(boris, name)).to_have_count(1, timeout=LATE)
        expect(files_of(ana, name)).to_have_count(1)
    shown = files_of(boris, named[0]).locator("img")
    expect(shown).to_have_attribute("alt", named[0])
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("complete", True)
    assert shown.evaluate("image => [image.naturalWidth > 0, image.width, image.height]") == [True, 96, 64]
    refused = page.locator(".tray li", has_text=f"tool-{tag}.exe")
    expect(refused).to_contain_text("Not sent.", timeout=LATE)
    expect(page.locator(".tray li")).to_have_count(1)
    page.reload()
    expect(refused).to_contain_text("Not sent.")
    page.get_by_role("button", name=f"Close: tool-{tag}.exe").click()
    expect(refused).to_have_count(0)
    page.reload()
    ana.live()
    expect(refused).to_have_count(0)
    files_of(boris, named[0]).get_by_role("link", name=re.compile("skin")).first.click()
    large = boris.page.get_by_role("dialog", name=f"Picture: {named[0]}")
    expect(large.locator("img")).to_have_js_property("naturalWidth", 96)
    boris.page.keyboard.press("Escape")
    with boris.page.expect_download() as saved:
        files_of(boris, named[1]).get_by_role("link", name="Download").click()
    assert saved.value.suggested_filename == named[1]
    assert Path(saved.value.path()).read_bytes() == b"It began on Monday."


def test_a_picture_that_is_pasted_waits_for_send_and_can_be_removed_before(person: People) -> None:
    ana, boris = both(person)
    page, name = ana.page, f"pasted-{uuid.uuid4().hex[:6]}.png"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/file.begin/" in request.url else None)
    page.fill("#body", "Half a sentence")
    paste(page, name)
    waiting = page.locator(".tray li", has_text=name)
    expect(waiting).to_contain_text("Not sent yet. “Send” sends it to everybody in this thread.")
    expect(waiting.locator(".as-message")).to_be_visible()
    expect(waiting.locator("img")).to_have_js_property("naturalWidth", 96)
    expect(page.locator(".tray [role=status]")).to_have_text(f"{name} waits above the message box. Send sends it; it can be removed before.")
    assert axe_problems(page, ".compose") == [] and misplaced(page) == []
    page.get_by_role("button", name=f"Remove: {name}").press("Enter")
    expect(waiting).to_have_count(0)
    expect(page.locator("#body")).to_be_focused()
    assert page.input_value("#body") == "Half a sentence" and asked == []
    paste(page, name)
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("heading", name="Search", level=1).wait_for()
    page.go_back()
    expect(waiting).to_be_visible()  # it waits in its thread
    page.fill("#body", f"Look at {name}, please")
    assert asked == []
    page.press("#body", "Enter")
    expect(files_of(boris, name)).to_have_count(2, timeout=LATE)
    assert [entry.get_attribute("data-kind") for entry in files_of(boris, name).all()] == ["text", "file"]
    assert page.input_value("#body") == ""
    expect(page.locator(".tray li")).to_have_count(0, timeout=LATE)
    paste(page, f"alone-{name}")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(files_of(boris, f"alone-{name}")).to_have_count(1, timeout=LATE)


def test_what_is_pasted_becomes_what_the_message_box_says_when_it_is_sent(person: People) -> None:
    ana, boris = both(person)
    page, name = boris.page, f"other-{uuid.uuid4().hex[:6]}.png"
    paste(page, name)
    page.check("#internal-note")
    waiting = page.locator(".tray li", has_text=name)
    expect(waiting.locator(".as-note")).to_have_text("Not added yet. “Add note” adds it for staff only.")
    expect(waiting.locator(".as-note")).to_be_visible()
    expect(waiting.locator(".as-message")).to_be_hidden()
    page.get_by_role("button", name="Add note").click()
    expect(files_of(boris, name).locator(".internal-mark")).to_be_visible(timeout=LATE)
    page.uncheck("#internal-note")
    boris.write(f"seen {name[:12]}")
    ana.sees(f"seen {name[:12]}")
    assert name not in ana.page.content()


def test_a_picture_that_is_looked_at_large_leaves_the_screen_when_it_is_taken_back(person: People) -> None:
    ana, boris = both(person)
    name = f"wrong-{uuid.uuid4().hex[:6]}.png"
    choose(boris.page, given(name, "image/png", picture()))
    files_of(ana, name).get_by_role("link", name=re.compile("wrong")).first.click(timeout=LATE)
    large = ana.page.get_by_role("dialog")
    expect(large.locator("img")).to_have_js_property("naturalWidth", 96)
    boris.page.once("dialog", lambda asked: asked.accept())
    sent = files_of(boris, name)
    sent.locator(".entry-menu > summary").click()
    sent.get_by_text("Take back…").click()
    expect(large.get_by_role("alert")).to_have_text("This was taken back.", timeout=LATE)
    expect(large.locator("img")).to_have_count(0)
    expect(ana.page.locator("body")).not_to_contain_text(name)
    assert axe_problems(ana.page, "dialog") == []
    large.get_by_role("button", name="Close").click()
    expect(large).to_have_count(0)
    gone = ana.page.locator("#log article.gone.file").last
    assert gone.locator(".body").evaluate("body => getComputedStyle(body).display") == "flex"


def test_an_upload_goes_on_after_a_cut_by_itself_also_while_another_page_is_read(person: People, large: Path) -> None:
    ana, boris = both(person)
    page, pieces = ana.page, []
    page.on("request", lambda request: pieces.append(int(request.headers["upload-offset"])) if request.method == "PATCH" else None)
    network = slow(ana, 5_000_000)
    choose(page, str(large))
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("aria-valuetext", re.compile(r"^([5-9]\d|4[5-9]) percent, .* MB of 40.0 MB$"), timeout=LATE)
    carry(network, 0)
    expect(page.locator(".tray li")).to_contain_text("No answer from the clinic; it goes on by itself.", timeout=LATE)
    carry(network, 50_000_000)
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("heading", name="Search", level=1).wait_for()
    expect(files_of(boris, large.name)).to_have_count(1, timeout=2 * LATE)
    assert pieces[0] == 0 and min(pieces[1:]) > 0, pieces


def test_an_upload_goes_on_after_a_reload_which_asks_first(person: People) -> None:
    ana, boris = both(person)
    name = f"kept-{uuid.uuid4().hex[:6]}.txt"
    slow(ana, 300_000)
    choose(ana.page, given(name, "text/plain", b"word " * 600_000))
    expect(ana.page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", re.compile(r"^[1-9]\d? percent"), timeout=LATE)
    asked: list[str] = []
    ana.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    ana.page.reload()
    assert asked == ["beforeunload"]
    slow(ana, 50_000_000)
    expect(files_of(boris, name)).to_have_count(1, timeout=LATE)
    expect(ana.page.locator(".tray li")).to_have_count(0)


def test_what_is_given_up_on_its_way_is_not_sent(person: People) -> None:
    ana, boris = both(person)
    name = f"never-{uuid.uuid4().hex[:6]}.txt"
    network = slow(ana, 300_000)
    choose(ana.page, given(name, "text/plain", b"word " * 600_000))
    ana.page.get_by_role("button", name=f"Cancel: {name}").click()
    expect(ana.page.locator(".tray li")).to_have_count(0, timeout=LATE)
    carry(network, 50_000_000)
    ana.write(f"after {name}")
    boris.sees(f"after {name}")
    ana.page.reload()
    ana.live()
    expect(ana.page.locator(".tray li")).to_have_count(0)
    assert files_of(boris, name).count() == 1  # the text alone


def test_a_note_with_a_file_is_never_the_patients(person: People) -> None:
    ana, boris = both(person)
    name = f"private-{uuid.uuid4().hex[:6]}.txt"
    boris.page.check("#internal-note")
    choose(boris.page, given(name, "text/plain", b"for colleagues"))
    waiting = boris.page.locator(".tray li", has_text=name)
    expect(waiting).to_contain_text("Internal note, staff only")
    note = files_of(boris, name)
    expect(note).to_have_count(1, timeout=LATE)
    expect(note.locator(".internal-mark")).to_contain_text("Internal note, staff only")
    address = note.get_by_role("link", name="Download").get_attribute("href")
    boris.page.uncheck("#internal-note")
    boris.write(f"seen {name[:14]}")
    ana.sees(f"seen {name[:14]}")
    assert name not in ana.page.content()
    ana.page.reload()
    assert name not in ana.page.content()
    assert ana.page.request.get(f"{ana.clinic.ready['web']}{address}").status == 404
    assert boris.page.request.get(f"{boris.clinic.ready['web']}{address}").text() == "for colleagues"


def test_staff_say_whose_a_file_is_where_several_patients_are(person: People) -> None:
    boris = person("boris")
    make(boris, f"Two {uuid.uuid4().hex[:6]}", "Ana Alvarez", "Ada Almeida")
    page = boris.page
    choose(page, given("class.txt", "text/plain", b"for one of you"))
    asked = page.get_by_role("dialog", name="Send a file")
    expect(asked.get_by_role("radio")).to_have_count(3)
    expect(asked).to_contain_text("born 14 March 1987")
    assert asked.get_by_role("radio", checked=True).count() == 0
    asked.get_by_role("button", name="Send").click()
    expect(asked).to_be_visible()  # nothing is chosen
    assert axe_problems(page, "dialog") == []
    asked.get_by_role("button", name="Cancel").click()
    expect(page.locator(".tray li")).to_have_count(0)
    choose(page, given("class.txt", "text/plain", b"for one of you"))
    asked.get_by_label("Nobody’s").check()
    asked.get_by_role("button", name="Send").click()
    expect(files_of(boris, "class.txt")).to_have_count(1, timeout=LATE)
    paste(page, "class.png")
    page.fill("#body", "For one of you")
    page.press("#body", "Enter")
    asked.get_by_role("button", name="Cancel").click()
    expect(page.locator(".tray li", has_text="class.png")).to_contain_text("Not sent yet.")
    assert page.input_value("#body") == "For one of you"
    page.press("#body", "Enter")
    asked.get_by_label("Nobody’s").check()
    asked.get_by_role("button", name="Send").click()
    expect(page.locator("#log article[data-uid]", has_text="For one of you")).to_have_count(1)
    expect(files_of(boris, "class.png")).to_have_count(1, timeout=LATE)


def test_a_file_that_waits_for_an_answer_is_kept_and_sent_afterwards(person: People, clinic: RunningClinic) -> None:
    thread = clinic.ready["threads"]["ana-boris"]["uid"]
    words = {"description": "An answer.", "tax_note": "Free of VAT", "response_hours": "4"}
    service = done(clinic, "dina", "service.create", name="Answer", price="20.00", currency="EUR", **words)
    request = done(clinic, "boris", "payment.request", thread, service=service, client_id=uuid.uuid4().hex)
    ana, boris = both(person)
    name = f"held-{uuid.uuid4().hex[:6]}.txt"
    choose(ana.page, given(name, "text/plain", b"please look"))
    held = ana.page.locator(".tray li", has_text=name)
    expect(ana.page.get_by_role("button", name=f"Send again: {name}")).to_be_visible(timeout=LATE)
    ana.page.reload()
    expect(held).to_contain_text("payment")
    paste(ana.page, f"{name}.png")
    ana.page.fill("#body", f"With {name}.png")
    ana.page.press("#body", "Enter")
    expect(ana.page.locator("#compose-note")).to_contain_text("Answer the payment request above first.")
    expect(ana.page.locator(".tray li", has_text=f"{name}.png")).to_contain_text("Not sent yet.")
    done(clinic, "boris", "payment.withdraw", thread, request=request)
    done(clinic, "dina", "service.archive", service)
    expect(ana.page.locator("#gate")).to_be_hidden()
    ana.page.get_by_role("button", name=f"Send again: {name}").click()
    expect(files_of(boris, name)).to_have_count(1, timeout=LATE)
    ana.page.press("#body", "Enter")
    expect(files_of(boris, f"{name}.png")).to_have_count(2, timeout=LATE)
    expect(held).to_have_count(0)


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_files_fit_and_can_be_used_by_everybody(person: People, width: int, scheme: str) -> None:
    boris = person("boris", viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, tag = boris.open("ana-boris"), uuid.uuid4().hex[:6]
    boris.page.wait_for_selector("html[data-live=live]")
    choose(page, given(f"a-rather-long-name-of-a-picture-{tag}.png", "image/png", picture(900, 500)), given(f"tool-{tag}.exe", "", b"MZ" + bytes(400)))
    expect(files_of(boris, tag).locator("img")).to_be_visible(timeout=LATE)
    expect(page.locator(".tray li")).to_contain_text("Not sent.", timeout=LATE)
    assert axe_problems(page) == []
    assert misplaced(page) == []
    page.get_by_role("button", name=re.compile("^Close: tool")).click()
    page.click("#voice-button")
    expect(page.get_by_role("region", name="Voice message")).to_contain_text("0:01 of 2:00")
    assert axe_problems(page, ".compose") == []
    assert misplaced(page) == []
    page.get_by_role("region", name="Voice message").get_by_role("button", name="Discard").click()
