"""All that anybody can be offered, and a clinic to be offered it in: tests over it take in a new offer by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clinic import ACTIONS, Actor, Database, Role
from clinic.actions import ActionSpec
from clinic.loading import LoadedThread
from clinic.payment.record import CARD
from clinic.permissions import GROUP_ADMIN, TABLE, Grant
from tests.support.cast import NAMES, Cast
from tests.support.subjects import on_a_thread

OFFERED: dict[str, ActionSpec] = {name: spec for name, spec in sorted(ACTIONS.items()) if spec.offer is not None}
ABOUT_SOMEBODY = [name for name, spec in OFFERED.items() if spec.offer is not None and spec.offer.about is not None]
IN_A_THREAD = [name for name, spec in OFFERED.items() if on_a_thread(spec) or name in ABOUT_SOMEBODY]
AT_LARGE = [name for name, spec in OFFERED.items() if spec.load is None]


def _in(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d %H:%M}"


PEOPLE = ("ana", "ada", "eve", "boris", "bella", "chen", "dina")


@dataclass
class Scene:
    """Ana's thread with Boris (and Chen), into which Bella was invited, and a group of Boris's with Ana, Ada and Bella (and Chen)."""

    cast: Cast
    direct: str
    group: str

    @classmethod
    def of(cls, cast: Cast, direct: str | None = None) -> Scene:
        """Play it in a clinic that has the cast."""
        direct = direct or cast.start("boris", "ana")
        people = [cast.uid(name) for name in ("ana", "ada", "bella")]
        made = cast.database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.")
        if "status.add_examples" in ACTIONS:
            cast.database.perform(cast.dina, "status.add_examples")
        for thread in (direct, made.value):
            for name in ("ana", "boris", "chen"):
                cast.post(name, thread, f"{name} was here")
        scene = cls(cast, direct, made.value)
        scene.goes_on()
        return scene

    def goes_on(self) -> None:
        """Let happen what other actions answer: somebody asks to be let in, is invited, calls for help, answers, writes for later, is away."""
        do, cast = self.cast.database.perform, self.cast
        cast.start("boris", "bella")
        link = do(cast.boris, "group.share", self.group).value
        do(cast.eve, "group.ask", token=link.token)
        do(cast.boris, "thread.invite", self.direct, people=[cast.uid("bella")])
        do(cast.bella, "thread.claim", self.group)
        do(cast.boris, "text.schedule", self.direct, body="Until then", at=_in(10), client_id="later")
        do(cast.ana, "urgent.call", self.direct, words="It bleeds", client_id="urgent")
        do(cast.boris, "absence.begin", since=_in(10), until=_in(20))
        self.asks_for_payment()

    def asks_for_payment(self) -> None:
        """Ana has accepted two payments, by card, and answered a third not yet; none holds back what is written where her call is open."""
        do, cast = self.cast.database.perform, self.cast
        do(cast.dina, "payment.provide", provider=CARD)
        for number, answer in enumerate(("accept", "accept", None)):
            service = do(cast.dina, "service.create", name=f"Consultation {number}", price="50.00", currency="EUR").value
            request = do(cast.boris, "payment.request", self.direct, service=service, client_id=f"asked {number}").value
            if answer:
                do(cast.ana, "payment.decide", self.direct, decision=answer, request=request)

    @property
    def threads(self) -> tuple[str, str]:
        return self.direct, self.group

    def members(self, thread: str) -> tuple[str, ...]:
        """Return who is in a thread."""
        return ("ana", "boris", "chen", "bella") if thread == self.direct else ("ana", "ada", "boris", "bella", "chen")


def permitted(name: str, spec: ActionSpec, *, group_admin: bool) -> bool:
    """Say by the table alone whether somebody of the cast may do this in a thread that they are in. No setting is switched on."""
    row, role = TABLE[spec.permission], NAMES[name][1]
    manages = group_admin and role is Role.PRACTITIONER and row[GROUP_ADMIN] is not Grant.NEVER
    return row[role] in (Grant.OWN, Grant.ALWAYS) or manages


def expected(scene: Scene, thread: str, name: str, actor: Actor) -> set[str]:
    """Return the actions that somebody must be offered in a thread: what the table allows and what makes sense now."""
    found = set()
    database: Database = scene.cast.database
    with database.read(actor) as work:
        loaded: LoadedThread = work.thread(thread)
        for action in IN_A_THREAD:
            offer = OFFERED[action].offer
            assert offer is not None
            if permitted(name, OFFERED[action], group_admin=work.member(loaded).group_admin) and (
                offer.when is None or offer.when(work, loaded)
            ) and (offer.about is None or offer.about.whom(work, loaded)):
                found.add(action)
    return found
