"""A short video between two pages, on real parts and a camera that is made up: asked for, recorded, looked at, sent, played; too long; no camera."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Locator, expect
from playwright.sync_api import Page as Tab

from tests.e2e.test_groups import make
from tests.e2e.test_payments import done
from tests.support.browser import Person, axe_problems, misplaced
from tests.support.clinic import RunningClinic
from tests.support.made_files import recording, without_duration
from tests.support.page import Page

pytestmark = pytest.mark.e2e
People = Callable[..., Person]
LATE = 60_000
DENIED = """() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); }; }"""
TOO_LONG = "This video is 46 seconds long; 45 is the most. Record it again a little shorter."


@pytest.fixture
def ask(clinic: RunningClinic) -> Iterator[Callable[[], str]]:
    """Have Boris ask Ana in their 1:1. Gives the path of the request's page; what is unanswered at the end is withdrawn."""
    made: list[str] = []
    thread = clinic.ready["threads"]["ana-boris"]["uid"]

    def asking() -> str:
        made.append(done(clinic, "boris", "video.request", thread, text="Bend your knee", client_id=uuid.uuid4().hex))
        return f"{clinic.ready['web']}/videos/{made[-1]}"

    yield asking
    with closing(Page(clinic, "boris")) as page:
        for request in made:
            assert page.act("video.withdraw", thread, request=request).status in (200, 409)


def do(page: Tab, name: str) -> None:
    page.locator(".film").get_by_role("button", name=name, exact=True).click()


def choose(page: Tab, film: bytes) -> None:
    expect(page.locator(".film")).to_be_visible()  # not before the page's script has come to it, as nobody could
    page.set_input_files(".film input[type=file]", [{"name": "knee.webm", "mimeType": "video/webm", "buffer": film}])


def plays(film: Locator) -> None:
    """Wait until a film has played for a moment."""
    film.evaluate("film => (film.muted = true, film.play())")
    film.evaluate("film => new Promise((done) => { const look = () => (film.currentTime > 0.2 ? done() : setTimeout(look, 50)); look(); })")


def test_it_is_asked_for_recorded_looked_at_sent_and_played_by_who_asked(person: People) -> None:
    ana, boris = person("ana"), person("boris")
    ana.open("ana-boris")
    boris.open("ana-boris")
    words = f"Walk towards the camera {uuid.uuid4().hex[:6]}"
    boris.page.get_by_label("More to write with").click()
    boris.page.get_by_role("link", name="Request a short video").click()
    boris.page.get_by_label("What to show in it").fill(words)
    boris.page.get_by_role("button", name="Request a short video").click()
    page = ana.page
    card = page.locator("#log article", has_text=words)
    expect(card).to_contain_text("Waits for your video.", timeout=LATE)
    expect(page.locator(".rows .video-row", has_text=words)).to_be_visible(timeout=LATE)
    card.get_by_role("link", name="Record a video").click()
    do(page, "Record a video")
    expect(page.locator(".camera")).to_be_visible()
    do(page, "Start recording")
    expect(page.locator(".countdown")).to_contain_text("0:43 left")
    do(page, "Stop")
    expect(page.locator(".said")).to_contain_text("Look at it, then send it.")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_focused()
    plays(page.locator(".taken"))
    assert axe_problems(page) == []
    expect(page.get_by_text("You see it before it is sent.")).to_be_visible()
    do(page, "Send")
    expect(page.locator(".said")).to_contain_text("Sent. It stands in the thread now.", timeout=LATE)
    expect(page.get_by_text("You see it before it is sent.")).to_be_hidden()
    shown = boris.page.locator("#log article.short-video").last
    expect(shown).to_contain_text(re.compile(r"Short video, 0:0[123]"), timeout=LATE)
    expect(boris.page.locator("#log article", has_text=words)).to_contain_text("Sent.")
    plays(shown.locator("video"))
    assert axe_problems(boris.page, f"#{shown.get_attribute('id')}") == []
    page.get_by_role("link", name="Back to the thread").last.click()
    expect(page.locator("#log article", has_text=words).get_by_role("link", name="Record a video")).to_have_count(0)
    expect(page.locator(".rows .video-row", has_text=words)).to_have_count(0)


def test_a_film_of_46_seconds_is_refused_here_and_by_the_clinic_and_another_one_is_taken(person: People, ask: Callable[[], str]) -> None:
    page = person("ana").page
    page.goto(ask())
    told = recording("webm", 46, picture="libvpx")
    choose(page, told)
    expect(page.locator(".film [role=alert]")).to_have_text(TOO_LONG)
    choose(page, without_duration(told))  # this browser cannot tell how long it is: the clinic looks
    do(page, "Send")
    expect(page.locator(".film [role=alert]")).to_have_text(TOO_LONG, timeout=LATE)
    expect(page.get_by_role("button", name="Record again")).to_be_visible()
    assert axe_problems(page) == []
    choose(page, recording("webm", 3, picture="libvpx"))
    do(page, "Send")
    expect(page.locator(".said")).to_contain_text("Sent.", timeout=LATE)


def test_a_recording_stops_by_itself_after_45_seconds_and_is_there_when_one_comes_back(person: People, ask: Callable[[], str]) -> None:
    page = person("ana").page
    page.clock.install()
    page.goto(ask())
    do(page, "Record a video")
    do(page, "Start recording")
    expect(page.locator(".countdown")).to_be_visible()
    page.clock.fast_forward(46_000)
    expect(page.locator(".said")).to_contain_text("0:45 recorded. It stopped by itself")
    page.get_by_role("link", name="Search", exact=True).click()
    page.get_by_role("heading", name="Search", level=1).wait_for()
    page.go_back()
    expect(page.locator(".said")).to_contain_text("This was not sent yet.")
    expect(page.locator(".taken")).to_be_visible()


def test_what_is_no_video_is_refused_and_a_request_that_is_withdrawn_meanwhile_says_so_and_lets_go(
    person: People, ask: Callable[[], str], clinic: RunningClinic
) -> None:
    ana = person("ana")
    page = ana.page
    page.goto(address := ask())
    ana.live()
    page.set_input_files(".film input[type=file]", [{"name": "letter.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 of no use"}])
    expect(page.locator(".film [role=alert]")).to_have_text("This file is no video. Choose a video, or record one here.")
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_hidden()
    choose(page, b"\x1aE\xdf\xa3 and nothing more")
    expect(page.locator(".film [role=alert]")).to_contain_text("This browser cannot play this video")
    do(page, "Record again")
    do(page, "Start recording")
    expect(page.locator(".countdown")).to_be_visible()
    done(clinic, "boris", "video.withdraw", clinic.ready["threads"]["ana-boris"]["uid"], request=address.rsplit("/", 1)[-1])
    expect(page.locator(".film [role=alert]")).to_have_text("This request was withdrawn. Nothing needs to be sent.", timeout=LATE)
    expect(page.locator(".film .do > :visible")).to_have_text(["Back to the thread"])
    expect(page.locator(".camera")).to_have_js_property("srcObject", None)
    assert axe_problems(page) == []
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == []


def test_a_film_for_a_request_that_was_withdrawn_unheard_is_refused_without_another_try(person: People, ask: Callable[[], str], clinic: RunningClinic) -> None:
    ana = person("ana")
    ana.page.route_web_socket("**/*", lambda _socket: None)  # no news comes by itself
    ana.page.goto(address := ask())
    choose(ana.page, recording("webm", 3, picture="libvpx"))
    expect(ana.page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    ana.page.route("**/videos/*", lambda route: route.abort())  # nor does the page find out
    done(clinic, "boris", "video.withdraw", clinic.ready["threads"]["ana-boris"]["uid"], request=address.rsplit("/", 1)[-1])
    with ana.page.expect_response("**/actions/video.begin/**"):
        do(ana.page, "Send")
    ana.page.unroute("**/videos/*")
    expect(ana.page.locator(".film [role=alert]")).to_contain_text("withdrawn", timeout=LATE)
    expect(ana.page.locator(".film .do > :visible")).to_have_text(["Back to the thread"])


def test_who_may_not_use_the_camera_reads_what_to_do(person: People, ask: Callable[[], str]) -> None:
    page = person("ana").page
    page.add_init_script(f"({DENIED})()")
    page.goto(ask())
    do(page, "Record a video")
    expect(page.locator(".film [role=alert]")).to_contain_text("This page may not use the camera or the microphone. Allow it")
    expect(page.get_by_role("button", name="Record a video")).to_be_focused()


def test_in_a_group_the_other_patient_sees_it_once_it_is_shown_to_all(person: People, clinic: RunningClinic) -> None:
    ana, ada, boris = person("ana"), person("ada"), person("boris")
    group = make(boris, f"Knees {uuid.uuid4().hex[:6]}", "Ana Alvarez", "Ada Almeida")
    thread = group.rsplit("/", 1)[-1]
    boris.page.goto(f"{clinic.ready['web']}/do/video.request/{thread}")
    patients = boris.page.get_by_label("Patient")
    patients.select_option(value=patients.locator("option", has_text="Ana").get_attribute("value"))
    boris.page.get_by_role("button", name="Request a short video").click()
    for one in (ana, ada):
        one.page.goto(group)
    ana.page.locator("#log article.asked-video").get_by_role("link", name="Choose a video").click()
    choose(ana.page, recording("webm", 3, picture="libvpx"))
    expect(ana.page.get_by_role("radio", name="No, only to the clinic’s staff")).to_be_checked()
    do(ana.page, "Send")
    expect(ana.page.locator(".said")).to_contain_text("Sent.", timeout=LATE)
    expect(boris.page.locator("#log article.short-video")).to_have_count(1, timeout=LATE)
    ana.page.get_by_role("link", name="Back to the thread").last.click()
    assert ada.page.locator("#log article:is(.asked-video, .short-video)").count() == 0
    ana.page.get_by_role("link", name="Show it to everybody here…").click()
    ana.page.get_by_role("button", name="Show a short video to everybody").click()
    shown = ada.page.locator("#log article.short-video")
    expect(shown).to_have_count(1, timeout=LATE)
    plays(shown.locator("video"))


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_page_and_its_card_fit_and_can_be_used_by_everybody(person: People, ask: Callable[[], str], width: int, scheme: str) -> None:
    ana = person("ana", viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, path = ana.page, ask()
    ana.open("ana-boris")
    expect(page.locator("#log article.asked-video").last).to_be_visible()
    assert axe_problems(page) == [] and misplaced(page) == []
    page.goto(path)
    assert axe_problems(page) == [] and misplaced(page) == []
    do(page, "Record a video")
    do(page, "Start recording")
    expect(page.locator(".countdown")).to_be_visible()
    assert axe_problems(page) == [] and misplaced(page) == []
