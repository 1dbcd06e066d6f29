"""The archive by dates: exactly what happened then, in the log's order, also where a machine's clock was set back or forth."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.log import clock_steps, entries
from clinic.thread import dates
from clinic.thread.archive import archive
from migrations.runner import downgrade, upgrade
from tests.support.cast import Cast

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
WRITTEN = 60
# How far the clock goes until the next entry; most entries come one after the other.
CLOCKS = {
    "a good one": [timedelta(0), timedelta(seconds=2), timedelta(minutes=7)],
    "one that is set": [timedelta(seconds=1)] * 6 + [timedelta(days=1), -timedelta(days=1), -timedelta(minutes=10)],
    "one that runs back all the time": [timedelta(seconds=20), -timedelta(seconds=10)],
}


def write(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, steps: list[timedelta], seed: int) -> str:
    """Starts a thread and writes in it while the clock goes as it likes; some of it is for staff only. Returns its uid."""
    chance, now = random.Random(seed), NOON
    monkeypatch.setattr(database, "now", lambda: now)
    thread = cast.start("ana", "boris")
    for number in range(WRITTEN):
        now += chance.choice(steps)
        if chance.random() < 0.3:
            cast.note("boris", thread, f"note {number}")
        else:
            cast.post(chance.choice(("ana", "boris")), thread, f"text {number}")
    return thread


def log(database: Database) -> list[tuple[str, datetime, str]]:
    """Returns uid, instant and audience of all entries in order, by a query of the test's own."""
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(entries.c.uid, entries.c.at, entries.c.audience).order_by(entries.c.seq))]


def paged(database: Database, cast: Cast, reader: str, thread: str, start: datetime | None, end: datetime | None, *, backwards: bool) -> list[str]:
    """Returns all that matches, asked for seven at a time."""
    found: list[str] = []
    while True:
        place = {"before": found[0]} if found and backwards else {"after": found[-1]} if found else {}
        with database.read(getattr(cast, reader)) as work:
            page = archive(work, thread, start=start, end=end, limit=7, backwards=backwards, **place)
        got = [entry.uid for entry in page.entries]
        found = got + found if backwards else found + got
        if page.complete:
            return found
        assert len(got) == 7


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("clock", CLOCKS)
def test_dates_find_exactly_what_happened_then(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, clock: str, seed: int
) -> None:
    thread = write(database, cast, monkeypatch, CLOCKS[clock], seed)
    written, chance = log(database), random.Random(seed)
    known = [at for _, at, _ in written]
    if clock != "a good one":
        assert known != sorted(known)
    moments = [None, min(known) - timedelta(days=2), max(known) + timedelta(days=2)]
    moments += [chance.choice(known) + timedelta(milliseconds=chance.choice((-1, 0, 1))) for _ in range(9)]
    for number in range(30):
        start, end = chance.choice(moments), chance.choice(moments)
        upto = end and end.replace(microsecond=end.microsecond // 1000 * 1000 + 999)
        reader, backwards = ("ana", "boris")[number % 2], number % 4 > 1
        wanted = [
            uid
            for uid, at, audience in written
            if (start is None or at >= start) and (upto is None or at <= upto) and (reader == "boris" or audience == "everyone")
        ]
        assert paged(database, cast, reader, thread, start, end, backwards=backwards) == wanted, (start, end, reader, backwards)
        with database.read(getattr(cast, reader)) as work:
            assert archive(work, thread, start=start, end=end, limit=0).count == len(wanted)


def test_a_clock_that_ran_back_very_often_loses_nothing(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = write(database, cast, monkeypatch, CLOCKS["one that runs back all the time"], 7)
    monkeypatch.setattr(dates, "STEPS_AT_MOST", 3)
    written = log(database)
    start = sorted(at for _, at, _ in written)[WRITTEN // 2]
    wanted = [uid for uid, at, _ in written if at >= start]
    assert 0 < len(wanted) < len(written)
    assert paged(database, cast, "boris", thread, start, None, backwards=False) == wanted


def test_places_where_the_clock_ran_back_are_known_and_only_they(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    write(database, cast, monkeypatch, CLOCKS["one that is set"], 1)
    wanted = steps_of(database)
    assert wanted
    with database.reading() as connection:
        assert list(connection.scalars(sa.select(clock_steps.c.seq).order_by(clock_steps.c.seq))) == wanted


def test_clocks_that_are_a_little_apart_make_no_step(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "now", lambda: NOON)
    thread = cast.start("ana", "boris")
    for number in range(10):
        monkeypatch.setattr(database, "now", lambda ahead=number % 2: NOON + timedelta(days=1, seconds=4 * ahead))
        cast.post("ana", thread, f"text {number}")
    assert steps_of(database) == []
    with database.reading() as connection:
        assert connection.execute(sa.select(clock_steps)).all() == []


def test_upgrading_finds_where_the_clock_ran_back_before(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    write(database, cast, monkeypatch, CLOCKS["one that is set"], 2)
    wanted = steps_of(database)
    assert wanted
    downgrade(database.engine, "0003")
    upgrade(database.engine)
    with database.reading() as connection:
        assert list(connection.scalars(sa.select(clock_steps.c.seq).order_by(clock_steps.c.seq))) == wanted


def steps_of(database: Database) -> list[int]:
    """Returns the seqs of entries that are earlier than the entry before them."""
    known = [at for _, at, _ in log(database)]
    return [place + 1 for place in range(1, len(known)) if known[place] < known[place - 1]]
