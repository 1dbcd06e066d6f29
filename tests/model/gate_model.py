"""What the gate should have done, in plain facts: no product code, no clock but a counter.

Whatever several people do at the same time happens in some order. Of each call only this is known: it began, and later it was answered;
what it changed, it changed at one moment between. A fact is therefore at each moment certainly so, certainly not so, or one of the two; what
somebody sends may pass only if the gate may have been open at a moment between its begin and its answer, and may be held back only if the
request that the refusal names may have held then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

PASSED, HELD_BACK, OTHERWISE = "passed", "held back", "refused for another reason"
SENT = frozenset({"text", "correction", "reaction"})  # what a patient writes into a log and a request holds back


class Fact:
    """Something that is so or not, and who may have changed it when. Ticks are whole numbers; moments lie between them."""

    def __init__(self, at_first: bool) -> None:
        self._at_first = at_first
        self._changes: list[tuple[int, int, bool]] = []

    def change(self, begin: int, end: int, value: bool) -> None:
        """Note that a call that began and was answered at these ticks has made it so, or not so."""
        self._changes.append((begin, end, value))

    def at(self, moment: float) -> set[bool]:
        """Return what it may have been at a moment."""
        begun = [change for change in self._changes if change[0] < moment]
        over = max((begin for begin, end, _ in begun if end < moment), default=-1)  # the last to begin of those that were answered
        found = {value for _, end, value in begun if end > over}
        return found if over >= 0 else found | {self._at_first}


@dataclass(frozen=True)
class Asked:
    """A payment request. label: of the thread where it was made; open: whether it waits for an answer."""

    uid: str
    label: str
    patient: str
    practitioner: str
    requester: str
    open: Fact = field(default_factory=lambda: Fact(False))


@dataclass(frozen=True)
class Sent:
    """Something that a patient sent.

    label: of the thread, or of one that it would begin. named: the request that the refusal named, or "" where it names one in words.
    begins: of what begins a thread, whether it was there already.
    """

    begin: int
    end: int
    patient: str
    label: str
    what: str
    outcome: str
    named: str = ""
    begins: Fact | None = None

    @property
    def moments(self) -> Iterator[float]:
        """Yield the moments between its begin and its answer."""
        yield from (tick + 0.5 for tick in range(self.begin, self.end))


@dataclass(frozen=True)
class Line:
    """An entry of a log as SQL finds it: its author's name, or ""; request and decision: of a payment's entries; code: of a notice."""

    seq: int
    kind: str
    author: str
    request: str = ""
    decision: str = ""
    code: str = ""


class GateModel:
    """The facts of one history. members: which patients and practitioners are in each thread at first."""

    def __init__(self, members: Mapping[str, Iterable[str]]) -> None:
        self.asked: dict[str, Asked] = {}
        self._members = {(person, label): Fact(True) for label, people in members.items() for person in people}
        self._urgent: dict[tuple[str, str], Fact] = {}
        self.answered: dict[str, set[str]] = {}  # who closed a request, as they were told: accepted, rejected, withdrawn

    def member(self, person: str, label: str) -> Fact:
        """Return whether somebody is in a thread."""
        return self._members.setdefault((person, label), Fact(False))

    def urgent(self, patient: str, label: str) -> Fact:
        """Return whether a patient's call for help is open in a thread."""
        return self._urgent.setdefault((patient, label), Fact(False))

    def asks(self, one: Asked, begin: int, end: int) -> None:
        """Note a new request."""
        self.asked[one.uid] = one
        one.open.change(begin, end, True)

    def withdraws(self, begin: int, end: int, *, concerning: str = "", label: str = "", practitioner: str = "") -> None:
        """Note that what concerns somebody was withdrawn by itself: in one thread, or with one practitioner, or everywhere."""
        for one in list(self.asked.values()):
            of_them = concerning in ("", one.patient, one.practitioner, one.requester)
            if of_them and label in ("", one.label) and practitioner in ("", one.practitioner):
                one.open.change(begin, end, False)

    def resolves(self, begin: int, end: int, label: str) -> None:
        """Note that the calls for help of a thread were resolved."""
        for (_, place), fact in list(self._urgent.items()):
            if place == label:
                fact.change(begin, end, False)

    def _may_hold(self, one: Asked, sent: Sent, moment: float) -> bool:
        facts = one.open.at(moment), self.member(one.practitioner, sent.label).at(moment)
        return one.patient == sent.patient and all(True in fact for fact in facts) and False in self.urgent(sent.patient, sent.label).at(moment)

    def _holds(self, one: Asked, sent: Sent, moment: float) -> bool:
        facts = (one.open.at(moment), self.member(one.practitioner, sent.label).at(moment))
        return one.patient == sent.patient and facts == ({True}, {True}) and self.urgent(sent.patient, sent.label).at(moment) == {False}

    def judge(self, sent: Sent) -> str:
        """Return what is wrong with what became of something that was sent, or ""."""
        if sent.outcome == PASSED and all(any(self._holds(one, sent, moment) for one in self.asked.values()) for moment in sent.moments):
            return "it passed, and a request held all the time"
        if sent.outcome == HELD_BACK:
            named = [one for one in self.asked.values() if sent.named in ("", one.uid)]
            if not any(self._may_hold(one, sent, moment) for one in named for moment in sent.moments):
                return "it was held back, and what the refusal names held at no time"
            if sent.begins is not None and not any(False in sent.begins.at(moment) for moment in sent.moments):
                return "it was held back, and the thread was there already"
        return ""

    def could_be_answered(self, one: Asked, begin: int, end: int) -> bool:
        """Say whether a request waited for its answer all the time between two ticks, and its patient was in the thread."""
        moments = [tick + 0.5 for tick in range(begin, end)]
        return all(one.open.at(moment) == {True} and self.member(one.patient, one.label).at(moment) == {True} for moment in moments)

    def in_order(self, label: str, log: Sequence[Line]) -> Iterator[str]:
        """Yield what is wrong in the order of a log: what a patient sent between a request there and its end, with no call for help open."""
        begins = {line.request: line for line in log if line.kind == "payment-request"}
        ends = {line.request: line.seq for line in log if line.kind == "payment-decision"}
        for uid, first in begins.items():
            patient = self.asked[uid].patient
            for line in log:
                between = first.seq < line.seq < ends.get(uid, line.seq + 1)
                if between and line.kind in SENT and line.author == patient and not _calling(log, patient, line.seq):
                    yield f"{label}: {line.kind} {line.seq} of {patient} stands after the request {uid} ({first.seq}), which waited still"

    def in_the_end(self, states: Mapping[str, str], logs: Mapping[str, Sequence[Line]]) -> Iterator[str]:
        """Yield what is wrong with where the requests stand: states as SQL finds them."""
        decided = [line for log in logs.values() for line in log if line.kind == "payment-decision"]
        if states.keys() != self.asked.keys():
            yield f"requests nobody was told of, or that are gone: {states.keys() ^ self.asked.keys()}"
        for uid, one in self.asked.items():
            state, said = states.get(uid, ""), [line.decision for line in decided if line.request == uid]
            became = {"paid": "accepted", "pending": "accepted"}.get(state, state)
            if (state == "open") not in one.open.at(float("inf")):
                yield f"{one} is {state}"
            if said != ([] if state == "open" else [became]):
                yield f"{one} is {state}, and its log says {said}"
            if told := self.answered.get(uid, set()) - {became}:
                yield f"{one} is {state}, and somebody was told {told}"


def _calling(log: Sequence[Line], patient: str, seq: int) -> bool:
    calls = [line.seq for line in log if line.kind == "urgent" and line.author == patient and line.seq < seq]
    return bool(calls) and not any(line.code == "urgent-resolved" and max(calls) < line.seq < seq for line in log)
