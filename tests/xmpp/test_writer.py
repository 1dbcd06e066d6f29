"""The component's writer: a thread that somebody else has locked holds up nobody, and its own calls keep their order."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from clinic import Call, Database, Done
from clinic.errors import Busy
from tests.support.cast import Cast
from tests.support.postgres import locked
from xmpp_components import writer as writing
from xmpp_components.writer import Writer

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
PATIENCE = 30.0


class Posts:
    """A writer, and what it committed in order."""

    def __init__(self, database: Database, cast: Cast):
        self.cast, self.committed = cast, list[str]()
        self.writer = Writer(database, lambda call, _done: self.committed.append(call.values["body"]))

    def post(self, who: str, thread: str, text: str) -> asyncio.Future[Done]:
        """Hands in a text."""
        return self.writer.submit(Call(getattr(self.cast, who), "text.post", thread, {"body": text, "client_id": text}))


def test_a_held_thread_delays_nobody_and_its_texts_come_in_their_order_once_it_is_free(
    database: Database, cast: Cast, held: str, free: str
) -> None:
    async def play() -> None:
        posts = Posts(database, cast)
        with locked(database, held):
            waiting = [posts.post("ana", held, f"held {number}") for number in range(3)]
            for number in range(5):
                await asyncio.wait_for(posts.post("ada", free, f"free {number}"), PATIENCE)
                waiting.append(posts.post("boris", held, f"held {number + 3}"))
            assert not any(one.done() for one in waiting)
        done = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE)
        assert [entry.seq for one in done for entry in one.entries] == list(range(3, 11))
        await posts.writer.close()
        assert posts.committed == [f"free {number}" for number in range(5)] + [f"held {number}" for number in range(8)]

    asyncio.run(play())


def test_who_waits_too_long_is_refused_and_more_held_threads_than_are_waited_for_at_once_are_too(
    database: Database, cast: Cast, held: str, free: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "BUSY_TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr(writing, "WAITED_FOR", 1)

    async def play() -> None:
        posts = Posts(database, cast)
        with locked(database, held, free):
            waiting = [posts.post("ana", held, "one"), posts.post("ada", free, "two"), posts.post("ana", held, "three")]
            refused = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), PATIENCE)
        assert [isinstance(one, Busy) for one in refused] == [True] * 3
        again = await asyncio.wait_for(posts.post("ana", held, "one"), PATIENCE)
        assert not again.duplicate
        await posts.writer.close()
        assert posts.committed == ["one"]

    asyncio.run(play())


def test_who_waits_gets_a_turn_among_others_who_take_the_thread_without_a_pause(database: Database, cast: Cast, held: str) -> None:
    stop = threading.Event()

    def rival() -> None:
        while not stop.is_set():
            with locked(database, held):
                stop.wait(0.002)

    async def play() -> None:
        rivals = [threading.Thread(target=rival) for _ in range(3)]
        for one in rivals:
            one.start()
        posts = Posts(database, cast)
        try:
            for number in range(20):
                await asyncio.wait_for(posts.post("ana", held, str(number)), PATIENCE)
        finally:
            stop.set()
            for one in rivals:
                one.join(PATIENCE)
        await posts.writer.close()
        assert posts.committed == [str(number) for number in range(20)]

    asyncio.run(play())


def test_closing_waits_for_what_stands_aside(database: Database, cast: Cast, held: str, tmp_path: Path) -> None:
    async def play() -> None:
        posts = Posts(database, cast)
        with locked(database, held):
            waiting = posts.post("ana", held, "one")
            while held not in posts.writer._aside:
                await asyncio.sleep(0.01)
            closing = asyncio.create_task(posts.writer.close())
            await asyncio.sleep(0)
            assert not closing.done()
        await asyncio.wait_for(closing, PATIENCE)
        assert waiting.result().entries[0].body == "one"

    asyncio.run(play())
