"""The kind `urgent`: a patient's call for help with their words. Imports clinic.kinds only."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.kinds import kind

URGENT_NS = "urn:bedside:urgent:1"


@kind("urgent", fragment="urgent.html", ns=URGENT_NS, xml=lambda _payload: f"<urgent xmlns='{URGENT_NS}'/>")
@dataclass(frozen=True, slots=True)
class UrgentPayload:
    """A call for help. text: the patient's words, lines kept; may be empty."""

    text: str

    @property
    def body(self) -> str:
        return f"URGENT: I need help. {self.text}".strip()
