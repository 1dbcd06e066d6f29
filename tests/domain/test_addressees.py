"""Entries for one patient of a thread: nothing of them reaches another patient, by any way that reads the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from clinic import Actor, Database, Work, errors
from clinic.log import Audience, allowed, entries
from clinic.search.index import Indexer
from clinic.search.views import search
from clinic.storage import new_uid
from clinic.thread.archive import archive
from clinic.thread.bookmarks import untold
from clinic.thread.listing import unread_in_all
from clinic.thread.relay import authors_between, entries_after, relayed_thread
from clinic.thread.tables import memberships, threads
from clinic.thread.views import own_states, thread_entry, thread_list, thread_page
from migrations.runner import downgrade, upgrade
from tests.support.addressing import addressed
from tests.support.cast import Cast

CANARY = "zebrafish"
PATIENTS, STAFF = ("ana", "ada"), ("boris", "bella", "chen")


@pytest.fixture
def thread(cast: Cast) -> str:
    people = [cast.uid(name) for name in ("ana", "ada", "bella")]
    uid: str = cast.database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value
    return uid


def to(cast: Cast, whom: str, thread: str, text: str, by: str = "boris") -> str:
    """Post a text for one patient. Returns: its uid."""
    with addressed(cast.uid(whom)):
        return str(cast.database.perform(getattr(cast, by), "text.post", thread, body=text, client_id=new_uid()).value)


def asked(cast: Cast, who: str, view: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with cast.database.read(getattr(cast, who)) as work:
        return view(work, *given, **named)


def texts(cast: Cast, who: str, thread: str, **where: Any) -> list[str]:
    return [entry.body for entry in asked(cast, who, thread_page, thread, **where).entries if entry.kind == "text"]


def everything(cast: Cast, who: str, thread: str) -> str:
    """Return all that the domain tells a reader, as text."""
    told = [asked(cast, who, view, thread) for view in (thread_page, archive, own_states)]
    return repr([*told, asked(cast, who, thread_list), asked(cast, who, search, CANARY)])


def filled(cast: Cast, thread: str) -> dict[str, str]:
    """Post for everybody and for either patient in turn. Returns: the uids."""
    made = {}
    for number in range(4):
        made[f"all {number}"] = cast.post("boris", thread, f"all {number}")
        made[f"ana {number}"] = to(cast, "ana", thread, f"{CANARY} ana {number}")
        made[f"ada {number}"] = to(cast, "ada", thread, f"{CANARY} ada {number}", by="bella")
    return made


def test_the_page_holds_it_for_its_addressee_and_for_staff(cast: Cast, thread: str) -> None:
    made = filled(cast, thread)
    whole = [name for number in range(4) for name in (f"all {number}", f"{CANARY} ana {number}", f"{CANARY} ada {number}")]
    for name in PATIENTS:
        hers = [line for line in whole if not line.startswith(CANARY) or name in line]
        assert texts(cast, name, thread) == hers
        assert texts(cast, name, thread, after=made["all 1"]) == hers[3:]
        assert texts(cast, name, thread, before=made["all 2"], limit=2) == hers[2:4]
        assert texts(cast, name, thread, around=made["all 2"], limit=4) == hers[3:7]
    for name in STAFF:
        assert texts(cast, name, thread) == whole
    [page] = [asked(cast, "boris", thread_page, thread)]
    assert {entry.uid: entry.addressee for entry in page.entries if entry.addressee} == {
        **{made[f"ana {number}"]: "Ana Alvarez" for number in range(4)}, **{made[f"ada {number}"]: "Ada Almeida" for number in range(4)}
    }


def test_it_is_named_by_nobody_else_in_any_way_and_answered_like_one_that_there_is_not(cast: Cast, thread: str) -> None:
    made = filled(cast, thread)
    hers, absent = made["ana 1"], "0" * 26
    views: list[Callable[..., Any]] = [
        lambda who, uid: asked(cast, who, thread_entry, thread, uid),
        *(lambda who, uid, way=way: asked(cast, who, thread_page, thread, **{way: uid}) for way in ("before", "after", "around")),
        *(lambda who, uid, way=way: asked(cast, who, archive, thread, **{way: uid}) for way in ("before", "after")),
        lambda who, uid: asked(cast, who, archive, thread, ids=[uid]),
        lambda who, uid: asked(cast, who, archive, thread, ids=[made["all 1"], uid]),
        *(
            lambda who, uid, state=state: cast.database.perform(getattr(cast, who), "thread.mark", thread, entry=uid, state=state)
            for state in ("delivered", "read")
        ),
        lambda who, uid: cast.amend(who, "react", thread, uid, emojis=["👍"]),
        lambda who, uid: cast.database.perform(getattr(cast, who), "text.post", thread, body="so", client_id=new_uid(), reply_to=uid),
    ]
    for number, ask in enumerate(views):
        refused = []
        for uid in (hers, absent):
            with pytest.raises(errors.NotFound) as caught:
                ask("ada", uid)
            refused.append((caught.value.code, str(caught.value)))
        assert refused[0] == refused[1], number
    for ask in views[:-1]:
        ask("ana", hers)
        ask("boris", hers)


def test_lists_and_counts_say_nothing_of_it_to_others(cast: Cast, thread: str) -> None:
    cast.post("boris", thread, "for all")
    before = {name: (asked(cast, name, thread_list), asked(cast, name, unread_in_all)) for name in PATIENTS}
    to(cast, "ana", thread, f"{CANARY} for Ana")
    [[hers], [same]] = [asked(cast, name, thread_list) for name in PATIENTS]
    [[earlier], unread] = before["ana"]
    assert (hers.last_line, hers.unread, asked(cast, "ana", unread_in_all)) == (f"{CANARY} for Ana", earlier.unread + 1, unread + 1)
    assert ([same], asked(cast, "ada", unread_in_all)) == before["ada"]
    [staffs] = asked(cast, "bella", thread_list)
    assert staffs.last_line == f"{CANARY} for Ana"


@pytest.mark.parametrize("backwards", [False, True])
def test_the_archive_pages_over_the_gaps_without_losing_anything(cast: Cast, thread: str, backwards: bool) -> None:
    filled(cast, thread)
    for name in (*PATIENTS, "boris"):
        whole = list(asked(cast, name, archive, thread, limit=100).entries)
        assert {CANARY in entry.body and name not in entry.body for entry in whole} == ({False} if name in PATIENTS else {False, True})
        found: list[Any] = []
        complete = False
        while not complete:
            cursor = {} if not found else {"before": found[0].uid} if backwards else {"after": found[-1].uid}
            page = asked(cast, name, archive, thread, limit=2, backwards=backwards, **cursor)
            complete = page.complete
            assert complete or len(page.entries) == 2
            found[:0 if backwards else len(found)] = page.entries if backwards else found + list(page.entries)
        assert found == whole
        assert asked(cast, name, archive, thread, limit=0).count == len(whole)
        assert list(asked(cast, name, archive, thread, start=whole[0].at, end=whole[-1].at).entries) == whole


def test_live_it_goes_to_its_addressee_and_staff_alone(cast: Cast, thread: str) -> None:
    made = filled(cast, thread)
    cast.amend("boris", "correct", thread, made["ana 0"], body=f"{CANARY} ana corrected")
    cast.amend("ana", "react", thread, made["ana 0"], emojis=["👍"])
    cast.amend("boris", "retract", thread, made["ana 1"])
    with cast.database.read(Actor.system()) as work:
        members = {member.handle: member for member in relayed_thread(work, thread).members}
        found = entries_after(work, thread, 0)
        ada = members[cast.handle("ada")]
        last = found[-1].seq
        assert authors_between(work, thread, last - 3, last, ada) == set()  # who wrote for another has written nothing for her
        assert authors_between(work, thread, last - 3, last, members[cast.handle("ana")]) == {cast.handle("ana"), cast.handle("boris")}
    for name in (*PATIENTS, *STAFF):
        seen = [entry for entry in found if allowed(entry, members[cast.handle(name)])]
        others = [entry for entry in seen if entry.addressee not in (None, cast.uid(name))]
        assert bool(others) == (name in STAFF)
    assert {entry.addressee for entry in found[-3:]} == {cast.uid("ana")}  # what changes it is for the same people


def test_what_changes_it_is_told_to_the_same_people(cast: Cast, thread: str) -> None:
    uid = to(cast, "ana", thread, f"{CANARY} pay 5")
    corrected = cast.amend("boris", "correct", thread, uid, body=f"{CANARY} pay 50 @Ana @Ada")
    cast.amend("ana", "react", thread, uid, emojis=["👍"])
    before = everything(cast, "ada", thread)
    [hers] = [entry for entry in asked(cast, "ana", thread_page, thread).entries if entry.uid == uid]
    assert (hers.body, hers.names_me, [one.names for one in hers.reactions]) == (f"{CANARY} pay 50 @Ana @Ada", True, [("Ana Alvarez",)])
    with cast.database.read(Actor.system()) as work:
        [stored] = [entry for entry in entries_after(work, thread, 0) if entry.uid == corrected]
    assert cast.uid("ada") not in stored.payload.mentions  # she can't read it
    cast.database.perform(cast.boris, "group.remove", thread, person=cast.uid("ana"))
    cast.amend("chen", "react", thread, uid, emojis=["✅"])  # its addressee has left
    cast.amend("boris", "retract", thread, uid)
    assert CANARY not in before
    assert CANARY not in everything(cast, "ada", thread)
    assert not any(entry.about for entry in asked(cast, "ada", archive, thread, limit=100).entries)


def test_it_is_searched_for_by_its_addressee_and_staff(cast: Cast, thread: str, database: Database) -> None:
    filled(cast, thread)
    while Indexer()(database):
        pass
    hits = {name: len(asked(cast, name, search, CANARY).hits) for name in (*PATIENTS, *STAFF, "eve")}
    assert hits == {"ana": 4, "ada": 4, "boris": 8, "bella": 8, "chen": 8, "eve": 0}
    assert all("ana" in hit.snippet for hit in asked(cast, "ana", search, CANARY, thread=thread).hits)


def test_who_comes_later_reads_nothing_of_it(cast: Cast, thread: str) -> None:
    uid = to(cast, "ana", thread, f"{CANARY} before")
    cast.link("eve", "boris")
    cast.database.perform(cast.boris, "thread.invite", thread, people=[cast.uid("eve")])
    cast.amend("boris", "correct", thread, uid, body=f"{CANARY} corrected after")
    to(cast, "ana", thread, f"{CANARY} after")
    assert CANARY not in everything(cast, "eve", thread)


def test_it_is_read_when_its_addressee_has_read_it(cast: Cast, thread: str) -> None:
    uid = to(cast, "ana", thread, "pay 5")
    later = cast.post("boris", thread, "for all")

    def states() -> dict[str, tuple[str, tuple[str, ...]]]:
        return {one.uid: (one.state, one.read_by) for one in asked(cast, "boris", own_states, thread)}

    cast.database.perform(cast.ada, "thread.mark", thread, entry=later, state="read")
    assert (states()[uid], states()[later]) == (("sent", ()), ("read", ("Ada Almeida",)))
    cast.database.perform(cast.ana, "thread.mark", thread, entry=uid, state="delivered")
    assert states()[uid] == ("delivered", ())
    cast.database.perform(cast.ana, "thread.mark", thread, entry=uid, state="read")
    assert states()[uid] == ("read", ("Ana Alvarez",))
    [view] = [entry for entry in asked(cast, "boris", thread_page, thread).entries if entry.uid == uid]
    assert (view.state, view.read_by) == ("read", ("Ana Alvarez",))


def test_nobody_answers_it_so_that_others_read_its_words(cast: Cast, thread: str) -> None:
    uid = to(cast, "ana", thread, f"{CANARY} pay 5")

    def answers(who: str, uid: str, where: str, action: str = "text.post") -> Any:
        values = {"body": f"an answer of {who}", "client_id": new_uid(), "reply_to": uid}
        return cast.database.perform(getattr(cast, who), action, where, **values).entries[0]

    for who in ("ana", "boris"):
        with pytest.raises(errors.Invalid, match="for one patient"):
            answers(who, uid, thread)
        [view] = [entry for entry in asked(cast, who, thread_page, thread).entries if entry.uid == uid]
        assert "reply" not in view.offers and "react" in view.offers
    assert answers("boris", uid, thread, "note.post").quote.text == f"{CANARY} pay 5"
    direct = cast.start("boris", "ana")
    alone = to(cast, "ana", direct, "pay 6")
    assert answers("ana", alone, direct).quote.text == "pay 6"
    [view] = [entry for entry in asked(cast, "boris", thread_page, direct).entries if entry.uid == alone]
    assert (view.addressee, "reply" in view.offers) == ("", True)
    assert "pay 6" in str(asked(cast, "ana", archive, direct).entries[-1].quote)


def test_a_quote_of_it_that_was_stored_anyway_is_shown_to_its_readers_alone(cast: Cast, thread: str, database: Database) -> None:
    uid = to(cast, "ana", thread, f"{CANARY} pay 5")
    answer = cast.post("boris", thread, "an answer")
    with database.writing() as connection:
        stored = sa.update(entries).where(entries.c.uid == answer).values(payload=f'{{"text":"an answer","reply_to":"{uid}"}}')
        connection.execute(stored)
    assert CANARY not in everything(cast, "ada", thread)
    assert CANARY in str(asked(cast, "ana", thread_page, thread).entries[-1].quote)
    with database.read(Actor.system()) as work:
        assert CANARY not in repr([entry for entry in entries_after(work, thread, 0) if entry.uid == answer])


def test_the_newest_message_is_the_newest_that_one_sees(cast: Cast, thread: str, database: Database) -> None:
    shown = cast.post("boris", thread, "for all")
    to(cast, "ana", thread, f"{CANARY} for Ana")
    cast.amend("ada", "react", thread, emojis=["👍"])
    with database.reading() as connection:
        last = connection.execute(sa.select(entries).order_by(entries.c.seq.desc()).limit(1)).one()
        about = connection.execute(sa.select(entries.c.uid).where(entries.c.seq == last.about_seq)).scalar_one()
    assert about == shown


def test_a_thread_that_was_put_away_comes_back_to_its_readers_alone(cast: Cast, thread: str) -> None:
    cast.post("boris", thread, "for all")
    for name in PATIENTS:
        _put_away(cast, name, thread)
    to(cast, "ana", thread, f"{CANARY} for Ana")
    assert [len(asked(cast, name, thread_list)) for name in PATIENTS] == [1, 0]
    with cast.database.read(Actor.system()) as work:
        listed = {one.handle for one in untold(work, thread) if one.wanted}
    assert cast.handle("ana") in listed and cast.handle("ada") not in listed
    cast.post("boris", thread, "for all again")
    assert [len(asked(cast, name, thread_list)) for name in PATIENTS] == [1, 1]


def _put_away(cast: Cast, name: str, thread: str) -> None:
    with cast.database.writing() as connection:
        account = connection.execute(sa.text("SELECT id FROM accounts WHERE uid = :uid"), {"uid": cast.uid(name)}).scalar_one()
        last = connection.execute(sa.select(threads.c.last_seq).where(threads.c.uid == thread)).scalar_one()
        connection.execute(sa.update(memberships).where(memberships.c.account_id == account).values(put_away_seq=last))
        connection.execute(sa.update(threads).where(threads.c.uid == thread).values(put_away=True))


def test_it_answers_nobody_who_waits(cast: Cast, thread: str, database: Database) -> None:
    cast.post("ada", thread, "I wait")
    to(cast, "ana", thread, "for Ana")
    with database.reading() as connection:
        assert connection.execute(sa.select(threads.c.waiting_since).where(threads.c.uid == thread)).scalar_one() is not None


def test_an_addressee_comes_with_its_audience_and_never_alone(cast: Cast, thread: str) -> None:
    with addressed(cast.uid("ana")):
        uid = cast.post("boris", thread, "for Ana")
    with cast.database.reading() as connection:
        row = connection.execute(sa.select(entries.c.audience, entries.c.addressee_id).where(entries.c.uid == uid)).one()
    assert row.audience == Audience.EVERYONE and row.addressee_id is not None  # found in the same stretch of the index
    append = Work.append

    def wrongly(work: Work, *given: Any, **named: Any) -> str:
        return append(work, *given, **(named | {"audience": Audience.ADDRESSEE}))

    with patch.object(Work, "append", wrongly), pytest.raises(ValueError, match="come together"):
        cast.post("boris", thread, "for nobody")


def test_a_version_that_knows_no_addressee_shows_it_to_staff_only(cast: Cast, thread: str, database: Database) -> None:
    uids = {to(cast, "ana", thread, f"{CANARY} for Ana"): "staff", cast.post("boris", thread, "for all"): "everyone"}
    downgrade(database.engine, "0006")
    with database.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT uid, audience FROM entries WHERE kind = 'text'"))
        stored = {row.uid: row.audience for row in rows}
    assert stored == uids
    upgrade(database.engine)
    assert CANARY not in everything(cast, "ana", thread)
