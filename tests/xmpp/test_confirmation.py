"""What the XMPP server has not answered for counts neither as relayed nor as delivered, and is sent again. Source: house rules 9, 10."""

from clinic.thread.tables import threads
from clinic.thread.views import own_states
from tests.support.stage import STANZA_ID, Client, Stage, played


def lag(stage: Stage) -> int:
    """Returns how many entries the stored mark of the relay is behind the log."""
    with stage.db.reading() as connection:
        row = connection.execute(threads.select()).one()
        return row.last_seq - row.relayed_seq


def state(stage: Stage, uid: str) -> str:
    """Returns what Boris sees beside his message."""
    with stage.db.read(stage.boris.actor) as work:
        return {one.uid: one.state for one in own_states(work, stage.thread)}[uid]


async def hears_all(client: Client, uids: list[str]) -> None:
    """Hears these entries, in this order; others and repetitions may be among them."""
    heard: list[str] = []
    while not set(uids) <= set(heard):
        found = (await client.hears()).find(STANZA_ID)
        if found is not None and found.get("id") not in heard:
            heard.append(found.get("id", ""))
    assert [uid for uid in heard if uid in uids] == uids


async def unanswered(stage: Stage) -> tuple[Client, list[str]]:
    """Returns Ana's client and what was sent to it while the server answered for nothing."""
    ana = await stage.joined(stage.ana)
    await stage.until(lambda: lag(stage) == 0)
    stage.server.answers_pings = False
    uids = [stage.writes(stage.boris, f"line {number}", f"c{number}") for number in range(5)]
    await hears_all(ana, uids)
    await stage.until(lambda: stage.server.pings > 0)
    return ana, uids


@played
async def test_an_entry_is_relayed_and_delivered_only_once_the_server_answers_for_it(stage: Stage) -> None:
    ana, uids = await unanswered(stage)
    asked = stage.server.pings
    for number in range(20):
        stage.writes(stage.boris, f"more {number}", f"m{number}")
    await ana.finds("<message><body>more 19</body></message>")
    assert stage.server.pings == asked  # one question in flight
    assert lag(stage) == 25 and state(stage, uids[0]) == "sent"
    stage.server.answer_pings()
    await stage.until(lambda: lag(stage) == 0 and state(stage, uids[0]) == "delivered")


@played
async def test_after_the_stream_broke_everything_unanswered_is_sent_again_in_order(stage: Stage) -> None:
    ana, uids = await unanswered(stage)
    stage.server.cut()
    stage.server.answers_pings = True
    await hears_all(ana, uids)
    await stage.until(lambda: lag(stage) == 0)


@played
async def test_after_a_crash_everything_unanswered_is_sent_again_in_order(stage: Stage) -> None:
    ana, uids = await unanswered(stage)
    await stage.crash()
    stage.server.answers_pings = True
    await stage.start()
    await hears_all(ana, uids)
    await stage.until(lambda: lag(stage) == 0)
