"""Who may do which action, written by hand from product.md's table: one row for each action of the inventory.

A row's letters stand for patient, practitioner, coordinator, group admin, admin: Y may, N may not, S only where the clinic has
switched it on (the prepared clinic has not). What is done on a thread is done by its members; for everybody else the thread does
not exist. `values` gives fields with which it succeeds for whoever may.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.profile.tables import demographics, health_basics, health_items, practitioner_profiles, profile_notes
from clinic.thread.views import thread_page
from tests.access.scene import ABSENT, COORDINATOR, GROUP_ADMIN, NOBODY, PATIENT, PEOPLE, PRACTITIONER, Scene

Fields = dict[str, Any]
ADMIN = "admin"
OWN, FOREIGN = "own", "foreign"
COLUMNS = (PATIENT, PRACTITIONER, COORDINATOR, GROUP_ADMIN, ADMIN)


@dataclass(frozen=True)
class Act:
    """One row. on: "thread", or how the subject of "own", "foreign" and "absent" is found, or None for an action without one.

    values: the fields for an actor and one of these labels (of a thread: its label); None where there is nothing to ask.
    works: of an action on a thread, in which threads it succeeds for those who may; in others it may refuse in words.
    entry: the field that names an entry, which hidden, foreign and absent ones must make no difference to.
    hard: who may and yet is refused here, for a reason that the row's comment names.
    administered: of an action on a thread, whether an administrator does it in each, without being in it.
    """

    may: dict[str, str]
    on: str | Callable[[Scene, str, str], str | None] | None
    values: Callable[[Scene, str, str], Fields | None]
    works: tuple[str, ...] = ("direct", "group", "foreign")
    entry: str = ""
    hard: frozenset[str] = frozenset()
    administered: bool = False

    def letter(self, relation: str) -> str:
        """Return what the row says of a relation or a role."""
        return self.may.get(relation, "N")

    def at_all(self, role: str) -> bool:
        """Say whether a role may it with some subject."""
        return self.letter(role) in "YS" or (role == PRACTITIONER and self.letter(GROUP_ADMIN) == "Y")


def act(letters: str, on: str | Callable[[Scene, str, str], str | None] | None = None, values: Any = None, **more: Any) -> Act:
    """Return a row of the five letters."""
    alone = on is None  # then there is nothing foreign or absent to ask for
    given = values if callable(values) else lambda _scene, _who, label: None if alone and label != OWN else dict(values or {})
    return Act(dict(zip(COLUMNS, letters.split(), strict=True)), on, given, **more)


def once() -> str:
    """Return a client id that nobody has used."""
    return secrets.token_hex(8)


def entry_of(scene: Scene, label: str, which: str = "text") -> str:
    """Return the uid of an entry of a thread, or one that there is not."""
    return scene.threads[label].entries.get(which, ABSENT) if label in scene.threads else ABSENT


def account(scene: Scene, _who: str, label: str) -> str | None:
    """An account: somebody's, or one that there is not."""
    return {OWN: scene.uids["eve"], "absent": ABSENT}.get(label)


def closed_account(scene: Scene, _who: str, label: str) -> str | None:
    """A deactivated account."""
    return {OWN: scene.uids["dora"], "absent": ABSENT}.get(label)


def device(scene: Scene, who: str, label: str) -> str | None:
    """A device: one's own, somebody else's, or one that there is not."""
    if label == OWN:
        return scene.things.get(("device", who))
    return ABSENT if label == "absent" else scene.things["device", "eve" if who != "eve" else "ana"]


def _other(scene: Scene, who: str, label: str) -> Fields | None:
    """Whom to start a thread with: somebody of one's own, a practitioner whom a patient is not linked to, nobody."""
    if label == "absent":
        return {"person": ABSENT, "reason": "Asked for"}
    own = {"boris": "ana", "bruno": "eve", "chen": "ada", "ana": "boris", "ada": "boris", "rosa": "boris", "eve": "bruno"}
    if label == OWN:
        return {"person": scene.uids[own[who]]} if who in own else None
    # Staff may start with everybody in care, with a reason; only to a patient is somebody not theirs nobody at all.
    return {"person": scene.uids["bella"], "reason": "Asked for"} if scene.role(who) == PATIENT else None


def status(which: str) -> Callable[[Scene, str, str], str | None]:
    """A status of the administrator's list, or one that there is not."""
    return lambda scene, _who, label: {OWN: scene.things["status", which], "absent": ABSENT}.get(label)


def patient(scene: Scene, who: str, label: str) -> str | None:
    """A patient with whom one shares a thread, one with whom one does not, one that there is not."""
    if label == "absent":
        return ABSENT
    wanted = label == OWN
    if scene.role(who) == PATIENT:  # their own profile is theirs, and nobody else's
        return scene.uids[who if wanted else "ada" if who != "ada" else "ana"]
    return next((scene.uids[name] for name in ("ana", "eve") if scene.shares(who, name) == wanted), None)


def registered(scene: Scene, who: str, label: str) -> str | None:
    """For administrators any patient, and who is none; for others as `patient`."""
    if scene.role(who) != ADMIN or label == "absent":
        return patient(scene, who, label)
    return scene.uids["ana" if label == OWN else "boris"]


def _version(scene: Scene, table: sa.Table, *those: sa.ColumnElement[bool]) -> int:
    with scene.database.reading() as connection:
        return int(connection.execute(sa.select(sa.func.max(table.c.version)).where(*those)).scalar() or 0)


def _whole(table: sa.Table, **values: str) -> Callable[[Scene, str, str], Fields]:
    """A part of somebody's profile that is said whole, at the version that stands there."""

    def given(scene: Scene, who: str, label: str) -> Fields:
        about = sa.select(accounts.c.id).where(accounts.c.uid == (registered(scene, who, label) or ABSENT))
        side = (table.c.source == ("patient" if scene.role(who) == PATIENT else "staff"),) if "source" in table.c else ()
        return {**values, "version": _version(scene, table, table.c.patient_id.in_(about), *side)}

    return given


def _one_of(table: sa.Table, which: str, field: str, **values: str) -> Callable[[Scene, str, str], Fields]:
    """An entry of a profile that is somebody's to change, or one that there is not."""

    def given(scene: Scene, who: str, _label: str) -> Fields:
        uid = scene.things.get((which, who), scene.things[which, "boris"])
        return {**values, field: uid, "version": _version(scene, table, table.c.uid == uid)}

    return given


def _practitioner(scene: Scene, who: str, label: str) -> Fields | None:
    about = sa.select(accounts.c.id).where(accounts.c.uid == scene.uids.get(who, ABSENT))
    return {"title": "Dr.", "version": _version(scene, practitioner_profiles, practitioner_profiles.c.account_id.in_(about))} if label == OWN else None


def _new_group(scene: Scene, who: str, label: str) -> Fields:
    people = {OWN: scene.uids["ana" if who != "bruno" else "eve"], FOREIGN: scene.uids["dina"], "absent": ABSENT}
    return {"title": "Another", "people": [people[label]], "reason": "Asked for"}


def saved_reply(scene: Scene, who: str, label: str) -> str | None:
    """A saved reply of one's own, a colleague's, or none."""
    if label == OWN:
        return scene.things.get(("saved reply", who))
    return ABSENT if label == "absent" else scene.things["saved reply", "boris" if who != "boris" else "chen"]


def _reply(scene: Scene, who: str, _label: str) -> Fields:
    return {"reply": scene.things.get(("saved reply", who), ABSENT), "client_id": once()}


def _waiting(scene: Scene, who: str, label: str) -> Fields:
    """A text of one's own that waits to be sent."""
    return {"scheduled": scene.things.get((f"scheduled in {label}", who), ABSENT)}


def _asked(which: str, whose: str, **more: str) -> Callable[[Scene, str, str], Fields]:
    """A payment that was asked of a patient."""
    return lambda scene, _who, _label: {"request": scene.things[which, whose], **more}


def _charge(scene: Scene, _who: str, label: str) -> Fields:
    whom = {"amount": "50.00", "patient": scene.uids["ana"]} if label == "group" else {}  # where there are several
    return {"service": scene.things["service", "own"], **whom, "client_id": once()}


def service(which: str) -> Callable[[Scene, str, str], str | None]:
    """A service of the administrator's list, or one that there is not."""
    return lambda scene, _who, label: {OWN: scene.things["service", which], "absent": ABSENT}.get(label)


SERVICE = {"name": "Another", "price": "12.50", "currency": "EUR"}


def _closed(scene: Scene, who: str, label: str) -> Fields | None:
    """A group that was closed while one was in it; a thread that was not closed, or where one was not; none."""
    if label == OWN:
        return {"group": scene.threads["closed"].uid} if who in ("ana", "bella", "boris", "chen") else None
    return {"group": ABSENT if label == "absent" else scene.threads["foreign"].uid}


def _token(scene: Scene, _who: str, label: str) -> Fields:
    return {"token": {OWN: scene.things["share token", "open"], FOREIGN: scene.things["share token", "revoked"]}.get(label, "x" * 43)}


def _leaving(scene: Scene, who: str, label: str) -> Fields:
    return {"then": scene.uids["bella"]} if scene.relation(who, label) == GROUP_ADMIN else {}


def _person(name: str, field: str = "person") -> Callable[[Scene, str, str], Fields]:
    return lambda scene, _who, _label: {field: scene.uids[name]}


def _guest(scene: Scene, _who: str, label: str) -> Fields:
    return {"people": [scene.uids["bella" if label == "foreign" else "bruno"]]}


def _pair(left: str, right: str, linked: bool) -> Callable[[Scene, str, str], Fields | None]:
    people = {("coordinator", True): "chen", ("coordinator", False): "cora", ("patient", True): "ana", ("patient", False): "eve"}

    def values(scene: Scene, _who: str, label: str) -> Fields | None:
        return {left: scene.uids[people[left, linked]], right: scene.uids["boris"]} if label == OWN else None

    return values


EVERYBODY = frozenset(PEOPLE)


def soon(days: int) -> str:
    """Return an instant some days from now, as a page would send it."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def _own_text(scene: Scene, who: str, label: str, **more: str) -> Fields:
    """The first text of one's own in a thread; where there is none, somebody's."""
    own = None
    if scene.relation(who, label):
        with scene.database.read(scene.actor(who)) as work:
            texts = [entry for entry in thread_page(work, scene.threads[label].uid).entries if entry.mine and entry.kind == "text"]
            own = texts[0].uid if texts else None
    return {"entry": own or entry_of(scene, label), "client_id": once(), **more}


def _small() -> Fields:
    return {"name": "knee.jpg", "size_bytes": "1000", "client_id": once()}


def _announced(scene: Scene, who: str, label: str) -> Fields:
    whose = {"folder": "nobody"} if label == "group" and scene.role(who) != PATIENT else {}  # asked where there are several patients
    return {**_small(), **whose}


def _upload(scene: Scene, who: str, label: str) -> str | None:
    """What one has uploaded from an app and not sent yet; somebody else's; nothing."""
    if label == OWN:
        return scene.things.get(("slot to give up", who))
    return ABSENT if label == "absent" else scene.things["slot to give up", "eve" if who != "eve" else "ana"]


def document(scene: Scene, who: str, label: str) -> str | None:
    """A document of one's own folder or of a patient of one's own; somebody else's; none."""
    mine = "foreign" if who in ("eve", "bruno") else "direct"
    if label == OWN:
        there = scene.relation(who, mine) or (scene.role(who) != PATIENT and scene.shares(who, "ana"))
        return scene.things[f"file in {mine}", "everybody"] if there else None
    return ABSENT if label == "absent" else scene.things[f"file in {'direct' if mine == 'foreign' or who == 'ada' else 'foreign'}", "everybody"]


def _document(scene: Scene, _who: str, label: str) -> Fields:
    """What may be sent on in a thread: of Ana's folder, or of Eve's."""
    return {"document": scene.things["file in foreign" if label == "foreign" else "file in direct", "everybody"], "client_id": once()}


def _put_under(scene: Scene, _who: str, label: str) -> Fields:
    where = label if label in ("direct", "foreign") else "group"
    return {"file": scene.things[f"file in {where}", "everybody"], "patient": scene.uids["eve" if where == "foreign" else "ana"]}


def _refiled(scene: Scene, who: str, label: str) -> Fields:
    whose = {"folder": "nobody"} if label == "group" and scene.role(who) != PATIENT else {}
    return {"file": scene.things.get((f"withdrawn in {label}", who), ABSENT), "client_id": once(), **whose}


def folder(scene: Scene, who: str, label: str) -> str | None:
    """The folder of a patient of one's own, a patient's own; another's; none."""
    if scene.role(who) != PATIENT:
        return patient(scene, who, label)
    return {OWN: scene.uids[who], "absent": ABSENT}.get(label, scene.uids["eve" if who == "ana" else "ana"])


NEVER = act("N N N N N")  # only the clinic's own code: for every client it does not exist
INTERNAL = frozenset(
    "account.accept_invitation account.change_password bookmark.seek bookmark.told clinic.open_set_up clinic.set_up device.used "
    "file.checked file.keep_key file.received file.refuse file.take_back_copy "
    "live.clear_account live.enter live.leave login.begin login.end login.expire login.failed login.seen "
    "payment.delayed payment.drop payment.export payment.heard payment.opened payment.refund_delayed payment.refunded payment.reported "
    "relay.advance relay.delivered text.deliver_scheduled urgent.escalate".split()
)

ACTS: dict[str, Act] = {
    # Everybody of the staff has an absence planned (furniture.py).
    "absence.begin": act("N Y Y Y N", values=lambda _s, _w, label: {"until": soon(days=2)} if label == OWN else None),
    "absence.end": act("N Y Y Y N", values=lambda _s, _w, label: {} if label == OWN else None),
    "account.activate": act("N N N N Y", closed_account),
    "account.create": act("N N N N Y", values={"name": "Nia New", "roles": ["practitioner"]}),
    "account.deactivate": act("N N N N Y", account),
    "account.describe": act("N N N N Y", account, {"name": "Eve Evans", "birth_date": "1933-09-23"}),
    "account.invite": act("N N N N Y", account),
    "account.switch_role": act("Y Y Y Y Y", values=lambda s, w, label: {"role": s.role(w)} if label == OWN else None),
    "clinic.describe": act("N N N N Y", values={"clinic_name": "Other", "emergency_number": "112", "time_zone": "UTC"}),
    "clinic.permit_coordinators": act("N N N N Y", values={"what": "video.request", "may": "1"}),
    "clinic.include_coordinators": act("N N N N Y", values={"in_groups": "0"}),
    "device.mint": act("Y Y Y Y Y", values=lambda _s, _w, label: {"name": "Laptop"} if label == OWN else None, hard=frozenset({"dina"})),
    "device.revoke": act("Y Y Y Y Y", device),
    "file.begin": act("Y Y Y Y N", "thread", _announced),
    "file.begin_handout": act("N Y Y Y N", values=lambda _s, _w, label: _small() if label == OWN else None),
    "file.bring_back": act("Y Y Y Y N", document),
    "file.cancel": act("Y Y Y Y N", _upload),
    "file.choose": act("Y Y Y Y N", "thread", {}),
    "file.forward": act("Y Y Y Y N", "thread", _document, entry="document"),
    "file.open_document": act("Y Y Y Y N", document),
    "file.open_folder": act("Y Y Y Y N", folder),
    "file.put_away": act("Y Y Y Y N", document),
    "file.put_under": act("N Y Y Y N", "thread", _put_under, works=("group",), entry="file"),
    "file.refile": act("Y Y Y Y N", "thread", _refiled, entry="file"),
    # Ana has not paid what she accepted, which holds nothing back; Ada, who has no document, is held back.
    "file.rename": act("Y Y Y Y N", document, {"name": "left knee"}),
    "file.send": act("Y Y Y Y N", "thread", lambda s, w, label: {"file": s.things.get((f"slot for {label}", w), ABSENT), "client_id": once()}, entry="file"),
    # Ada is held back in her only thread.
    "file.slot": act("Y Y Y Y N", values=lambda _s, _w, label: _small() if label == OWN else None, hard=frozenset({"ada"})),
    "group.admit": act("N N N Y N", "thread", _person("bruno"), works=("group",)),
    # Who has the link may ask, whoever they are in the clinic's care; a link that is none, or none any more, is all the same.
    "group.ask": act("Y Y Y Y N", values=_token),
    "group.close": act("N N N Y N", "thread", {}, works=("group",)),
    "group.create": act("N Y N Y N", values=_new_group),
    "group.forget_closed": act("Y Y Y Y N", values=_closed),
    "group.hand_over": act("N N N Y N", "thread", _person("bella"), works=("group",)),
    "group.refuse": act("N N N Y N", "thread", _person("bruno"), works=("group",)),
    "group.remove": act("N N N Y N", "thread", _person("bella"), works=("group",)),
    "group.share": act("N N N Y N", "thread", {"days": "1"}, works=("group",)),
    "group.unshare": act("N N N Y N", "thread", lambda s, _w, _l: {"link": s.things["share link", "open"]}, works=("group",)),
    "link.coordinator_add": act("N N N N Y", values=_pair("coordinator", "practitioner", linked=False)),
    "link.coordinator_remove": act("N N N N Y", values=_pair("coordinator", "practitioner", linked=True)),
    "link.patient_add": act("N N N N Y", values=_pair("patient", "practitioner", linked=False)),
    "link.patient_remove": act("N N N N Y", values=_pair("patient", "practitioner", linked=True)),
    "saved_reply.add_examples": act("N Y Y Y N"),
    "saved_reply.create": act("N Y Y Y N", values={"title": "Later", "body": "I answer tomorrow."}),
    "saved_reply.delete": act("N Y Y Y N", saved_reply),
    "saved_reply.describe": act("N Y Y Y N", saved_reply, {"title": "Later", "body": "I answer tomorrow."}),
    "saved_reply.post": act("N Y Y Y N", "thread", _reply, entry="reply"),
    "saved_reply.used": act("N Y Y Y N", saved_reply),
    "search.ask": act("Y Y Y Y N", "thread", {"words": "pain"}),
    # Among patients and staff there is no thread of staff alone to forward to.
    "text.forward": act(
        "N Y Y Y N", "thread", lambda s, _w, label: {"target": ABSENT, "entry": entry_of(s, label), "client_id": once()}, works=(), entry="entry"
    ),
    "text.forget_scheduled": act("Y Y Y Y N", values=lambda _s, _w, label: {"scheduled": ABSENT} if label == OWN else None, hard=EVERYBODY),
    "note.post": act("N Y Y Y N", "thread", lambda _s, _w, _l: {"body": "Among us", "client_id": once()}, entry="reply_to"),
    "text.correct": act("Y Y Y Y N", "thread", lambda s, w, label: _own_text(s, w, label, body="corrected")),
    "text.moderate": act(
        "N N N Y N", "thread", lambda s, _w, label: {"entry": entry_of(s, label), "client_id": once()}, works=("group",)
    ),
    "text.original": act("N Y Y Y N", "thread", lambda s, _w, label: {"entry": entry_of(s, label)}, entry="entry"),
    "text.post": act("Y Y Y Y N", "thread", lambda _s, _w, _l: {"body": "Good morning", "client_id": once()}, entry="reply_to"),
    "text.react": act(
        "Y Y Y Y N", "thread", lambda s, _w, label: {"entry": entry_of(s, label, "late"), "emojis": "👍", "client_id": once()}, entry="entry"
    ),
    "text.retract": act("Y Y Y Y N", "thread", lambda s, w, label: _own_text(s, w, label)),
    "text.reschedule": act("Y Y Y Y N", "thread", lambda s, w, label: {**_waiting(s, w, label), "at": soon(days=1)}, entry="scheduled"),
    "text.schedule": act("Y Y Y Y N", "thread", lambda _s, _w, _l: {"body": "Good morning", "at": soon(days=1), "client_id": once()}),
    "text.send_scheduled": act("Y Y Y Y N", "thread", _waiting, entry="scheduled"),
    "text.unschedule": act("Y Y Y Y N", "thread", _waiting, entry="scheduled"),
    # Ada was asked in the group, and has not answered; of what Ana was asked in the 1:1, one was accepted and is not paid, one is.
    "payment.check": act("Y N N N N", "thread", _asked("payment of", "ana"), works=("direct",), entry="request"),
    "payment.decide": act("Y N N N N", "thread", _asked("payment of", "ada", decision="accept"), works=("group",), entry="request", hard=frozenset({"ana"})),
    "payment.looked_at": act("N N N N Y", "thread", _asked("payment of", "ana"), works=("direct",), administered=True),
    "payment.mark_paid": act("N Y Y Y Y", "thread", _asked("payment of", "ana", note="At the desk"), works=("direct",), administered=True),
    "payment.pay": act("Y N N N N", "thread", _asked("payment of", "ana"), works=("direct",), entry="request"),
    "payment.head_receipts": act("N N N N Y", values={"receipt_header": "1 Market Street"}),
    "payment.provide": act("N N N N Y", values={"provider": "manual"}),
    "payment.refund": act(
        "N N N N Y", "thread", _asked("another payment of", "ana", amount="10.00", reason="Not given"), works=("direct",), administered=True
    ),
    "payment.request": act("N Y Y Y N", "thread", _charge),
    "payment.withdraw": act("N Y Y Y Y", "thread", _asked("payment of", "ada"), works=("group",), administered=True),
    "service.archive": act("N N N N Y", service("own")),
    "service.create": act("N N N N Y", values=SERVICE),
    "service.describe": act("N N N N Y", service("own"), SERVICE),
    "service.restore": act("N N N N Y", service("archived")),
    "file.allow": act("N N N N Y", values={"allowed": ["image/jpeg", "audio/webm"]}),
    "file.ask_log_in": act("N N N N Y", values={"always": "1"}),
    "profile.open": act("Y Y Y Y N", patient),
    "profile.history": act("Y Y Y Y N", patient),
    "profile.export": act("Y Y N Y N", patient, {"notes": "1"}),
    "profile.register": act("N N N N Y", registered),
    "profile.describe": act("Y Y N Y Y", registered, _whole(demographics, phone="+1 555 0100")),
    "profile.measure": act("Y Y N Y N", patient, _whole(health_basics, weight="70", weight_unit="kg")),
    "profile.add": act("Y Y N Y N", patient, lambda _s, _w, _l: {"kind": "medication", "name": f"Drops {once()}"}),
    # Ada and Rosa have said nothing of themselves that they could change, and Rolf is in no thread any more.
    "profile.change": act(
        "Y Y N Y N", patient, _one_of(health_items, "health item", "item", name="Dust", standing="now"), hard=frozenset({"ada", "rosa"})
    ),
    "profile.none_known": act("Y Y N Y N", patient, {"kind": "procedure"}),
    "profile.note": act("N Y Y Y N", patient, {"body": "Among us"}),
    "profile.correct_note": act("N Y Y Y N", patient, _one_of(profile_notes, "profile note", "note", body="Among us, corrected")),
    "profile.withdraw_note": act("N Y Y Y N", patient, _one_of(profile_notes, "other profile note", "note")),
    "practitioner.begin_photo": act("N Y N Y N", values=lambda _s, _w, label: _small() if label == OWN else None),
    "practitioner.describe": act("N Y N Y N", values=_practitioner),
    "practitioner.remove_photo": act("N Y N Y N"),
    "status.add_examples": act("N N N N Y"),
    "status.archive": act("N N N N Y", status("now")),
    "status.create": act("N N N N Y", values={"name": "Seen", "colour": "green"}),
    "status.describe": act("N N N N Y", status("now"), {"name": "Seen", "colour": "green"}),
    "status.order": act("N N N N Y", status("now"), {"direction": "up"}),
    "status.permit": act("N N N N Y", values={"coordinators": "1"}),
    "status.restore": act("N N N N Y", status("archived")),
    # In the 1:1 Chen answers: the others may take it over.
    "thread.claim": act("N Y Y Y N", "thread", {}, works=("group", "foreign")),
    "thread.invite": act("N Y Y Y N", "thread", _guest),
    "thread.leave": act("Y Y Y Y N", "thread", _leaving),
    "thread.mark": act("Y Y Y Y N", "thread", lambda s, _w, label: {"entry": entry_of(s, label), "state": "read"}, entry="entry"),
    "thread.mute": act("Y Y Y Y N", "thread", {"muted": "1"}),
    "thread.take_over": act("N Y Y Y N", "thread", {}),
    "thread.unclaim": act("N Y Y Y N", "thread", {}, works=("group", "foreign")),
    # Of one's own invitations only: Boris has invited Bella to the group, the others nobody.
    "thread.uninvite": act("N Y Y Y N", "thread", _person("bella"), works=("group",), hard=frozenset({"bella", "chen"})),
    "thread.rename": act("N Y Y Y N", "thread", {"title": "Another name"}),
    "thread.set_status": act("N Y S Y N", "thread", lambda s, _w, _l: {"status": s.things["status", "other"]}),
    "thread.start": act("Y Y Y Y N", values=_other),
    # Without an open call there is nothing to answer; the duty account alone calls somebody in.
    # Ana is asked in the group, and has sent one there that Ada does not see, who is held back from showing hers.
    "video.begin": act(
        "Y N N N N", "thread", lambda s, _w, _l: {"request": s.things["video asked of", "ana"], **_small()}, works=("group",), entry="request",
        hard=frozenset({"ada"}),
    ),
    "video.request": act("N Y S Y N", "thread", lambda s, _w, label: {**({"patient": s.uids["ada"]} if label == "group" else {}), "client_id": once()}),
    "video.show": act("Y N N N N", "thread", lambda s, _w, _l: {"client_id": once()}, works=("group",), entry="video"),
    "video.withdraw": act(
        "N Y Y Y Y", "thread", lambda s, _w, _l: {"request": s.things["video asked of", "ana"]}, works=("group",), administered=True
    ),
    "voice.begin": act("Y Y S Y N", "thread", lambda _s, _w, _l: _small()),
    "urgent.acknowledge": act("N Y Y Y N", "thread", {}, works=()),
    "urgent.call": act("Y N N N N", "thread", lambda _s, _w, _l: {"words": "I need help", "client_id": once()}),
    "urgent.call_in": act(
        "N Y Y Y N", values=lambda s, _w, label: {"call": ABSENT, "practitioner": s.uids["boris"]} if label == OWN else None, hard=EVERYBODY
    ),
    "urgent.resolve": act("N Y Y Y N", "thread", {}, works=()),
    "urgent.settings": act("N N N N Y", values={"urgent_seconds": "120"}),
}

assert NOBODY not in COLUMNS
