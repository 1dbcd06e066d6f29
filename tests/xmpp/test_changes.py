"""An entry that is a line of its own and changes an earlier one, in apps: live, and in the archive."""

from collections.abc import Iterator

import pytest

from tests.support.made_up import answer, ask, made_up_kinds
from tests.support.stage import Stage, played, shown
from tests.xmpp.test_rooms_archive import ask as query
from tests.xmpp.test_rooms_archive import page


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with made_up_kinds():
        yield


@played
async def test_the_line_is_said_live_and_the_earlier_entry_reads_as_it_is_now_for_who_comes_later(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    question = ask(stage.db, stage.boris.actor, stage.thread, "Which knee?")
    await ana.finds("<message type='groupchat'><body>Which knee? Open.</body></message>")
    answer(stage.db, stage.ana.actor, stage.thread, question, "left")
    await ana.finds("<message type='groupchat'><body>The answer is left.</body></message>")
    assert stage.component is not None
    room = stage.component.rooms.known(stage.thread)
    assert room is not None and room.recent[question].body == "Which knee? Answered: left."
    later = await stage.joined(stage.boris, history=2)
    results, _end = await query(stage, later, page(max="2", before=""))
    said = [shown(one) for one in results]
    assert "Which knee? Answered: left." in said[0] and "The answer is left." in said[1]
