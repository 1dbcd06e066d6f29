"""Whom a text names: "@" and a member's name, or the first part of it where only one member has it. Imports clinic only."""

from __future__ import annotations

from collections import Counter

from clinic.loading import LoadedThread
from clinic.log import Audience, meant_for

MOST_MENTIONS = 50


def names_of(thread: LoadedThread) -> dict[str, str]:
    """Return what each member may be called after an @, in lower case, with the account's uid: the longest name first."""
    members = list(thread.members.values())
    firsts = Counter(member.nick.split()[0].casefold() for member in members if member.nick.strip())
    found = {member.nick.casefold(): member.uid for member in members}
    for member in members:
        first = (member.nick.split() or [""])[0].casefold()
        if firsts[first] == 1:
            found.setdefault(first, member.uid)
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


def mentioned(
    body: str, thread: LoadedThread, *, audience: Audience = Audience.EVERYONE, addressee: str | None = None, by_app: bool = False
) -> tuple[str, ...]:
    """Return the account uids of the members whom `body` names, who can read it.

    by_app: messaging apps write "Name: " or "Name, " at the start instead. Most texts hold neither, and cost a look for one sign.
    """
    addressed = by_app and any(sign in body[:100] for sign in (": ", ", "))
    if "@" not in body and not addressed:
        return ()
    text, found = body.casefold(), dict[str, None]()
    readers = {member.uid for member in thread.members.values() if meant_for(audience, member, addressee)}
    for name, uid in names_of(thread).items():
        if uid in readers and (_after_at(text, name) or (addressed and text.startswith((f"{name}: ", f"{name}, ")))):
            found[uid] = None
    return tuple(found)[:MOST_MENTIONS]


def _after_at(text: str, name: str) -> bool:
    at = text.find(f"@{name}")
    while at != -1:
        end = at + len(name) + 1
        before, after = text[at - 1 : at], text[end : end + 1]
        if not before.isalnum() and not after.isalnum():
            return True
        at = text.find(f"@{name}", end)
    return False
