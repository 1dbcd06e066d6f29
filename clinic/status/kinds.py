"""The kind `status`: what staff read when a thread's status was changed, and its history. Imports clinic.kinds only."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from clinic.kinds import kind

STATUS_NS = "urn:bedside:status:1"


def status_xml(payload: StatusChange) -> str:
    """Render the change's own child: the status as it is now; empty where the thread has none."""
    if not payload.status:
        return f"<status xmlns='{STATUS_NS}'/>"
    return f"<status xmlns='{STATUS_NS}' id={quoteattr(payload.uid)} colour={quoteattr(payload.colour)}>{escape(payload.status)}</status>"


@kind("status", fragment="status.html", ns=STATUS_NS, xml=status_xml, says_who=True, moves_head=True)
@dataclass(frozen=True, slots=True)
class StatusChange:
    """Somebody changed where a thread stands. by: a shown name. status, uid, colour: as they were then, empty for none. before: its name."""

    by: str
    status: str = ""
    uid: str = ""
    colour: str = ""
    before: str = ""

    @property
    def body(self) -> str:
        if not self.status:
            return f"{self.by} took away the status “{self.before}”."
        return f"{self.by} set the status to “{self.status}”."
