"""Gates: rules that hold back what a patient would send to a practitioner. Whoever asks them knows that there are some, and none of them.

Imports clinic only. A capability registers its rule with `gate`; each action on a thread passes all of them before it changes anything,
through whatever door it came, unless it is declared `gated=False`. What posts on somebody's behalf, or begins a thread, asks `pass_gates` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from clinic.permissions import Role

if TYPE_CHECKING:
    from clinic.loading import LoadedThread
    from clinic.work import Work

Gate = Callable[["Work", int, Callable[[], Collection[int]], "LoadedThread | None"], None]
"""Called with a patient's account id, what gives those of the practitioners whom what they send would reach, and the thread if there is one yet.

Raises: Gated."""
_GATES: list[Gate] = []


def gate(rule: Gate) -> Gate:
    """Register the function below as a rule that everything a patient sends must pass."""
    _GATES.append(rule)
    return rule


def pass_gates(work: Work, patient_id: int, thread: LoadedThread) -> None:
    """Let a patient (account id) send something in a loaded thread. Raises: Gated."""
    for rule in _GATES:
        rule(work, patient_id, lambda: [one.account_id for one in thread.members.values() if one.role is Role.PRACTITIONER], thread)


def pass_gates_to(work: Work, patient_id: int, practitioner_id: int) -> None:
    """Let a patient begin a thread with a practitioner (account ids). Raises: Gated."""
    for rule in _GATES:
        rule(work, patient_id, lambda: [practitioner_id], None)
