"""The kind `notice`: what the clinic itself says in a thread. Imports clinic.kinds only."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from clinic.kinds import kind

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
    "coordinator-excluded": lambda n, r: f"{_one(n)} no longer assists here as coordinator and has left this thread.",
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
