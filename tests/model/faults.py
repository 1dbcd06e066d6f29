"""Faults to plant in the product, each of which the machine must find: what a tired change could do. None of them is in the code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from clinic.log import entries
from clinic.permissions import Role
from tests.model.clinics import client_id

Plant = Callable[[pytest.MonkeyPatch], None]
# Each with the rules of the machine that the hunt for it keeps to: what it is about, and what else could hide it.
FAULTS: dict[str, tuple[Plant, frozenset[str]]] = {}


def fault(*rules: str) -> Callable[[Plant], Plant]:
    """Name the function below among the faults."""

    def name(plant: Plant) -> Plant:
        FAULTS[plant.__name__] = plant, frozenset(rules)
        return plant

    return name


def _everything(_role: Role, _account: Any, from_seq: Any, after: Any = None) -> Any:
    return entries.c.seq > (from_seq if after is None else after)


@fault("post", "retract")
def archive_forgets_the_audience(patch: pytest.MonkeyPatch) -> None:
    """An app's archive holds what is for staff only."""
    patch.setattr("clinic.thread.archive.visible", _everything)
    patch.setattr("clinic.thread.archive.by_audience", lambda query, _role: query)


@fault("post", "retract")
def page_forgets_the_audience(patch: pytest.MonkeyPatch) -> None:
    """A patient's page holds what is for staff only."""
    patch.setattr("clinic.thread.reading.visible", _everything)
    patch.setattr("clinic.thread.views.by_audience", lambda query, _role: query)


@fault("post", "retract")
def live_forgets_the_audience(patch: pytest.MonkeyPatch) -> None:
    """What is for staff only is sent to everybody who is present."""
    patch.setattr("tests.model.clinics.allowed", lambda entry, reader: entry.seq > reader.from_seq)


@fault("post", "resend")
def resend_is_stored_twice(patch: pytest.MonkeyPatch) -> None:
    """What was sent is not recognised when it comes again."""
    row = __import__("clinic.transaction", fromlist=["_entry_row"])._entry_row
    patch.setattr("clinic.transaction._client_ids", lambda _values: [])
    patch.setattr("clinic.transaction._entry_row", lambda *given: {**row(*given), "client_id": client_id()})


@fault("post", "mark")
def unread_counts_own_words(patch: pytest.MonkeyPatch) -> None:
    """What one has written oneself is news to oneself."""
    patch.setattr("clinic.thread.listing.by_others", lambda _account: sa.true())


@fault("assistance", "post")
def unlinked_coordinator_stays(patch: pytest.MonkeyPatch) -> None:
    """A coordinator who assists no more goes on reading."""
    patch.setattr("clinic.thread.links.exclude_coordinator", lambda *_given: None)


@fault("remove", "leave", "post")
def who_has_left_still_sees(patch: pytest.MonkeyPatch) -> None:
    """The end of a membership is said and not stored."""

    def said_only(work: Any, thread: Any, account_id: int) -> None:
        thread.members.pop(account_id)

    for place in ("clinic.thread.members", "clinic.group.managing"):
        patch.setattr(f"{place}.end_membership", said_only)


@fault("mark", "post")
def marks_move_back(patch: pytest.MonkeyPatch) -> None:
    """Reading something old makes what came later unread again."""

    def move(work: Any, thread: Any, member: Any, **markers: int) -> bool:
        from clinic.thread.tables import memberships

        work.update(memberships, member.id, **markers)
        return True

    patch.setattr("clinic.thread.marks._move", move)


@fault("invite", "remove", "post")
def newcomer_sees_one_line_too_many(patch: pytest.MonkeyPatch) -> None:
    """A patient who joins sees the last line of before."""
    from clinic.thread import members
    from clinic.thread.tables import memberships

    add = members.add_member

    def joined(work: Any, thread: Any, joining: Any, role: Any, **more: Any) -> None:
        add(work, thread, joining, role, **more)
        member = thread.members[joining.id]
        if member.from_seq:
            member.from_seq -= 1
            work.update(memberships, member.id, from_seq=member.from_seq)

    patch.setattr("clinic.group.inviting.add_member", joined)


@fault("rename", "post")
def patient_reads_what_staff_call_a_thread(patch: pytest.MonkeyPatch) -> None:
    """The name of a 1:1, which is for staff, is shown to its patient."""
    from clinic.thread import listing

    title_for = listing.title_for
    patch.setattr("clinic.thread.listing.title_for", lambda thread, reader: thread.title or title_for(thread, reader))


@fault("change_status", "post")
def status_is_shown_to_everybody(patch: pytest.MonkeyPatch) -> None:
    """The change of a status is an entry for all."""
    from clinic.log import Audience

    class Everyone:
        STAFF = Audience.EVERYONE

    patch.setattr("clinic.status.actions.Audience", Everyone)


@fault("aborted", "post", "batches")
def what_was_not_stored_is_remembered(patch: pytest.MonkeyPatch) -> None:
    """After a commit that failed the process goes on as if it had not."""
    patch.setattr("clinic.database.Memory.drop", lambda _info: None)


@fault("mute", "post")
def mute_is_for_all(patch: pytest.MonkeyPatch) -> None:
    """One member's silence is everybody's."""
    from clinic import ACTIONS
    from clinic.thread.tables import memberships

    def mute(work: Any, thread: Any, muted: bool) -> bool:
        for member in thread.members.values():
            work.update(memberships, member.id, muted=muted)
        return muted

    patch.setitem(ACTIONS, "thread.mute", _with(ACTIONS["thread.mute"], mute))


def _with(spec: Any, function: Callable[..., Any]) -> Any:
    from dataclasses import replace

    return replace(spec, function=function)
