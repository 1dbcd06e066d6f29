"""What was recorded in the page, on real parts: its length is known, its middle is found by ranges, in any program; sent on it stays what it was."""

from __future__ import annotations

import io
import re
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Locator, Response, expect
from playwright.sync_api import Page as Tab

from tests.e2e.test_files import both
from tests.e2e.test_groups import make
from tests.support.browser import Person, axe_problems, misplaced
from tests.support.clinic import RunningClinic
from tests.support.page import Page

pytestmark = pytest.mark.e2e
People = Callable[..., Person]
LATE = 60_000
# Loads a sound or a video as its controls do, goes to its middle, and says how long it is and where it is then.
TO_THE_MIDDLE = """async (media) => {
  const heard = (name) => new Promise((done, failed) => {
    media.addEventListener(name, done, { once: true });
    media.addEventListener("error", () => failed(new Error(media.error.message)), { once: true });
  });
  media.preload = "metadata";
  const loaded = heard("loadedmetadata");
  media.load();
  await loaded;
  const long = media.duration;
  const sought = heard("seeked");
  media.currentTime = long / 2;
  await sought;
  return [long, media.currentTime, media.seekable.end(0)];
}"""

# Waits until the browser has found out how long a film is that it recorded itself, and shows its beginning again.
WAITS_AT_ITS_BEGINNING = """(film) => new Promise((done) => {
  const look = () => (Number.isFinite(film.duration) && !film.seeking && film.currentTime === 0 ? done() : setTimeout(look, 20));
  look();
})"""


def panel_of(page: Tab) -> Locator:
    return page.get_by_role("region", name="Voice message")


def record(page: Tab, until: str = "0:03 of 2:00") -> Locator:
    """Record a voice message up to a time, and stop. Returns: the panel."""
    page.click("#voice-button")
    panel = panel_of(page)
    expect(panel).to_contain_text(until, timeout=LATE)
    panel.get_by_role("button", name="Stop").click()
    expect(panel.get_by_role("slider")).to_be_visible()
    return panel


def spoken(ana: Person, other: Person) -> Locator:
    """Have Ana send a voice message. Returns: its entry, as somebody else sees it."""
    before = other.page.locator("#log article.voice").count()
    record(ana.page).get_by_role("button", name="Send recording").click()
    entry = other.page.locator("#log article.voice").nth(before)
    expect(entry).to_be_visible(timeout=LATE)
    return entry


def in_the_middle(media: Locator) -> list[Response]:
    """Assert that a recording has a length and that its middle is found. Returns: what was fetched for that."""
    fetched: list[Response] = []
    media.page.on("response", lambda response: fetched.append(response) if "/files/" in response.url else None)
    long, at, end = media.evaluate(TO_THE_MIDDLE)
    assert 1 < long < 10 and end == long and abs(at - long / 2) < 0.1, (long, at, end)
    return fetched


def length(content: bytes) -> float:
    """Return how long a file says that it is, in seconds, to a program that is no browser."""
    with av.open(io.BytesIO(content)) as container:
        return (container.duration or 0) / 1e6


def test_a_voice_message_has_a_length_and_a_middle_wherever_it_is_played(person: People) -> None:
    ana, boris = both(person)
    entry = spoken(ana, boris)
    sound = entry.locator("audio")
    in_the_middle(sound)
    part = boris.page.request.get(f"{boris.clinic.ready['web']}{sound.get_attribute('src')}", headers={"Range": "bytes=100-299"})
    assert (part.status, len(part.body())) == (206, 200) and part.headers["content-range"].startswith("bytes 100-299/")
    entry.locator(".entry-menu summary").click()
    with boris.page.expect_download() as saved:
        entry.get_by_role("link", name="Download").click()
    whole = Path(saved.value.path()).read_bytes()
    assert saved.value.suggested_filename.startswith("Voice message ")
    assert abs(length(whole) * 1000 - int(entry.locator("media-player").get_attribute("data-ms") or 0)) < 100
    assert f"/{len(whole)}" in part.headers["content-range"]


def test_a_short_video_has_a_length_before_it_is_sent_and_after(person: People, clinic: RunningClinic) -> None:
    ana, boris = both(person)
    with closing(Page(clinic, "boris")) as page:
        thread = clinic.ready["threads"]["ana-boris"]["uid"]
        assert page.act("video.request", thread, text="Bend your knee", client_id=uuid.uuid4().hex).status == 200
    film = ana.page.locator(".film")
    ana.page.locator("#log").get_by_role("link", name="Record a video").last.click(timeout=LATE)
    film.get_by_role("button", name="Record a video", exact=True).click()
    film.get_by_role("button", name="Start recording").click()
    expect(film.locator(".countdown")).to_contain_text("0:40 left", timeout=LATE)
    film.get_by_role("button", name="Stop").click()
    taken = film.locator(".taken")
    expect(taken).to_be_visible()
    taken.evaluate(WAITS_AT_ITS_BEGINNING)
    assert 3 < taken.evaluate("film => film.duration") < 7
    film.get_by_role("button", name="Send", exact=True).click()
    expect(film.locator(".said")).to_contain_text("Sent.", timeout=LATE)
    shown = boris.page.locator("#log article.short-video").last.locator("video")
    expect(shown).to_be_visible(timeout=LATE)
    answers = in_the_middle(shown)
    ranges = [answer.headers.get("content-range", "") for answer in answers if answer.status == 206]
    assert ranges and not any(one.startswith("bytes 0-") for one in ranges), "its end is read, where the places to seek to are"


def test_the_speed_is_everybodys_own_for_all_sounds_and_the_wave_stays_where_it_is(person: People) -> None:
    ana, boris = both(person)
    first, second = spoken(ana, boris), spoken(ana, boris)
    wave = first.get_by_role("slider")
    wide = wave.evaluate("wave => wave.clientWidth")
    first.get_by_role("button", name="Speed: 1×").click()
    expect(second.get_by_role("button", name="Speed: 1.5×")).to_be_visible()
    first.get_by_role("button", name=re.compile("^Play")).click()
    expect(wave).to_have_attribute("aria-valuetext", re.compile("^0:01 of"), timeout=LATE)
    assert wave.evaluate("wave => wave.clientWidth") == wide
    second.get_by_role("button", name=re.compile("^Play")).click()
    expect(second.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()
    assert first.locator("audio").evaluate("audio => audio.paused"), "one at a time"
    assert second.locator("audio").evaluate("audio => audio.playbackRate") == 1.5
    boris.page.click("#voice-button")
    expect(panel_of(boris.page)).to_contain_text("Recording")
    assert second.locator("audio").evaluate("audio => audio.paused"), "or the microphone hears it"
    panel_of(boris.page).get_by_role("button", name="Discard").click()
    boris.page.reload()
    for _ in range(2):
        boris.page.locator("#log article.voice").last.get_by_role("button", name=re.compile("^Speed")).click()
    expect(first.get_by_role("button", name="Speed: 1×")).to_be_visible()


def test_a_voice_message_that_is_sent_on_from_the_folder_looks_and_sounds_as_it_did(person: People) -> None:
    ana, boris = both(person)
    spoken_there = spoken(ana, boris)
    player = spoken_there.locator("media-player")
    told = [player.get_attribute(name) for name in ("data-ms", "data-waveform")]
    title = f"Knee class {uuid.uuid4().hex[:6]}"
    group = make(boris, title, "Ana Alvarez")
    ana.page.goto(f"{ana.clinic.ready['web']}/documents")
    newest = ana.page.locator(".documents li").first
    expect(newest).to_contain_text("Voice message, 0:0")
    newest.get_by_role("link").click()
    folder = ana.page.locator(".shown-document media-player")
    assert folder.get_attribute("data-waveform") == told[1]
    ana.page.get_by_role("link", name="Send in a thread…").click()
    ana.page.get_by_role("link", name=re.compile(title)).click()
    ana.page.get_by_role("button", name="Send it").click()
    boris.page.goto(group)
    entry = boris.page.locator("#log article.voice").last
    expect(entry).to_contain_text("Voice message, sent on", timeout=LATE)
    sent_on = entry.locator("media-player")
    assert [sent_on.get_attribute(name) for name in ("data-ms", "data-waveform")] == told
    assert (sent_on.get_attribute("aria-label") or "").startswith("Voice message sent on by Ana Alvarez, 0:0")
    in_the_middle(entry.locator("audio"))
    assert axe_problems(boris.page, f"#{entry.get_attribute('id')}") == []


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_pressed_to_listen_and_send_fits_in_two_rows(person: People, width: int, scheme: str) -> None:
    ana = person("ana", viewport={"width": width, "height": 640}, color_scheme=scheme)
    page = ana.open("ana-boris")
    page.wait_for_selector("html[data-live=live]")
    panel = record(page, "0:02 of 2:00")
    tops: list[Any] = [one.bounding_box() for one in panel.get_by_role("button").all()]
    assert len({round(box["y"] + box["height"] / 2) for box in tops}) == 2, "play and speed, send and discard"
    assert all(box["width"] >= 44 and box["height"] >= 44 for box in tops)
    bars, wide = panel.locator("rect").count(), panel.get_by_role("slider").evaluate("wave => wave.clientWidth")
    assert bars == 64 or wide / bars >= 4, "no bar is too thin to be told from the next"
    assert axe_problems(page, ".compose") == [] and misplaced(page) == []
    panel.get_by_role("button", name="Discard").click()
