"""What each person is offered in a thread and at large: exactly what they may do there, with what they may choose."""

from __future__ import annotations

import pytest

from clinic import ACTIONS, Actor
from clinic.actions import ActionSpec, Offer
from clinic.errors import NotFound, NotSignedIn
from clinic.fields import ClientId, Flag, Option, Pick, Text
from clinic.loading import LoadedThread
from clinic.offers import Offered, Shape, confirm_link, offer, offers, told
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from tests.support.cast import Cast


def offered(cast: Cast, name: str, thread: str | None = None) -> dict[str, Offered]:
    with cast.database.read(getattr(cast, name)) as work:
        return {one.action: one for one in offers(work, thread)}


def declare(monkeypatch: pytest.MonkeyPatch, spec: ActionSpec) -> None:
    monkeypatch.setitem(ACTIONS, spec.name, spec)


def test_what_is_offered_in_a_thread_is_not_offered_outside_nor_the_other_way_round(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    assert "thread.mute" in offered(cast, "ana", thread) and "thread.start" not in offered(cast, "ana", thread)
    assert "thread.start" in offered(cast, "ana") and "thread.mute" not in offered(cast, "ana")
    assert offered(cast, "dina") == {}


def test_everything_offered_is_permitted_and_whoever_is_not_in_the_thread_is_offered_nothing(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    for name in ("ana", "boris", "chen"):
        with cast.database.read(getattr(cast, name)) as work:
            loaded = work.thread(thread)
            assert all(work.may(ACTIONS[one.action].permission, loaded) for one in offers(work, thread))
    for name in ("eve", "bella", "dina"):
        with pytest.raises(NotFound):
            offered(cast, name, thread)
    with pytest.raises(NotFound):
        offered(cast, "ana", "0" * 26)
    with cast.database.read(Actor.anonymous()) as work, pytest.raises(NotSignedIn):
        offers(work)


def test_only_what_makes_sense_now_and_only_to_whom_the_table_allows_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = cast.start("boris", "ana")
    for name, permission, sense in (
        ("t.staff", Permission.THREAD_RENAME, None),
        ("t.group-admin", Permission.GROUP_MANAGE, None),
        ("t.switched", Permission.STATUS_CHANGE, None),
        ("t.senseless", Permission.THREAD_MUTE, lambda _work, _thread: False),
    ):
        shown = Offer(name, name.removeprefix("t."), when=sense)
        declare(monkeypatch, ActionSpec(name, permission, lambda *_: None, thread_for, (), False, False, None, shown))
    found = {name: {one for one in offered(cast, name, thread) if one.startswith("t.")} for name in ("ana", "boris", "chen")}
    assert found == {"ana": set(), "boris": {"t.staff", "t.switched"}, "chen": {"t.staff"}}
    with cast.database.read(cast.boris) as work, pytest.raises(NotFound):
        offer(work, "t.group-admin", thread)
    with cast.database.read(cast.boris) as work, pytest.raises(NotFound):
        offer(work, "no.such", thread)


def test_fields_come_with_what_this_person_may_choose_and_without_ids_of_the_sender(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = cast.start("boris", "ana")

    def members(work: object, loaded: LoadedThread) -> list[Option]:
        return [Option(member.uid, member.nick) for member in loaded.members.values()]

    fields = (
        Pick("who", "Who", options=members),
        Text("why", "Why", multiline=True),
        Pick("what", "What", required=False),
        Flag("sure", "Sure"),
        ClientId("client_id"),
        ClientId("earlier_client_id", required=False),
    )
    shown = Offer("Try", "try")
    declare(monkeypatch, ActionSpec("t.try", Permission.THREAD_MUTE, lambda *_: None, thread_for, fields, False, False, None, shown))
    found = offered(cast, "ana", thread)["t.try"]
    assert [(field.name, field.shape) for field in found.fields] == [("who", Shape.ONE), ("why", Shape.LINES), ("sure", Shape.FLAG)]
    assert sorted(option.label for option in found.fields[0].options) == ["Ana Alvarez", "Boris Brandt", "Chen Cheng"]
    assert found.client_id == "client_id" and not found.at_once


def test_a_person_to_start_a_thread_with_is_one_they_may_write_to(cast: Cast) -> None:
    with cast.database.read(cast.ana) as work:
        [person] = [field for field in offer(work, "thread.start").fields if field.name == "person"]
    assert [(option.label, option.more) for option in person.options] == [("Boris Brandt", "practitioner")]
    with cast.database.read(cast.boris) as work:
        [person] = [field for field in offer(work, "thread.start").fields if field.name == "person"]
    assert [(option.label, option.more) for option in person.options] == [("Ana Alvarez", "born 27 March 1984")]


def test_a_confirm_link_names_action_thread_and_values_and_what_is_done_leads_somewhere() -> None:
    link = confirm_link("https://clinic.example", "thread.rename", "a" * 26, {"title": "Knee & hip", "who": ["a", "b"], "none": None})
    assert link == f"https://clinic.example/do/thread.rename/{'a' * 26}?title=Knee+%26+hip&who=a&who=b"
    assert confirm_link("http://localhost:8600", "group.create") == "http://localhost:8600/do/group.create"
    assert told(ACTIONS["thread.start"], "b" * 26, "https://x") == ("The thread is there.", f"https://x/threads/{'b' * 26}")
