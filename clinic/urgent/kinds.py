"""The kind `urgent`: a patient's call for help with their words; and what the clinic says about it. Imports clinic.kinds and the notice."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.kinds import kind
from clinic.thread.kinds import listed, notices

URGENT_NS = "urn:bedside:urgent:1"


@kind(
    "urgent",
    fragment="urgent.html",
    ns=URGENT_NS,
    xml=lambda _payload: f"<urgent xmlns='{URGENT_NS}'/>",
    forwardable=True,
    moves_head=True,
    found_as="Urgent: I need help",
)
@dataclass(frozen=True, slots=True)
class UrgentPayload:
    """A call for help. text: the patient's words, lines kept; may be empty."""

    text: str

    @property
    def body(self) -> str:
        return f"URGENT: I need help. {self.text}".strip()


notices(
    {
        "urgent-seen": lambda n, r: f"{n[0]} has seen the urgent call of {listed(n[1:])}.",
        "urgent-resolved": lambda n, r: f"{n[0]} resolved the urgent call of {listed(n[1:])}.",
        "urgent-not-seen": lambda n, r: f"Nobody has seen the urgent call of {n[0]} yet. {n[0]}: call {r} now.",
        "urgent-called-in": lambda n, r: f"{n[0]}, who is on duty, called in {n[1]}, who can read and write here now.",
    }
)
