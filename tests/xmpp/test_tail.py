"""What the live tail waits for: for who is in a thread, never for marks; and its own entries are nobody's news."""

from __future__ import annotations

import asyncio

import pytest

from clinic.doorbell import Doorbell, Ring
from clinic.thread import relay
from clinic.thread.views import own_states
from tests.support.stage import MARKERS, STANZA_ID, Stage, played
from xmpp_components.tail import OVERLAP


def held_views(stage: Stage) -> asyncio.Event:
    """Holds every reading of rooms back. Returns: what lets it go on."""
    let, rooms = asyncio.Event(), stage.component.rooms
    view = rooms.view

    async def slow(uid: str) -> relay.Room | None:
        await let.wait()
        return await view(uid)

    rooms.view = slow
    return let


@played
async def test_texts_go_out_while_marks_are_read(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    let = held_views(stage)
    room = stage.component.rooms.known(stage.thread)
    stage.component.tail.look_at_marks(room)
    stage.says(ana, "one", "m1")
    await boris.finds("<message id='m1'/>")
    assert room.pump is not None  # it is still reading
    let.set()
    await stage.until(lambda: room.pump is None)


@played
async def test_texts_wait_until_it_is_known_who_is_in_the_thread(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await boris.everything()
    let = held_views(stage)
    room = stage.component.rooms.known(stage.thread)
    stage.component.tail.look_again(room)
    stage.says(ana, "one", "m1")
    await stage.until(lambda: bool(room.early))
    assert await boris.everything() == []
    let.set()
    await boris.finds("<message id='m1'/>")


@played
async def test_own_rings_are_known_and_others_are_looked_at(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    rings: list[Ring] = []
    receive = Doorbell.receive

    def recorded(bell: Doorbell) -> list[Ring]:
        found = receive(bell)
        rings.extend(found)
        return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Doorbell, "receive", recorded)
        stage.says(ana, "one", "m1")
        await boris.finds("<message id='m1'/>")
        await stage.until(lambda: any(ring.by == stage.component.writer.name for ring in rings))
        assert not stage.component.tail._rung_for
        stage.writes(stage.ana, "two", "c2")
        await boris.finds("<message><body>two</body></message>")
        assert any(stage.thread in ring.threads and not ring.by for ring in rings)


@played
async def test_an_own_entry_that_a_look_sees_before_its_sender_hears_of_it_is_not_read_again(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    component, read = stage.component, []
    run, view = component.writer._run, component.reader.view
    stored, tell = asyncio.Event(), asyncio.Event()

    async def late(*how: object) -> object:
        found = await run(*how)
        stored.set()
        await tell.wait()
        return found

    async def noted(actor: object, asked: object, *args: object, **kwargs: object) -> object:
        read.append(asked.__name__)
        return await view(actor, asked, *args, **kwargs)

    component.writer._run, component.reader.view = late, noted
    stage.says(ana, "one", "m1")
    await stored.wait()
    looking = asyncio.create_task(component.tail._look(component.db.now() - OVERLAP))
    await stage.until(lambda: "news" in read)
    assert not looking.done()
    component.writer._run = run
    tell.set()
    await looking
    await boris.finds("<message id='m1'/>")
    assert "_version_and_entries" not in read


@played
async def test_who_answers_from_an_app_is_shown_to_have_read(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    stage.says(ana, "one", "m1")
    uid = (await ana.finds("<message id='m1'/>")).find(STANZA_ID).get("id")

    def state() -> str:
        with stage.db.read(stage.ana.actor) as work:
            return {state.uid: state.state for state in own_states(work, stage.thread)}[uid]

    await stage.until(lambda: state() == "delivered")
    stage.says(boris, "two", "m2")
    await ana.finds(f"<message from='{stage.room}/Boris Brandt'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")
