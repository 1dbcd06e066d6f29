"""The kind `notice`: what the clinic itself says in a thread. Each capability declares its own sentences with `notices`. Imports clinic.kinds only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from clinic.kinds import Ask, kind

NOTICE_NS = "urn:bedside:notice:1"

Sentence = Callable[[tuple[str, ...], str], str]
"""What a notice says, of the shown names that it speaks of and its reason."""
SENTENCES: dict[str, Sentence] = {}
ASKS: dict[str, tuple[Ask, ...]] = {}


def notices(sentences: Mapping[str, Sentence], asks: Mapping[str, tuple[Ask, ...]] | None = None) -> None:
    """Declare what the clinic says about a capability, by code. asks: what the notices of a code ask of their readers."""
    if twice := SENTENCES.keys() & sentences.keys():
        raise RuntimeError(f"two notices are named {', '.join(sorted(twice))}")
    SENTENCES.update(sentences)
    ASKS.update(asks or {})


def listed(names: tuple[str, ...]) -> str:
    """Return names as a sentence lists them: "Ana, Boris and Chen"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _are(names: tuple[str, ...]) -> str:
    return "is" if len(names) == 1 else "are"


notices(
    {
        "thread-started": lambda n, r: f"{n[0]} started this thread with {listed(n[1:])}.",
        "thread-started-unlinked": lambda n, r: (
            f"{n[0]}, who is not linked to {listed(n[1:])}, started this thread. Reason given: {r}"
        ),
        "thread-started-for": lambda n, r: f"{n[0]} started this thread for {n[1]} with {listed(n[2:])}.",
        "thread-started-for-unlinked": lambda n, r: (
            f"{n[0]} started this thread for {n[1]}, who is not linked to {listed(n[2:])}. Reason given: {r}"
        ),
        "coordinators-included": lambda n, r: (
            f"{listed(n)} {_are(n)} included in this thread as {'coordinator' if len(n) == 1 else 'coordinators'} "
            "and can read and write here."
        ),
        "coordinator-excluded": lambda n, r: f"{listed(n)} no longer assists here as coordinator and has left this thread.",
        # For staff only: who of them answers.
        "claimed": lambda n, r: f"{n[0]} answers in this thread now.",
        "claim-taken-over": lambda n, r: f"{n[0]} answers in this thread now, instead of {n[1]}.",
        "claim-released": lambda n, r: f"{n[0]} no longer answers in this thread; somebody else may.",
    }
)


def notice_xml(payload: Notice) -> str:
    """Render the notice's own child: its code and the names it speaks of."""
    names = "".join(f"<name>{escape(name)}</name>" for name in payload.names)
    return f"<notice xmlns='{NOTICE_NS}' code={quoteattr(payload.code)}>{names}</notice>"


@kind("notice", fragment="notice.html", ns=NOTICE_NS, xml=notice_xml, says_who=True, moves_head=True)
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
    def asks(self) -> tuple[Ask, ...]:
        """What readers are asked to do about it."""
        return ASKS.get(self.code, ())
