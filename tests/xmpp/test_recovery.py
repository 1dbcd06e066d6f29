"""Crash, reconnection and durable jobs, as protocol. Source: house rules 9 and 10."""

import asyncio
from pathlib import Path

from clinic.log import entries
from clinic.thread.tables import live_sessions, threads
from tests.support.stage import STANZA_ID, USER, Client, Stage, matches, parse, played

FEED = "urn:bedside:feed:1"


def stored(stage: Stage) -> set[str]:
    """Returns the addresses that the database holds as live."""
    with stage.db.reading() as connection:
        return {row.address for row in connection.execute(live_sessions.select())}


@played
async def test_after_a_crash_everybody_is_served_without_joining_again(stage: Stage) -> None:
    ana, boris, tab = await stage.joined(stage.ana), await stage.joined(stage.boris), stage.client(stage.chen, "tab")
    tab.sends(f"<presence to='feed-{stage.chen.handle}@{stage.server.domain}'><feed xmlns='{FEED}' thread='{stage.thread}'/></presence>")
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    await stage.crash()
    missed = stage.writes(stage.boris, "while it was down", "c1")
    await stage.start()
    for client in (ana, boris):
        await client.finds(f"<message><body>while it was down</body><stanza-id xmlns='urn:xmpp:sid:0' id='{missed}'/></message>")
    await tab.finds(f"<message><news xmlns='{FEED}' thread='{stage.thread}' uid='{missed}'/></message>")
    stage.says(ana, "still here", "m1")
    for client in (ana, boris):
        await client.finds("<message id='m1'><body>still here</body></message>")
    ana.sends(f"<iq type='get' id='p' to='{stage.room}/Ana Alvarez'><ping xmlns='urn:xmpp:ping'/></iq>")
    await ana.finds("<iq type='result' id='p'/>")


@played
async def test_a_message_stored_but_not_echoed_before_a_crash_reaches_everybody_once_by_id(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    stage.says(ana, "first", "m1", origin="o1")
    await ana.finds("<message id='m1'/>")
    await stage.crash()
    stage.db.perform(stage.ana.actor, "text.post", stage.thread, body="second", client_id="o2", message_id="m2")
    await stage.start()
    stage.says(ana, "second", "m2", origin="o2")  # its echo never came: the client sends again
    stage.says(ana, "third", "m3", origin="o3")
    for client in (ana, boris):
        order: list[str] = []
        while "third" not in order:
            one = await client.hears()
            if (body := one.findtext("{*}body")) and one.find(STANZA_ID) is not None and body not in order:
                order.append(body)
        assert order[-2:] == ["second", "third"]
    with stage.db.reading() as connection:
        assert [row.client_id for row in connection.execute(entries.select()) if row.kind == "text"] == ["o1", "o2", "o3"]


@played
async def test_who_does_not_answer_after_a_crash_is_dropped(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    await stage.crash()
    ana.gone()
    await stage.start()
    await boris.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")
    await stage.until(lambda: stored(stage) == {boris.jid})


@played
async def test_when_the_server_restarts_the_component_is_back_and_ghosts_are_dropped(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    ready = stage.config.run_dir / "threads.ready"
    await stage.server.close()
    await stage.until(lambda: not ready.exists())
    ana.gone()
    uid = stage.writes(stage.ana, "meanwhile", "c1")
    await stage.server.listen(stage.config.component_port)
    await stage.until(ready.exists)
    wanted = [f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{uid}'/></message>",
              f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>"]
    while wanted:  # in either order
        one = await boris.hears()
        wanted = [text for text in wanted if not matches(parse(text), one)]


@played
async def test_sessions_of_an_account_are_closed_and_a_refusal_is_tried_again(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    stage.server.refuses_disconnects = True
    device = stage.db.perform(stage.ana.actor, "device.mint", name="phone").value
    stage.db.perform(stage.ana.actor, "device.revoke", device.uid)
    await stage.until(lambda: stage.server.disconnects)
    assert stage.server.disconnects[0] == {"user": stage.ana.handle, "device": device.uid}
    stage.server.refuses_disconnects = False
    await stage.until(lambda: len(stage.server.disconnects) > 1)
    assert set(map(str, stage.server.disconnects)) == {str(stage.server.disconnects[0])}
    await boris.everything()
    assert ana.jid in stored(stage)  # the server tells of a closed session by itself


@played
async def test_a_new_thread_is_announced_to_clients_without_anybodys_address(stage: Stage) -> None:
    await stage.until(lambda: len(stage.server.stored) >= 3)
    stage.server.stored.clear()
    stage.cast.link("eve", "bella")
    room = f"{stage.cast.start('bella', 'eve')}@{stage.server.domain}"
    await stage.until(lambda: len(stage.server.stored) == 2)
    for invitation in stage.server.stored:
        assert invitation.get("from") == room
        assert invitation.find(f"{{{USER}}}x/{{{USER}}}invite").get("from") == room
        assert invitation.find("{jabber:x:conference}x").get("jid") == room
        assert invitation.findtext("{*}body")


@played
async def test_stopping_in_good_order_stores_marks_and_how_far_was_sent(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    uid = stage.writes(stage.boris, "last words", "c1")
    await ana.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{uid}'/></message>")
    await stage.stop()
    with stage.db.reading() as connection:
        row = connection.execute(threads.select()).one()
        assert row.relayed_seq == row.last_seq
    assert not (stage.config.run_dir / "threads.ready").exists()
    await stage.start()
    assert ana.jid in stored(stage)


@played
async def test_when_a_part_that_must_always_run_ends_the_process_ends_to_be_started_again(stage: Stage) -> None:
    assert stage.component is not None
    await stage.joined(stage.ana)

    def broken() -> None:
        raise OSError("no socket")
    stage.component.stream.connect = broken
    stage.server.cut()
    async with asyncio.timeout(5):
        assert await asyncio.shield(stage._running) is False


async def texts(client: Client, number: int) -> list[str]:
    """Returns so many texts as a client hears them."""
    heard: list[str] = []
    while len(heard) < number:
        if body := (await client.hears()).findtext("{*}body"):
            heard.append(body)
    return heard


def test_on_postgresql_too_order_is_the_same_for_all_and_a_crash_ends_nobodys_presence(database_url: str, tmp_path: Path) -> None:
    async def play() -> None:
        async with Stage(tmp_path, database_url) as stage:
            ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
            for number in range(20):
                stage.says(ana, f"a{number}", f"a{number}")
                stage.says(boris, f"b{number}", f"b{number}")
            stage.writes(stage.boris, "from the page", "p1")
            orders = [await texts(client, 41) for client in (ana, boris)]
            assert orders[0] == orders[1]
            await stage.crash()
            stage.writes(stage.boris, "while it was down", "p2")
            await stage.start()
            for client in (ana, boris):
                await client.finds("<message><body>while it was down</body></message>")
            with stage.db.reading() as connection:
                assert len([row for row in connection.execute(entries.select()) if row.kind == "text"]) == 42
    asyncio.run(play())
