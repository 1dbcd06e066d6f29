"""The clinic's answer to a patient who writes while those they write to are away. A plain helper; imports clinic only.

Once an absence and thread, as a notice, which nobody and nothing answers: two clinics' away replies cannot talk to each other. It
names the colleague who covers, who does not join the thread by it: what a patient wrote to one practitioner is not opened to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clinic.absence.tables import absences, absences_told
from clinic.account.settings import setting
from clinic.account.tables import accounts
from clinic.loading import LoadedMember, LoadedThread
from clinic.permissions import Role
from clinic.prepared import Query
from clinic.storage import for_driver
from clinic.thread.kinds import Notice
from clinic.work import Work

# Asked in every transaction in which a patient posts. Almost always nobody is away, and this says so in a few microseconds.
_ANY = Query(lambda keys: sa.select(absences.c.id).where(absences.c.ended_at.is_(None), absences.c.starts_at <= keys[0], absences.c.ends_at > keys[0]).limit(1))


def answer_if_away(work: Work, thread: LoadedThread, author: LoadedMember) -> None:
    """Say in a thread who is away, once an absence, when a patient has posted there and all its practitioners are away."""
    if author.role is not Role.PATIENT:
        return
    away = work.once("absences", lambda: _current(work) if work.quick(_ANY, [for_driver(work.now, work.dialect)]) else {})
    if not away:
        return
    practitioners = [member for member in thread.members.values() if member.role is Role.PRACTITIONER]
    if not practitioners or not all(member.account_id in away for member in practitioners):
        return
    told: set[tuple[int, int]] = work.once("absences told", set)
    for member in practitioners:
        absence = away[member.account_id]
        if (absence.id, thread.id) not in told and not _is_told(work, absence.id, thread.id):
            work.insert(absences_told, absence_id=absence.id, thread_id=thread.id, told_at=work.now)
            work.append(thread, Notice("away", (member.nick,), _words(work, member.nick, absence)))
        told.add((absence.id, thread.id))


def _current(work: Work) -> Mapping[int, sa.Row[Any]]:
    cover = accounts.alias()
    now = sa.and_(absences.c.starts_at <= work.now, absences.c.ends_at > work.now, absences.c.ended_at.is_(None))
    query = sa.select(absences, cover.c.name.label("cover_name")).outerjoin(
        cover, sa.and_(cover.c.id == absences.c.cover_id, cover.c.active.is_(True))
    )
    return {row.account_id: row for row in work.rows(query.where(now).order_by(absences.c.id))}


def _is_told(work: Work, absence_id: int, thread_id: int) -> bool:
    here = sa.and_(absences_told.c.absence_id == absence_id, absences_told.c.thread_id == thread_id)
    return work.row(sa.select(absences_told.c.told_at).where(here)) is not None


def _words(work: Work, nick: str, absence: sa.Row[Any]) -> str:
    until = absence.ends_at.astimezone(ZoneInfo(setting(work, "time_zone")))
    return " ".join(away_words(nick, f"{until:%-d %B %Y, %H:%M}", absence.words, absence.cover_name, setting(work, "emergency_number")))


def away_words(name: str, until: str, words: str, cover: str | None, number: str) -> Sequence[str]:
    """Return the sentences of an away reply; the emergency is always among them."""
    said = [f"{name} is away until {until} (clinic's time).", words]
    if cover:
        said.append(f"{cover} covers meanwhile; ask the clinic to reach them.")
    said.append(f"In an emergency call {number or 'the emergency number of your country'}.")
    return [sentence for sentence in said if sentence]
