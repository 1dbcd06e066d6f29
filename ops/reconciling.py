"""Holds what the card service knows of the clinic's payments against what the clinic knows, both ways. Imports `clinic`; asks a `Provider`.

What a report of the card service can settle is taken over, as from a webhook. What is left is said in words: it takes a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from clinic import Actor, Database
from clinic.payment.asking import AttemptToAsk, attempts_known, attempts_since
from clinic.payment.money import Money
from clinic.payment.providers import Outcome, Provider, RefundOutcome, Refused, Report
from clinic.payment.record import CARD
from clinic.payment.states import LIVE, AttemptState

SYSTEM = Actor.system()
MONEY_CAME = (AttemptState.PAID, AttemptState.SURPLUS)


@dataclass
class Reconciled:
    """What was found, each in a sentence. compared: attempts. taken: what was out of date here, and is not any more. waits: what is under way.

    unexplained: what takes a person.
    """

    compared: int = 0
    taken: list[str] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)


def reconcile(database: Database, provider: Provider, days: int) -> Reconciled:
    """Compare the attempts of the last `days` days, and those that are not over. Raises: Unreachable, Refused where the card service says no to all."""
    found, since = Reconciled(), database.now() - timedelta(days=days)
    there: dict[str, list[Report]] = defaultdict(list)
    for report in provider.since(since):
        there[report.attempt].append(report)
    with database.read(SYSTEM) as work:
        ours = {one.uid: one for one in [*attempts_since(work, CARD, since), *attempts_known(work, CARD, sorted(there))]}
    for uid in there.keys() - ours.keys():
        found.unexplained += [_unknown(report) for report in there[uid] if report.outcome is not Outcome.EXPIRED]
    for one in ours.values():
        found.compared += 1
        _compare(database, provider, one, there.get(one.uid, ()), found)
    return found


def _compare(database: Database, provider: Provider, ours: AttemptToAsk, reports: Sequence[Report], found: Reconciled) -> None:
    """Hold one of our attempts against what is known of it there."""
    report = _of(ours, reports)
    found.unexplained += [
        f"{_named(ours)} was paid a second time at the card service, as {one.reference}. Give that back in its dashboard."
        for one in reports
        if one is not report and one.outcome is Outcome.PAID
    ]
    if report is None and ours.reference:
        try:
            report = provider.look(ours.reference)
        except Refused as error:
            found.unexplained.append(f"{_named(ours)} is {ours.state} here, and unknown to the card service. {error.words} Are these the keys of its account?")
            return
    if report is None:
        if ours.state in MONEY_CAME:
            found.unexplained.append(f"{_named(ours)} is paid here, and nothing of it is at the card service.")
        elif ours.state is AttemptState.ASKED:
            found.waits.append(f"{_named(ours)} waits to be begun at the card service.")
        return
    database.perform(SYSTEM, "payment.reported", ours.uid, report=report)
    with database.read(SYSTEM) as work:
        [now] = attempts_known(work, CARD, [ours.uid])
    if (now.state, now.given_minor) != (ours.state, ours.given_minor):
        found.taken.append(f"{_named(ours)} was {_stands(ours)} here, and is {_stands(now)} now, as at the card service.")
    _agrees(now, report, found)


def _agrees(ours: AttemptToAsk, report: Report, found: Reconciled) -> None:
    """Say where the two still differ once the report was taken over."""
    given = sum(one.amount.minor for one in report.refunds if one.outcome is RefundOutcome.DONE)
    if report.amount != ours.amount:
        found.unexplained.append(f"{_named(ours)} is about {report.amount} at the card service ({report.reference}, {report.outcome}).")
    elif (report.outcome is Outcome.PAID) is not (ours.state in MONEY_CAME):
        found.unexplained.append(f"{_named(ours)} is {ours.state} here and {report.outcome} at the card service ({report.reference}).")
    elif given != ours.given_minor:
        back = [str(Money(minor, ours.amount.currency)) for minor in (ours.given_minor, given)]
        found.unexplained.append(f"Of {_named(ours)} {back[0]} was given back here and {back[1]} at the card service ({report.reference}).")
    elif ours.state in LIVE:
        found.waits.append(f"{_named(ours)} is {ours.state}: it can still be paid.")


def _of(ours: AttemptToAsk, reports: Sequence[Report]) -> Report | None:
    """Return the report that is about our attempt: by its reference or, where we never heard that, the one by which money came."""
    if ours.reference:
        return next((one for one in reports if one.reference == ours.reference), None)
    return min(reports, key=lambda one: one.outcome is not Outcome.PAID, default=None)


def _unknown(report: Report) -> str:
    return (
        f"At the card service there is {report.amount} ({report.reference}, {report.outcome}) that bears this clinic's mark, and is unknown here. "
        "It may be of a copy of this clinic, or of the time after the backup that was restored."
    )


def _named(ours: AttemptToAsk) -> str:
    return f"{ours.service}, {ours.amount} (request {ours.request}{f', {ours.reference}' if ours.reference else ''})"


def _stands(ours: AttemptToAsk) -> str:
    return f"{ours.state}, {Money(ours.given_minor, ours.amount.currency)} of it given back" if ours.given_minor else str(ours.state)
