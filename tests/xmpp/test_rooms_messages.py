"""Messages in rooms, as protocol. Source: XEP-0045, XEP-0085, XEP-0333, XEP-0359, house rules 9 to 11."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clinic import Call, Done
from clinic.errors import Busy, DomainError
from clinic.thread.views import own_states
from tests.support.databases import held
from tests.support.rooms import answered, archived, refusal
from tests.support.stage import MARKERS, STANZA_ID, Stage, played, shown
from xmpp_components import writer
from xmpp_components.rates import Buckets

OCCUPANT_ID = "{urn:xmpp:occupant-id:0}occupant-id"


@played
async def test_a_message_comes_back_to_everybody_after_it_is_stored(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    stage.says(ana, "It hurts &lt;here&gt; &amp; there", "m1", origin="o1")
    wanted = (f"<message type='groupchat' id='m1' from='{stage.room}/Ana Alvarez'><body>It hurts &lt;here&gt; &amp; there</body>"
              f"<origin-id xmlns='urn:xmpp:sid:0' id='o1'/><stanza-id xmlns='urn:xmpp:sid:0' id='*' by='{stage.room}'/>"
              "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='*'/></message>")
    mine, theirs = await ana.finds(wanted), await boris.finds(wanted)
    assert mine.find(STANZA_ID).get("id") == theirs.find(STANZA_ID).get("id")
    assert archived(stage) == ["It hurts <here> & there"]


@played
async def test_what_is_forged_or_unknown_is_not_passed_on(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    nested = "<d xmlns='urn:x'>" * 2000 + "</d>" * 2000
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='m1'><body>true</body><stanza-id xmlns='urn:xmpp:sid:0' id='forged' by='{stage.room}'/>"
              f"<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z'/><x xmlns='urn:x'/>{nested}</message>")
    got = await boris.finds("<message id='m1'/>")
    assert "forged" not in shown(got) and "2001" not in shown(got) and "urn:x'" not in shown(got).replace('"', "'")
    assert [part.tag for part in got].count(STANZA_ID) == 1
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='m2'><x xmlns='urn:x'/></message>")
    assert all(one.get("id") != "m2" for one in await ana.everything())


@played
async def test_resending_is_answered_to_its_sender_only_with_the_stored_id(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    for origin in ("o1", None):
        stage.says(ana, "once", "m1", origin)
        first = (await ana.finds("<message id='m1'/>")).find(STANZA_ID).get("id")
        await boris.finds("<message id='m1'/>")
        stage.says(ana, "once", "m1", origin)
        again = await ana.finds(f"<message id='m1' from='{stage.room}/Ana Alvarez'><body>once</body></message>")
        assert again.find(STANZA_ID).get("id") == first
    stage.says(ana, "another text under the same id", "m1")
    await ana.finds("<message id='m1'><body>another text under the same id</body></message>")
    assert archived(stage) == ["once", "once", "another text under the same id"]
    stage.says(ana, "last", "m9")
    heard = []
    while (one := await boris.hears()).get("id") != "m9":
        heard.append(one)
    assert [one.findtext("{*}body") for one in heard if one.find("{*}body") is not None] == ["another text under the same id"]


@played
async def test_the_same_answer_under_the_same_number_to_a_later_question_is_a_message_of_its_own(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    for minutes in (0, 10):
        now = datetime.now(UTC) + timedelta(minutes=minutes)
        stage.db.now = lambda now=now: now
        stage.says(ana, "yes", "1")
        await boris.finds("<message id='1'><body>yes</body></message>")
        # Sent again within minutes it is the same one, on either side of a boundary between two spans of minutes.
        for seconds in (50, 100):
            later = now + timedelta(seconds=seconds)
            stage.db.now = lambda later=later: later
            stage.says(ana, "yes", "1")
            await ana.finds("<message id='1'><body>yes</body></message>")
    assert archived(stage) == ["yes", "yes"]


@played
async def test_another_text_under_a_known_origin_id_is_refused_in_words_and_not_taken_for_the_first(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "take one", "m1", "o1")
    await ana.finds("<message id='m1'><body>take one</body></message>")
    stage.says(ana, "take two", "m2", "o1")
    answer = await ana.finds(f"<message type='error' id='m2' from='{stage.room}'>{refusal('conflict')}</message>")
    assert "not stored" in "".join(answer.itertext())
    assert archived(stage) == ["take one"]


@played
async def test_who_answers_from_an_app_has_read_what_the_app_received(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    uid = stage.writes(stage.boris, "How are you?", "c1")
    await ana.finds("<message id='c1'/>")

    def state() -> str:
        with stage.db.read(stage.boris.actor) as work:
            return next(one.state for one in own_states(work, stage.thread) if one.uid == uid)

    await stage.until(lambda: state() == "delivered")
    stage.says(ana, "Better", "m1")
    await stage.until(lambda: state() == "read")


@played
async def test_live_order_is_log_order_whoever_writes_where(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    for number in range(40):
        stage.says(ana, f"a{number}", f"a{number}")
        if number % 4 == 0:
            stage.writes(stage.boris, f"p{number}", f"p{number}")
    orders = []
    for client in (ana, boris):
        heard: list[str] = []
        while len(heard) < 50:
            body = (await client.hears()).findtext("{*}body")
            if body:
                heard.append(body)
        orders.append(heard)
    assert orders[0] == orders[1] == archived(stage)


@played
async def test_what_the_page_posts_arrives_at_once(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    uid = stage.writes(stage.boris, "from the page", "11111111-2222-3333-4444-555555555555")
    await ana.receives(f"<message from='{stage.room}/Boris Brandt' id='11111111-2222-3333-4444-555555555555'><body>from the page</body>"
                       f"<stanza-id xmlns='urn:xmpp:sid:0' id='{uid}'/></message>")


@played
async def test_typing_reaches_the_others_and_is_never_stored(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    for _again in range(50):
        ana.sends(f"<message to='{stage.room}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    await boris.receives(f"<message type='groupchat' from='{stage.room}/Ana Alvarez'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    assert await ana.everything() == []
    assert len(await boris.everything()) < 10
    assert archived(stage) == []


@played
async def test_displayed_marker_becomes_the_persons_read_mark_and_is_shown_to_the_others(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uids = []
    for id in ("m1", "m2"):
        stage.says(boris, id, id)
        uids.append((await ana.finds(f"<message id='{id}'/>")).find(STANZA_ID).get("id"))
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='k'><displayed xmlns='{MARKERS}' id='{uids[0]}'/></message>")
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='k'><displayed xmlns='{MARKERS}' id='{uids[1]}'/></message>")
    await boris.finds(f"<message type='groupchat' from='{stage.room}/Ana Alvarez'><displayed xmlns='{MARKERS}' id='{uids[1]}'/></message>")
    with stage.db.read(stage.boris.actor) as work:
        assert {state.uid: state.state for state in own_states(work, stage.thread)}[uids[1]] == "read"


@played
async def test_of_two_displayed_markers_the_newer_counts_though_their_entries_are_forgotten(stage: Stage) -> None:
    uids = [stage.writes(stage.boris, f"line {number}", f"c{number}") for number in range(3)]
    ana = await stage.joined(stage.ana)  # the room is loaded only now: it has none of these at hand
    for uid in uids:
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='k'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")

    def state() -> str:
        with stage.db.read(stage.boris.actor) as work:
            return {state.uid: state.state for state in own_states(work, stage.thread)}[uids[2]]
    await stage.until(lambda: state() == "read")


@played
async def test_markers_are_written_at_most_once_a_second_and_the_newest_is_written(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uids = [stage.writes(stage.boris, f"line {number}", f"c{number}") for number in range(60)]
    await ana.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{uids[-1]}'/></message>")
    await boris.everything()
    batch, loop, written = stage.db.batch, asyncio.get_running_loop(), []

    def counting(calls: list[Call], *how: object) -> list[Done | DomainError]:
        written.extend(call for call in calls if call.action == "thread.mark" and call.values["state"] == "read")
        return batch(calls, *how)
    stage.db.batch = counting
    began = loop.time()
    for uid in uids:
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='k'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")
        await ana.everything()  # each is taken before the next is sent
    await boris.finds(f"<message type='groupchat' from='{stage.room}/Ana Alvarez'><displayed xmlns='{MARKERS}' id='{uids[-1]}'/></message>")
    assert 1 <= len(written) <= 2 + (loop.time() - began)
    assert written[-1].values["entry"] == uids[-1]


@played
async def test_an_occupant_id_is_another_in_each_room_and_stays_through_a_new_name(stage: Stage) -> None:
    stage.cast.link("ana", "bella")
    other = f"{stage.cast.start('bella', 'ana')}@{stage.server.domain}"
    ana = await stage.joined(stage.ana)
    ana.sends(f"<presence to='{other}/Ana Alvarez'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    there = await ana.finds(f"<presence from='{other}/Ana Alvarez'/>")

    async def here() -> str:
        stage.says(ana, "hello", "m1", origin=str(asyncio.get_running_loop().time()))
        return (await ana.finds("<message id='m1'/>")).find(OCCUPANT_ID).get("id")
    first = await here()
    assert await here() == first != there.find(OCCUPANT_ID).get("id")
    stage.db.perform(stage.cast.dina, "account.describe", stage.ana.uid, name="Ana Brandt",
                     birth_date="1984-03-27", email="ana@clinic.example")
    renamed = await ana.finds(f"<presence from='{stage.room}/Ana Brandt'/>")
    assert renamed.find(OCCUPANT_ID).get("id") == await here() == first
    assert stage.ana.handle not in first


@played
async def test_delivery_to_a_client_becomes_the_delivered_mark(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    uid = stage.writes(stage.boris, "did it arrive", "c1")
    await ana.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{uid}'/></message>")

    def state() -> str:
        with stage.db.read(stage.boris.actor) as work:
            return {state.uid: state.state for state in own_states(work, stage.thread)}[uid]
    await stage.until(lambda: state() == "delivered")


@played
async def test_a_busy_database_is_said_to_the_sender_and_nothing_is_echoed(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    batch = stage.db.batch
    stage.db.batch = lambda calls, *_how: [Busy() for _ in calls]
    stage.says(ana, "lost?", "m1")
    await ana.receives(f"<message type='error' id='m1'>{refusal('resource-constraint')}</message>")
    stage.db.batch = batch
    stage.says(ana, "lost?", "m1")
    await ana.receives("<message type='groupchat' id='m1'/>")
    await boris.finds("<message type='groupchat' id='m1'/>")
    assert archived(stage) == ["lost?"]


@played
async def test_more_than_can_wait_is_refused_and_the_rest_is_stored(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    await ana.everything()
    assert stage.component is not None
    stage.component.posts = Buckets(1000, 1000)
    longest, writer.LONGEST_QUEUE = writer.LONGEST_QUEUE, 5
    try:
        for number in range(400):
            stage.says(ana, f"n{number}", f"n{number}")
        answers = await answered(ana, {f"n{number}" for number in range(400)})
    finally:
        writer.LONGEST_QUEUE = longest
    echoed = [one.get("id") for one in answers if one.get("type") == "groupchat"]
    refused = [one.get("id") for one in answers if one.get("type") == "error"]
    assert refused and echoed == archived(stage) and len(set(echoed) | set(refused)) == 400


def test_an_unknown_failure_is_answered_in_words_and_logged_without_the_text(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(calls: list[object], *how: object) -> list[Done]:
        raise RuntimeError("secret words in an exception")

    @played
    async def play(stage: Stage) -> None:
        ana = await stage.joined(stage.ana)
        stage.db.batch = broken
        stage.says(ana, "secret words", "m1")
        await ana.finds(f"<message type='error' id='m1'>{refusal('internal-server-error')}</message>")
        del stage.db.batch
    play(tmp_path)
    assert "RuntimeError" in caplog.text
    assert "secret words" not in caplog.text


@played
async def test_a_database_that_somebody_holds_delays_messages_but_stops_nothing_else(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    with held(stage.config.database_url):
        stage.says(ana, "held up", "m1")
        for _beat in range(20):
            assert await ana.everything() == []  # each is a ping that was answered while the message waits: neither echoed nor refused
    for client in (ana, boris):
        await client.finds("<message type='groupchat' id='m1'><body>held up</body></message>")
