"""Share links of a group: who makes them, who asks, who decides, and what strangers and late comers learn."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from clinic import Database, errors
from clinic.group.sharing import TRIED_AT_MOST, Shared
from clinic.group.views import SharedGroup, shared_group, thread_people
from tests.support.cast import Cast
from tests.support.groups import bodies, do, group, listed, names


def share(cast: Cast, thread: str, **values: str) -> Shared:
    made: Shared = do(cast, "boris", "group.share", thread, **values)
    return made


def seen(cast: Cast, by: str, token: str) -> SharedGroup:
    with cast.database.read(getattr(cast, by)) as work:
        return shared_group(work, token)


def asking(cast: Cast, thread: str) -> list[str]:
    with cast.database.read(cast.boris) as work:
        return [one.name for one in thread_people(work, thread).asking]


def test_who_opens_a_link_asks_and_the_group_admin_lets_them_in(cast: Cast) -> None:
    thread = group(cast, "ana", "bella")
    cast.post("ana", thread, "Early")
    token = share(cast, thread).token
    assert seen(cast, "eve", token) == SharedGroup("Boris Brandt", "new", None)
    assert do(cast, "eve", "group.ask", token=token) == "asked"
    assert do(cast, "eve", "group.ask", token=token) == "asked"
    assert seen(cast, "eve", token).state == "asked"
    assert thread not in listed(cast, "eve")
    assert "Eve Evans (born 1 January 1970) has opened the share link" in bodies(cast, "chen", thread)[-1]
    assert not any("Eve" in body for body in bodies(cast, "ana", thread))
    assert asking(cast, thread) == ["Eve Evans"]
    for other in ("bella", "chen", "ana"):
        with pytest.raises(errors.NotPermitted):
            do(cast, other, "group.admit", thread, person="eve")
    do(cast, "boris", "group.admit", thread, person="eve")
    assert bodies(cast, "eve", thread) == ["Boris Brandt let Eve Evans in, who can read and write here from now on."]
    assert seen(cast, "eve", token) == SharedGroup("Boris Brandt", "member", thread)
    assert do(cast, "eve", "group.ask", token=token) == "member"
    assert asking(cast, thread) == []
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "group.admit", thread, person="eve")


def test_staff_let_in_read_everything_and_their_coordinators_come_along(cast: Cast, database: Database) -> None:
    database.perform(cast.dina, "link.coordinator_remove", coordinator=cast.uid("chen"), practitioner=cast.uid("boris"))
    database.perform(cast.dina, "link.coordinator_add", coordinator=cast.uid("chen"), practitioner=cast.uid("bella"))
    thread = group(cast, "ana")
    cast.post("ana", thread, "Early")
    do(cast, "bella", "group.ask", token=share(cast, thread).token)
    do(cast, "boris", "group.admit", thread, person="bella")
    assert "Early" in bodies(cast, "bella", thread)
    assert "chen" in names(cast, "ana", thread)


def test_who_is_refused_reads_so_and_does_not_ask_again_today(cast: Cast) -> None:
    thread = group(cast, "ana")
    token = share(cast, thread).token
    do(cast, "eve", "group.ask", token=token)
    do(cast, "boris", "group.refuse", thread, person="eve")
    assert seen(cast, "eve", token).state == "refused"
    with pytest.raises(errors.Conflict):
        do(cast, "eve", "group.ask", token=token)
    assert "eve" not in names(cast, "boris", thread)


def test_revoked_expired_foreign_and_closed_links_say_the_same(cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = group(cast, "ana")
    revoked, late, closed = share(cast, thread), share(cast, thread, days="1"), share(cast, thread, days="30")
    do(cast, "boris", "group.unshare", thread, link=revoked.uid)
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "group.unshare", thread, link=revoked.uid)
    now = database.now
    said = set()
    with monkeypatch.context() as later:
        later.setattr(database, "now", lambda: now() + timedelta(days=2))
        for token in (revoked.token, late.token, "nonsense"):
            with pytest.raises(errors.Expired) as refusal:
                do(cast, "eve", "group.ask", token=token)
            said.add(refusal.value.text)
            with pytest.raises(errors.Expired) as refusal:
                seen(cast, "eve", token)
            said.add(refusal.value.text)
    do(cast, "boris", "group.close", thread)
    with pytest.raises(errors.Expired) as refusal:
        do(cast, "eve", "group.ask", token=closed.token)
    assert len(said | {refusal.value.text}) == 1


def test_there_are_few_live_links_and_each_is_unique(cast: Cast) -> None:
    thread = group(cast, "ana")
    assert len({share(cast, thread).token for _ in range(5)}) == 5
    with pytest.raises(errors.Conflict, match="Revoke one"):
        share(cast, thread)


def test_only_the_group_admin_sees_links_and_who_asks(cast: Cast, database: Database) -> None:
    thread = group(cast, "ana", "bella")
    do(cast, "eve", "group.ask", token=share(cast, thread).token)
    for other in ("ana", "bella", "chen"):
        with database.read(getattr(cast, other)) as work:
            people = thread_people(work, thread)
        assert not (people.links or people.asking), other


def test_who_tries_many_links_is_slowed_down(cast: Cast) -> None:
    thread = group(cast, "ana")
    token = share(cast, thread).token
    for number in range(TRIED_AT_MOST):
        with pytest.raises(errors.Expired):
            do(cast, "eve", "group.ask", token=f"guess-{number}")
    with pytest.raises(errors.TooMany):
        do(cast, "eve", "group.ask", token=token)
    assert do(cast, "ada", "group.ask", token=token) == "asked"


def test_an_administrator_asks_for_nothing(cast: Cast) -> None:
    token = share(cast, group(cast, "ana")).token
    with pytest.raises(errors.NotPermitted):
        do(cast, "dina", "group.ask", token=token)


def test_a_link_revoked_while_somebody_asks_is_decided_one_way(cast: Cast) -> None:
    thread = group(cast, "ana")

    def ask(token: str) -> str:
        try:
            return str(do(cast, "eve", "group.ask", token=token))
        except errors.Expired:
            return "expired"

    shared = share(cast, thread)
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(ask, shared.token)
        revoked = pool.submit(do, cast, "boris", "group.unshare", thread, link=shared.uid)
        revoked.result()
    assert (asked.result() == "asked") == (asking(cast, thread) == ["Eve Evans"])
