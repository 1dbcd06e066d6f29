"""The kind `notice`: what the clinic itself says in a thread. Imports clinic.kinds only."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from clinic.kinds import Ask, kind

NOTICE_NS = "urn:bedside:notice:1"


def _one(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


SENTENCES = {
    "thread-started": lambda n, r: f"{n[0]} started this thread with {_one(n[1:])}.",
    "thread-started-unlinked": lambda n, r: (
        f"{n[0]}, who is not linked to {_one(n[1:])}, started this thread. Reason given: {r}"
    ),
    "thread-started-for": lambda n, r: f"{n[0]} started this thread for {n[1]} with {_one(n[2:])}.",
    "thread-started-for-unlinked": lambda n, r: (
        f"{n[0]} started this thread for {n[1]}, who is not linked to {_one(n[2:])}. Reason given: {r}"
    ),
    "coordinators-included": lambda n, r: (
        f"{_one(n)} {_are(n)} included in this thread as {'coordinator' if len(n) == 1 else 'coordinators'} "
        "and can read and write here."
    ),
    "group-created": lambda n, r: f"{n[0]} created this group with {_one(n[1:])}.",
    "group-created-unlinked": lambda n, r: f"{n[0]} created this group with {_one(n[1:])}. Reason given, as not all are linked: {r}",
    "renamed": lambda n, r: f"{n[0]} named this thread “{r}”.",
    "unnamed": lambda n, r: f"{n[0]} took this thread's own name away.",
    "staff-invited": lambda n, r: f"{n[0]} invited {_one(n[1:])}, who can now read everything in this thread and write here.",
    "patients-invited": lambda n, r: f"{n[0]} invited {_one(n[1:])}, who can read and write here from now on.",
    "patients-invited-unlinked": lambda n, r: (
        f"{n[0]}, to whom not all are linked, invited {_one(n[1:])}, who can read and write here from now on. Reason given: {r}"
    ),
    "staff-admitted": lambda n, r: f"{n[0]} let {_one(n[1:])} in, who can now read everything in this thread and write here.",
    "patients-admitted": lambda n, r: f"{n[0]} let {_one(n[1:])} in, who can read and write here from now on.",
    "uninvited": lambda n, r: f"{n[0]} took back the invitation of {n[1]}, who had not opened this thread.",
    "asks-in": lambda n, r: f"{n[0]} ({r}) has opened the share link and asks to be let in. The group admin decides.",
    "left": lambda n, r: f"{n[0]} has left this thread.",
    "removed": lambda n, r: f"{n[0]} removed {n[1]} from this thread.",
    "handed-over": lambda n, r: f"{n[0]} handed this group over: {n[1]} is its group admin now.",
    "took-over": lambda n, r: f"The account of {n[0]} is deactivated. {n[1]} is the group admin now.",
    "nobody-manages": lambda n, r: (
        f"The account of {n[0]}, who manages this group, is deactivated, and no other practitioner is here. A practitioner whom the "
        "coordinators invite will manage it; until then, ask the clinic."
    ),
    "group-closed": lambda n, r: f"{n[0]} closed this group for everyone.",
    # For staff only: who of them answers.
    "claimed": lambda n, r: f"{n[0]} answers in this thread now.",
    "claim-taken-over": lambda n, r: f"{n[0]} answers in this thread now, instead of {n[1]}.",
    "claim-released": lambda n, r: f"{n[0]} no longer answers in this thread; somebody else may.",
    "coordinator-excluded": lambda n, r: f"{_one(n)} no longer assists here as coordinator and has left this thread.",
    "urgent-seen": lambda n, r: f"{n[0]} has seen the urgent call of {_one(n[1:])}.",
    "urgent-resolved": lambda n, r: f"{n[0]} resolved the urgent call of {_one(n[1:])}.",
    "urgent-not-seen": lambda n, r: f"Nobody has seen the urgent call of {n[0]} yet. {n[0]}: call {r} now.",
    "urgent-called-in": lambda n, r: f"{n[0]}, who is on duty, called in {n[1]}, who can read and write here now.",
    "away": lambda n, r: f"{r or n[0]}",
}


def notice_xml(payload: Notice) -> str:
    """Render the notice's own child: its code and the names it speaks of."""
    names = "".join(f"<name>{escape(name)}</name>" for name in payload.names)
    return f"<notice xmlns='{NOTICE_NS}' code={quoteattr(payload.code)}>{names}</notice>"


@kind("notice", fragment="notice.html", ns=NOTICE_NS, xml=notice_xml, says_who=True)
@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened to the thread. code: a key of SENTENCES; names: shown names in the sentence's order."""

    code: str
    names: tuple[str, ...]
    reason: str = ""

    @property
    def body(self) -> str:
        return SENTENCES[self.code](self.names, self.reason)

    @property
    def asks(self) -> Ask | None:
        """What the group admin does about it."""
        return Ask("The group admin lets them in here:", "group.admit") if self.code == "asks-in" else None
