"""Crash, reconnection and durable jobs, as protocol. Source: house rules 9 and 10."""

import asyncio
from pathlib import Path

import pytest

from clinic import Actor
from clinic.log import entries
from clinic.thread.tables import live_sessions, threads
from tests.support.stage import STANZA_ID, USER, Client, Stage, matches, parse, played
from xmpp_components import jobs, recovery

FEED = "urn:bedside:feed:1"


def stored(stage: Stage) -> set[str]:
    """Returns the addresses that the database holds as live."""
    with stage.db.reading() as connection:
        return {row.address for row in connection.execute(live_sessions.select())}


def stored_nicks(stage: Stage) -> dict[str, str | None]:
    """Returns address → nick of what the database holds as live."""
    with stage.db.reading() as connection:
        return {row.address: row.nick for row in connection.execute(live_sessions.select())}


async def hears_in_any_order(client: Client, *wanted: str) -> None:
    """Waits until a client has heard stanzas like all of these."""
    missing = list(wanted)
    while missing:
        one = await client.hears()
        missing = [text for text in missing if not matches(parse(text), one)]


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
async def test_after_a_crash_the_server_is_asked_who_is_there_and_ghosts_are_dropped(stage: Stage) -> None:
    boris, ana, tab = await stage.joined(stage.boris), await stage.joined(stage.ana), stage.client(stage.chen, "tab")
    tab.sends(f"<presence to='feed-{stage.chen.handle}@{stage.server.domain}'><feed xmlns='{FEED}' thread='{stage.thread}'/></presence>")
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    await stage.crash()
    ana.gone()
    tab.gone()
    await stage.start()
    await hears_in_any_order(boris, *(f"<presence type='unavailable' from='{stage.room}/{name}'/>" for name in ("Ana Alvarez", "Chen Cheng")))
    await stage.until(lambda: stored(stage) == {boris.jid})
    assert stage.server.questions == [{ana.jid, boris.jid, tab.jid}]


@played
async def test_who_sleeps_or_knows_no_pings_stays_as_the_server_is_asked_and_not_the_client(stage: Stage) -> None:
    # A phone without network answers nothing; a client without XEP-0199 says service-unavailable, as the server says for nobody.
    boris, ana, chen = await stage.joined(stage.boris), await stage.joined(stage.ana), await stage.joined(stage.chen)
    await stage.crash()
    chen.gone()
    await stage.start()
    await boris.finds(f"<presence type='unavailable' from='{stage.room}/Chen Cheng'/>")
    assert ana.pings == boris.pings == 0
    stage.says(boris, "the result is in", "m1")
    await ana.finds("<message id='m1'/>")


def test_many_sessions_are_asked_for_a_hundred_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @played
    async def play(stage: Stage) -> None:
        monkeypatch.setattr(recovery, "ASKED_AT_ONCE", 2)
        clients = [await stage.joined(stage.ana, f"device {number}") for number in range(5)]
        await stage.crash()
        clients[4].gone()
        await stage.start()
        await stage.until(lambda: stored(stage) == {client.jid for client in clients[:4]})
        assert [len(asked) for asked in stage.server.questions] == [2, 2, 1]
    play(tmp_path)


@played
async def test_a_server_that_does_not_say_who_is_there_leaves_everybody_where_they_are(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    await stage.crash()
    stage.server.says_who_is_there = False
    await stage.start()
    await stage.until(lambda: stage.server.questions)
    stage.says(boris, "still there", "m1")
    await ana.finds("<message id='m1'/>")
    ana.gone()
    stage.says(boris, "and now", "m2")  # what is sent to nobody comes back
    await boris.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")


@played
async def test_whose_membership_ended_while_it_was_down_is_shown_out(stage: Stage) -> None:
    ana, boris, chen = await stage.joined(stage.ana), await stage.joined(stage.boris), await stage.joined(stage.chen)
    await stage.crash()
    stage.db.perform(Actor.system(), "link.coordinator_remove", coordinator=stage.chen.uid, practitioner=stage.boris.uid)
    await stage.start()
    out = f"<presence type='unavailable' from='{stage.room}/Chen Cheng'><x xmlns='{USER}'><item affiliation='none' role='none'/>%s</x></presence>"
    for client in (ana, boris):
        await client.finds(out % "<status code='321'/>")
    await chen.finds(out % "<status code='110'/><status code='321'/>")
    stage.says(ana, "between us", "m1")
    await boris.finds("<message id='m1'/>")
    assert await chen.everything() == []
    chen.sends(f"<iq type='get' id='p' to='{stage.room}/Chen Cheng'><ping xmlns='urn:xmpp:ping'/></iq>")
    await chen.receives("<iq type='error' id='p'><error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
    await stage.until(lambda: stored(stage) == {ana.jid, boris.jid})


@played
async def test_a_reader_of_the_page_whose_membership_ended_while_it_was_down_is_seen_to_go(stage: Stage) -> None:
    ana, tab = await stage.joined(stage.ana), stage.client(stage.chen, "tab")
    tab.sends(f"<presence to='feed-{stage.chen.handle}@{stage.server.domain}'><feed xmlns='{FEED}' thread='{stage.thread}'/></presence>")
    await ana.finds(f"<presence from='{stage.room}/Chen Cheng'/>")
    await stage.crash()
    stage.db.perform(Actor.system(), "link.coordinator_remove", coordinator=stage.chen.uid, practitioner=stage.boris.uid)
    await stage.start()
    out = await ana.finds(f"<presence type='unavailable' from='{stage.room}/Chen Cheng'/>")
    assert [status.get("code") for status in out.iter(f"{{{USER}}}status")] == ["321"]
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    await stage.until(lambda: stored_nicks(stage)[tab.jid] is None)
    await stage.crash()
    await stage.start()
    assert not [one for one in await ana.everything() if one.tag.endswith("presence")]


async def hears_of_new_name(stage: Stage, own: Client, other: Client) -> None:
    """Boris is Bo Brandt from now on, to others and to himself."""
    changed = (f"<presence type='unavailable' from='{stage.room}/Boris Brandt'><x xmlns='{USER}'>"
               "<item affiliation='member' role='participant' nick='Bo Brandt'/>%s<status code='303'/></x></presence>")
    await own.finds(changed % "<status code='110'/>")
    await own.receives(f"<presence from='{stage.room}/Bo Brandt'><x xmlns='{USER}'><status code='110'/></x></presence>")
    assert "110" not in {status.get("code") for status in (await other.finds(changed % "")).iter(f"{{{USER}}}status")}
    await other.receives(f"<presence from='{stage.room}/Bo Brandt'/>")
    await other.finds(f"<message type='groupchat' from='{stage.room}'><subject>Bo Brandt</subject></message>")
    stage.says(own, "it is me", "m1")
    await other.finds(f"<message from='{stage.room}/Bo Brandt' id='m1'/>")


def corrects_the_name(stage: Stage) -> None:
    """Dina, an admin, corrects Boris's name on the page."""
    stage.db.perform(stage.cast.dina, "account.describe", stage.boris.uid, name="Bo Brandt", email="boris@clinic.example")


@played
async def test_an_admins_correction_of_a_name_is_a_change_of_nick_to_others_and_to_oneself(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    corrects_the_name(stage)
    await hears_of_new_name(stage, boris, ana)


@played
async def test_a_name_corrected_while_it_was_down_is_told_when_it_is_back_and_only_once(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await stage.crash()
    corrects_the_name(stage)
    await stage.start()
    await hears_of_new_name(stage, boris, ana)
    await stage.until(lambda: stored_nicks(stage)[boris.jid] == "Bo Brandt")
    await stage.crash()
    await stage.start()
    for client in (ana, boris):
        assert not [one for one in await client.everything() if one.tag.endswith("presence")]


@played
async def test_a_name_corrected_before_a_crash_is_not_told_again(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    corrects_the_name(stage)
    await hears_of_new_name(stage, boris, ana)
    await stage.until(lambda: stored_nicks(stage)[boris.jid] == "Bo Brandt")
    await stage.crash()
    await stage.start()
    for client in (ana, boris):
        assert not [one for one in await client.everything() if one.tag.endswith("presence")]


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
    await hears_in_any_order(boris, f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{uid}'/></message>",
                             f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")


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
async def test_a_revocation_that_a_crash_interrupted_is_done_at_the_next_start(stage: Stage) -> None:
    device = stage.db.perform(stage.ana.actor, "device.mint", name="phone").value
    stage.server.answers_disconnects = False
    stage.db.perform(stage.ana.actor, "device.revoke", device.uid)
    await stage.until(lambda: stage.server.disconnects)
    await stage.crash()
    stage.server.answers_disconnects = True
    await stage.start()
    await stage.until(lambda: len(stage.server.disconnects) == 2)


def test_a_job_that_takes_long_delays_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @played
    async def play(stage: Stage) -> None:
        monkeypatch.setattr(jobs, "ANSWER_SECONDS", 60.0)
        slow, quick = (stage.db.perform(stage.ana.actor, "device.mint", name=name).value for name in ("slow", "quick"))
        stage.server.answers_disconnects = False
        stage.db.perform(stage.ana.actor, "device.revoke", slow.uid)
        await stage.until(lambda: stage.server.disconnects)
        stage.db.perform(stage.ana.actor, "device.revoke", quick.uid)
        await stage.until(lambda: len(stage.server.disconnects) == 2)
    play(tmp_path)


def test_more_jobs_than_there_are_places_are_all_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @played
    async def play(stage: Stage) -> None:
        monkeypatch.setattr(jobs, "AT_ONCE", 3)
        devices = [stage.db.perform(stage.ana.actor, "device.mint", name=f"device {number}").value for number in range(10)]
        await stage.crash()
        for device in devices:
            stage.db.perform(stage.ana.actor, "device.revoke", device.uid)
        await stage.start()
        await stage.until(lambda: len(stage.server.disconnects) == len(devices))
        assert {asked["device"] for asked in stage.server.disconnects} == {device.uid for device in devices}
    play(tmp_path)


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
