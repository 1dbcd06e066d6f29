"""profanity, as a person at a terminal uses it: threads open by themselves, and what was said meanwhile is there.

It reads bookmarks in the older form (XEP-0048), does not ask the archive of a room, and says nothing of history when it joins.
"""

import re
from pathlib import Path

import pytest

from tests.support.crowd import Member, settle
from tests.support.live_clinic import LiveClinic
from tests.support.ports import eventually
from tests.support.profanity import Profanity

pytestmark = pytest.mark.e2e
ROWS = 400  # so that the whole of a thread is on the screen
AWAY_FOR = 120


def log_in(terminal: Profanity, clinic: LiveClinic, name: str) -> None:
    terminal.connect(f"{clinic.cast.handle(name)}@localhost", "secret", clinic.server.layout.c2s_port)


def lines(terminal: Profanity) -> list[str]:
    """Returns what people wrote, as the screen shows it; beside it is the list of who is there."""
    return re.findall(r"(?:Boris Brandt|Chen Cheng): (.+?)(?: {3}.*| *)$", terminal.screen(), re.MULTILINE)


def said(clinic: LiveClinic, chen: Member, first: int, last: int) -> list[str]:
    """Has Boris write from the page and Chen from an app, in turn, and now and then something for staff only. Returns what patients may read."""
    texts = [f"line {number}" for number in range(first, last)]
    for number, text in enumerate(texts):
        if number % 2:
            clinic.cast.post("boris", clinic.thread, text)
        else:
            chen.say(text)
            settle([chen], lambda: not chen.outbox, 30)
        if number % 10 == 0:
            clinic.cast.note("boris", clinic.thread, f"between staff {number}")
    return texts


def shows(terminal: Profanity, wanted: list[str]) -> None:
    try:
        eventually(lambda: lines(terminal) == wanted, 30, "everything, once and in order")
    except AssertionError:
        raise AssertionError(f"shows {lines(terminal)}\nnot {wanted}") from None


def test_a_thread_opens_by_itself_on_a_device_that_is_new(clinic: LiveClinic, tmp_path: Path) -> None:
    clinic.cast.post("boris", clinic.thread, "good morning")
    for device in ("laptop", "workstation"):
        with Profanity(tmp_path / device) as terminal:
            log_in(terminal, clinic, "ana")
            terminal.opens(clinic.room)
            terminal.sees("Boris Brandt: good morning", 30)
            terminal.sees("joined the room as Ana Alvarez", 30)
            terminal.type("/win 1")
            terminal.sees("Autojoined", 30)
            assert "invite" not in terminal.screen().lower()


def test_who_was_away_sees_all_once_and_in_order(clinic: LiveClinic, tmp_path: Path) -> None:
    chen = clinic.member("chen")
    before = said(clinic, chen, 0, 5)
    with Profanity(tmp_path / "home", ROWS) as terminal:
        log_in(terminal, clinic, "ana")
        terminal.opens(clinic.room)
        shows(terminal, before)
        terminal.log_out()
        meanwhile = said(clinic, chen, 5, 5 + AWAY_FOR)
        log_in(terminal, clinic, "ana")
        terminal.opens(clinic.room)
        shows(terminal, before + meanwhile)  # profanity forgets what it had shown, so that this is once
        live = said(clinic, chen, 5 + AWAY_FOR, 5 + AWAY_FOR + 3)
        shows(terminal, before + meanwhile + live)
    # Its process ended without a word: the server holds its session for minutes, and takes for it what comes.
    killed = said(clinic, chen, 5 + AWAY_FOR + 3, 5 + 2 * AWAY_FOR)
    eventually(lambda: not clinic.undelivered("ana"), 30, "all of it counts as delivered")
    with Profanity(tmp_path / "home", ROWS) as terminal:
        log_in(terminal, clinic, "ana")
        terminal.opens(clinic.room)
        shows(terminal, before + meanwhile + live + killed)


def test_whose_membership_ended_meanwhile_finds_nothing(clinic: LiveClinic, tmp_path: Path) -> None:
    with Profanity(tmp_path / "home") as terminal:
        log_in(terminal, clinic, "chen")
        terminal.opens(clinic.room)
        terminal.log_out()
        clinic.db.perform(clinic.cast.dina, "link.coordinator_remove",
                          coordinator=clinic.cast.uid("chen"), practitioner=clinic.cast.uid("boris"))
        clinic.cast.post("boris", clinic.thread, "not for Chen any more")
        eventually(lambda: not clinic.waiting("bookmarks"), 30, "the bookmarks are kept")
        log_in(terminal, clinic, "chen")
        terminal.type("/bookmark list")
        terminal.sees("No bookmarks found", 30)
        terminal.type(f"/join {clinic.room}")
        terminal.sees("Error joining room", 30)
        assert "Autojoined" not in terminal.screen() and "not for Chen" not in terminal.screen()
