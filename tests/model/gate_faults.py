"""Faults to plant in the gate, each of which the histories must find: what a tired change could do. None of them is in the code.

A fault is named with the engines on which it shows: what only the order of locks prevents does not show on SQLite, which writes one after the other.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import ACTIONS, endings
from clinic.memory import Memory
from clinic.payment import answering, gate, requests
from clinic.payment.tables import payment_requests
from clinic.permissions import Role
from clinic.prepared import Query
from clinic.requests import Changed
from clinic.transaction import Transaction
from clinic.urgent.tables import urgent_calls

Plant = Callable[[pytest.MonkeyPatch], None]
FAULTS: dict[str, tuple[Plant, tuple[str, ...]]] = {}


def fault(*engines: str) -> Callable[[Plant], Plant]:
    """Name the function below among the faults."""

    def name(plant: Plant) -> Plant:
        FAULTS[plant.__name__] = plant, engines
        return plant

    return name


def _ungated(patch: pytest.MonkeyPatch, action: str, *, gated: bool = False) -> None:
    patch.setitem(ACTIONS, action, dataclasses.replace(ACTIONS[action], gated=gated))


@fault("sqlite")
def corrections_are_not_asked_about(patch: pytest.MonkeyPatch) -> None:
    """What is corrected passes."""
    _ungated(patch, "text.correct")


@fault("sqlite")
def reactions_are_not_asked_about(patch: pytest.MonkeyPatch) -> None:
    """A reaction passes."""
    _ungated(patch, "text.react")


@fault("sqlite")
def scheduling_is_not_asked_about(patch: pytest.MonkeyPatch) -> None:
    """What is written for later is taken."""
    patch.setattr("clinic.text.scheduled.pass_gates", lambda *_: None)


@fault("sqlite")
def new_threads_are_not_asked_about(patch: pytest.MonkeyPatch) -> None:
    """A patient begins a thread with who waits for their answer."""
    patch.setattr("clinic.thread.actions.pass_gates_to", lambda *_: None)


@fault("sqlite")
def asking_into_a_group_is_not_asked_about(patch: pytest.MonkeyPatch) -> None:
    """A patient asks to be let into a group of who waits for their answer."""
    patch.setattr("clinic.group.sharing.pass_gates", lambda *_: None)


@fault("sqlite")
def answers_are_held_back(patch: pytest.MonkeyPatch) -> None:
    """Who has not answered cannot answer."""
    _ungated(patch, "payment.decide", gated=True)


@fault("sqlite")
def what_is_open_is_remembered_too_long(patch: pytest.MonkeyPatch) -> None:
    """A process asks the database once about each patient, and then believes it."""
    ask, known = gate.open_requests, dict[int, list[tuple[int, int]]]()
    patch.setattr(gate, "open_requests", lambda work, patient: known.setdefault(patient, ask(work, patient)))


@fault("sqlite")
def what_is_open_is_remembered_past_ones_own_writes(patch: pytest.MonkeyPatch) -> None:
    """What the writing connection remembers is given up when others write only."""
    learn = Memory.learn

    def keeping(self: Memory, buffer: Any) -> None:
        kept = self._facts
        learn(self, buffer)
        self._facts = kept

    patch.setattr(Memory, "learn", keeping)


@fault("sqlite")
def what_is_open_is_remembered_past_others_writes(patch: pytest.MonkeyPatch) -> None:
    """What the writing connection remembers is given up when it writes itself only."""
    forget = Memory.forget

    def keeping(self: Memory) -> None:
        kept = getattr(self, "_facts", None)
        forget(self)
        self._facts = kept or self._facts

    patch.setattr(Memory, "forget", keeping)


@fault("postgresql")
def what_is_open_is_asked_before_the_thread_is_locked(patch: pytest.MonkeyPatch) -> None:
    """It is asked for while the request is being made that holds the thread."""
    preload, threads = Transaction.preload, Transaction.preload_threads

    def asked_first(self: Transaction, calls: Any) -> None:
        self._preload_persons([call.actor for _, call, _ in calls])
        memo: dict[int, list[tuple[int, int]]] = {}
        for person in self.acting:
            if Role.PATIENT in person.roles:
                memo[person.id] = [(row[1], row[2]) for row in gate._OPEN.rows(self.connection, [person.id])]
        if memo:
            self.memo["payment.open"] = memo
        threads(self, [call.subject for spec, call, _ in calls if call.subject and spec.name in ("text.post", "text.correct", "text.react")])
        preload(self, calls)

    patch.setattr(Transaction, "preload", asked_first)


@fault("postgresql")
def two_answers_at_once_are_both_taken(patch: pytest.MonkeyPatch) -> None:
    """What is answered is read before its thread is locked."""
    load, read = ACTIONS["payment.decide"].load, answering._asked
    assert load is not None
    found = threading.local()

    def early(work: Any, uid: str) -> Any:
        found.rows = {row.uid: row for row in work.rows(
            sa.select(payment_requests, sa.literal(uid).label("thread")).where(payment_requests.c.addressee_id == work.person.id))}
        return load(work, uid)

    def stale(work: Any, thread: Any, uid: str | None) -> Any:
        now = read(work, thread, uid)
        before = found.rows.get(now.uid)
        return Changed(now, state=before.state) if before else now

    patch.setitem(ACTIONS, "payment.decide", dataclasses.replace(ACTIONS["payment.decide"], load=early))
    patch.setattr(answering, "_asked", stale)


@fault("sqlite")
def urgent_does_not_suspend(patch: pytest.MonkeyPatch) -> None:
    """Who calls for help cannot go on writing."""
    patch.setattr(gate, "open_urgent", lambda *_: False)


@fault("sqlite")
def urgent_suspends_everywhere(patch: pytest.MonkeyPatch) -> None:
    """Who calls for help in one thread can write in all."""
    def anywhere(work: Any, _thread: Any, patient: int) -> bool:
        query = sa.select(urgent_calls.c.id).where(urgent_calls.c.account_id == patient, urgent_calls.c.resolved_at.is_(None))
        return work.row(query) is not None

    patch.setattr(gate, "open_urgent", anywhere)


@fault("sqlite")
def urgent_suspends_for_good(patch: pytest.MonkeyPatch) -> None:
    """What staff have resolved goes on lifting the gate."""
    def ever(work: Any, thread: Any, patient: int) -> bool:
        return work.row(sa.select(urgent_calls.c.id).where(urgent_calls.c.account_id == patient, urgent_calls.c.thread_id == thread.id)) is not None

    patch.setattr(gate, "open_urgent", ever)


@fault("sqlite")
def another_patients_request_holds(patch: pytest.MonkeyPatch) -> None:
    """What one patient of a group has not answered holds back all."""
    ask = gate.open_requests

    def of_all(work: Any, patient: int) -> list[tuple[int, int]]:
        everybody = [row.addressee_id for row in work.rows(sa.select(payment_requests.c.addressee_id).distinct())]
        return sorted({found for one in {patient, *everybody} for found in ask(work, one)}, key=lambda found: found[1])

    patch.setattr(gate, "open_requests", of_all)


@fault("sqlite")
def it_holds_in_its_own_thread_alone(patch: pytest.MonkeyPatch) -> None:
    """A patient writes to the practitioner in another thread."""
    holding = gate.holding

    def here(work: Any, patient: int, practitioners: Any, thread: Any) -> int | None:
        found = holding(work, patient, practitioners, thread)
        return found if found and thread and gate.request_row(work, found).thread_id == thread.id else None

    patch.setattr(gate, "holding", here)


@fault("sqlite")
def it_holds_in_every_thread(patch: pytest.MonkeyPatch) -> None:
    """A patient cannot write to anybody until they have answered."""
    holding = gate.holding

    def everywhere(work: Any, patient: int, _practitioners: Any, thread: Any) -> int | None:
        return holding(work, patient, [practitioner for practitioner, _ in gate.open_requests(work, patient)], thread)

    patch.setattr(gate, "holding", everywhere)


@fault("sqlite")
def it_holds_until_it_is_paid(patch: pytest.MonkeyPatch) -> None:
    """Accepting does not lift it."""
    columns = (payment_requests.c.addressee_id, payment_requests.c.practitioner_id, payment_requests.c.id)
    unpaid = Query(lambda keys: sa.select(*columns).where(
        payment_requests.c.addressee_id.in_(keys), sa.literal_column("payment_requests.state IN ('open', 'accepted')")))
    patch.setattr(gate, "_OPEN", unpaid)


@fault("sqlite")
def a_coordinators_request_is_anothers(patch: pytest.MonkeyPatch) -> None:
    """What Chen asks for Boris holds for whoever else treats in the thread."""
    patch.setattr(requests, "_chief", lambda _work, thread, _uid: [one for one in thread.members.values() if one.role is Role.PRACTITIONER][-1])


@fault("sqlite")
def deactivating_withdraws_nothing(patch: pytest.MonkeyPatch) -> None:
    """Who is gone goes on waiting for an answer."""
    patch.setattr(endings, "ACCOUNT", [])


@fault("sqlite")
def unlinking_withdraws_nothing(patch: pytest.MonkeyPatch) -> None:
    """Who no longer treats goes on waiting for an answer."""
    patch.setattr(endings, "LINK", [])


@fault("sqlite")
def leaving_withdraws_nothing(patch: pytest.MonkeyPatch) -> None:
    """What was asked in a thread stays open when who asked has left it, or it is closed."""
    patch.setattr(endings, "MEMBERSHIP", [])


@fault("sqlite")
def a_resend_is_held_back(patch: pytest.MonkeyPatch) -> None:
    """What was stored before a request is refused when it comes again."""
    execute = Transaction.execute

    def asked_first(self: Transaction, spec: Any, call: Any, values: Any) -> Any:
        person, thread = self.person_of(call.actor), self.thread(call.subject) if call.subject and spec.name == "text.post" else None
        if person and thread and person.id in thread.members and Role.PATIENT in person.roles:
            from clinic.gates import pass_gates
            from clinic.work import Work

            pass_gates(Work(self, call.actor), person.id, thread)
        return execute(self, spec, call, values)

    patch.setattr(Transaction, "execute", asked_first)
