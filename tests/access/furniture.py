"""What each capability puts into the scene, where the clinic has it. Add a function and name it in FURNISHED."""

from __future__ import annotations

import secrets
from datetime import timedelta

import sqlalchemy as sa

from clinic import Actor, Role
from clinic.file.media import Form, Inspection
from clinic.payment.money import Money
from clinic.payment.providers import Opened, Outcome, Report
from clinic.payment.record import CARD
from clinic.payment.tables import payment_attempts, payment_requests
from clinic.search.index import Indexer
from clinic.thread.views import thread_page
from tests.access.scene import FURNISHED, PATIENT, PEOPLE, STAFF, Marker, Scene


def devices(scene: Scene) -> None:
    """Boris and Ana have a device each."""
    for name in ("ana", "boris", "eve", "chen"):
        scene.things["device", name] = scene.do(name, "device.mint", name=f"phone of {name}").uid
        scene.things["device password", name] = scene.do(name, "device.mint", name=f"tablet of {name}").password


def own_texts(scene: Scene) -> None:
    """Everybody in a thread has written something there themselves."""
    for label, thread in scene.threads.items():
        for name in thread.members:
            if name not in ("ana", "boris", "eve", "bruno"):
                scene.post(name, label, "written in person")


def amended(scene: Scene) -> None:
    """Texts that were corrected, taken back and removed: what they said is for staff of the thread, who open the record."""
    group = scene.threads["group"]
    ways = (("text.correct", "ana", "ana"), ("text.retract", "ana", "ana"), ("text.moderate", "boris", "ana"), ("text.retract", "boris", "boris"))
    for how, by, whose in ways:
        said = scene.marker(f"original of {how} by {by}", scene.staff_of("group"))
        entry = scene.post(whose, "group", f"pain {said}")
        now = {"body": f"pain {scene.marker('corrected text of group', set(group.members))}"} if how == "text.correct" else {}
        scene.do(by, how, group.uid, entry=entry, client_id=secrets.token_hex(8), **now)
        group.entries[f"{how} by {by}"] = entry


def absences(scene: Scene) -> None:
    """Everybody of the staff has an absence planned."""
    for name, (_, role, _) in PEOPLE.items():
        if role.is_staff:
            since = scene.database.now() + timedelta(days=300)
            scene.do(name, "absence.begin", since=since, until=since + timedelta(days=1))


def indexed(scene: Scene) -> None:
    """What has been written by now is found by the search."""
    Indexer()(scene.database)


def statuses(scene: Scene) -> None:
    """The administrator's list; the threads stand at one of it, which staff alone ever read."""
    staff = {name for name, (_, role, _) in PEOPLE.items() if role is not Role.PATIENT}
    for which in ("now", "other", "archived"):
        name = f"Waits for {scene.marker(f'status {which}', staff)}"
        scene.things["status", which] = scene.as_admin("status.create", name=name, colour="blue")
    scene.as_admin("status.archive", scene.things["status", "archived"])
    for label, by in (("direct", "boris"), ("group", "boris"), ("foreign", "bruno")):
        scene.do(by, "thread.set_status", scene.threads[label].uid, status=scene.things["status", "now"])


def claims(scene: Scene) -> None:
    """Chen answers in the 1:1, which a colleague may take over."""
    scene.do("chen", "thread.claim", scene.threads["direct"].uid)


def scheduled(scene: Scene) -> None:
    """A text of one's own waits in each thread, which nobody else reads before it is sent."""
    at = (scene.database.now() + timedelta(days=3)).isoformat()
    for label, thread in scene.threads.items():
        for name in thread.members:
            body = f"pain {scene.marker(f'scheduled text of {name} in {label}', {name})}"
            scene.things[f"scheduled in {label}", name] = scene.do(name, "text.schedule", thread.uid, body=body, at=at, client_id=secrets.token_hex(8))


def saved_replies(scene: Scene) -> None:
    """Everybody of the staff keeps a reply, which nobody else reads."""
    for name, (_, role, _) in PEOPLE.items():
        if role.is_staff:
            body = f"pain {scene.marker(f'saved reply of {name}', {name})}"
            scene.things["saved reply", name] = scene.do(name, "saved_reply.create", title="Delay", body=body)


def share_links(scene: Scene) -> None:
    """The group has a share link, by which Bruno has asked to be let in, and one that was revoked. Nobody is shown either again."""
    for which in ("open", "revoked"):
        shared = scene.do("boris", "group.share", scene.threads["group"].uid)
        scene.things["share link", which], scene.things["share token", which] = shared.uid, shared.token
        scene.markers.append(Marker(f"share token {which}", (shared.token,), frozenset()))
    scene.do("boris", "group.unshare", scene.threads["group"].uid, link=scene.things["share link", "revoked"])
    scene.do("bruno", "group.ask", token=scene.things["share token", "open"])


def payments(scene: Scene) -> None:
    """The clinic's services, and payments asked for them: one unanswered, one accepted whose card was refused, one paid, one withdrawn.

    What a service is called is the clinic's, whose staff all read it, and the patient's who is asked; no other patient's.
    """
    scene.as_admin("payment.provide", provider=CARD)
    for which in ("own", "archived"):
        scene.things["service", which] = _service(scene, f"a service {which}", STAFF)
    scene.as_admin("service.archive", scene.things["service", "archived"])
    _ask(scene, "ada", "bella", "group")
    direct = scene.threads["direct"].uid
    failed, paid = _ask(scene, "ana", "boris", "direct"), _ask(scene, "ana", "chen", "direct", "another payment of")
    for request in (failed, paid):
        scene.do("ana", "payment.decide", direct, decision="accept", request=request)
    note = f"in cash {scene.marker('note of a payment', {*scene.staff_of('direct'), 'dina'})}"
    scene.do("boris", "payment.mark_paid", direct, request=paid, note=note)
    _expires(scene, failed)
    _ask(scene, "ana", "bella", "closed", "withdrawn payment of")  # by the group's end


def _service(scene: Scene, what: str, seers: frozenset[str]) -> str:
    words = [f"Care {scene.marker(f'{part} of {what}', seers)}" for part in ("name", "description", "tax note")]
    given = {"price": "50.00", "currency": "EUR", "response_hours": "24", "price_may_change": True}
    return str(scene.as_admin("service.create", name=words[0], description=words[1], tax_note=words[2], **given))


def _ask(scene: Scene, patient: str, by: str, label: str, what: str = "payment of") -> str:
    thread, service = scene.threads[label], _service(scene, f"the {what} {patient}", STAFF | {patient})
    request = str(scene.do(by, "payment.request", thread.uid, service=service, patient=scene.uids[patient], client_id=secrets.token_hex(8)))
    with scene.database.read(scene.actor(patient)) as work:
        thread.entries[f"asked of {patient}"] = thread_page(work, thread.uid).entries[-1].uid
    scene.things[what, patient] = request
    return request


def _expires(scene: Scene, request: str) -> None:
    """The time to pay by card has run out."""
    with scene.database.reading() as connection:
        [attempt] = connection.execute(sa.select(payment_attempts.c.uid).where(payment_attempts.c.state == "asked", payment_attempts.c.request_id.in_(
            sa.select(payment_requests.c.id).where(payment_requests.c.uid == request)))).scalars()
    at = scene.database.now() + timedelta(hours=1)
    scene.database.perform(Actor.system(), "payment.opened", attempt, opened=Opened("ref", "https://pay.example/1", at, test=False))
    report = Report("ref", attempt, Outcome.EXPIRED, Money(5000, "EUR"), test=False)
    scene.database.perform(Actor.system(), "payment.reported", attempt, report=report)


def files(scene: Scene) -> None:
    """A file of Boris's or Bruno's in each open thread, and one for staff; uploads of everybody that nobody else hears of."""
    for label, by in (("direct", "boris"), ("group", "boris"), ("foreign", "bruno")):
        thread = scene.threads[label]
        several = {"folder": "nobody"} if label == "group" else {}
        for note in (False, True):
            seers = file_readers(scene, label, note=note)
            name = f"pain {scene.marker(f'name of a file in {label}, note {note}', seers)}.jpg"
            given = {"name": name, "note": note, "client_id": secrets.token_hex(8), **({} if note else several)}
            uid = _checked(scene, scene.do(by, "file.begin", thread.uid, size_bytes=1000, **given))
            scene.things[f"file in {label}", "note" if note else "everybody"] = uid
            # Its bytes are made up where they are read (conftest.py).
            scene.things["content of", uid] = scene.marker(f"content of a file in {label}, note {note}", seers)
    for who, (_, role, _) in PEOPLE.items():
        if role is not Role.ADMIN and who != "dora":
            for what in ("to give up", *(f"for {label}" for label in scene.threads)):
                given = {"name": f"{scene.marker(f'name of a slot {what} of {who}', {who})}.jpg", "client_id": secrets.token_hex(8)}
                scene.things[f"slot {what}", who] = _checked(scene, scene.do(who, "file.slot", size_bytes=1000, **given))


def file_readers(scene: Scene, label: str, *, note: bool) -> set[str]:
    """Return who may read a file of a thread: its members, of a note its staff; where it is in a patient's folder, all staff who are in a thread with them."""
    if note:
        return scene.staff_of(label)
    patients = [name for name, relation in scene.threads[label].members.items() if relation == PATIENT]
    filed = label != "group" and len(patients) == 1
    return set(scene.threads[label].members) | {name for name in STAFF if filed and scene.shares(name, patients[0])}


def withdrawn(scene: Scene) -> None:
    """Everybody in a thread has taken a file back there: its name is for staff of the thread, who open the record, and for whoever sends it anew."""
    for label, thread in scene.threads.items():
        for who, relation in thread.members.items():
            name = f"pain {scene.marker(f'name of a withdrawn file of {who} in {label}', {*scene.staff_of(label), who})}.jpg"
            several = {"folder": "nobody"} if label == "group" and relation != PATIENT else {}
            given = {"name": name, "size_bytes": 1000, "client_id": secrets.token_hex(8), **several}
            scene.things[f"withdrawn in {label}", who] = _checked(scene, scene.do(who, "file.begin", thread.uid, **given))
            scene.do(who, "text.retract", thread.uid, client_id=secrets.token_hex(8))


JPEG = Inspection("image/jpeg", Form.IMAGE, 40, 30, shown_type="image/webp", shown_bytes=100, thumb_type="image/webp")


def _checked(scene: Scene, upload: str, found: Inspection = JPEG) -> str:
    scene.database.perform(Actor.system(), "file.received", upload)
    scene.database.perform(Actor.system(), "file.checked", upload, found=found, size_bytes=1000, sha256="0" * 64, wrapped_key="key")
    return upload


def videos(scene: Scene) -> None:
    """Short videos asked for in the group: Ada has sent one, and Ana, who is asked for another; no other patient learns of either."""
    for patient in ("ada", "ana"):
        _film(scene, patient)
    _ask_for_video(scene, "ana")


def _ask_for_video(scene: Scene, patient: str) -> None:
    group = scene.threads["group"]
    text = f"Show {scene.marker(f'what a video of {patient} is to show', {*scene.staff_of('group'), patient})}"
    given = {"text": text, "patient": scene.uids[patient], "client_id": secrets.token_hex(8)}
    scene.things["video asked of", patient] = scene.do("bella", "video.request", group.uid, **given)
    group.entries[f"video asked of {patient}"] = _newest(scene, patient)


def _film(scene: Scene, patient: str) -> None:
    group = scene.threads["group"]
    _ask_for_video(scene, patient)
    name = f"{scene.marker(f'name of a video of {patient}', {*scene.staff_of('group'), patient})}.webm"
    given = {"request": scene.things["video asked of", patient], "name": name, "client_id": secrets.token_hex(8)}
    upload = scene.do(patient, "video.begin", group.uid, size_bytes=5000, **given)
    scene.things["video of", patient] = _checked(scene, upload, Inspection("video/webm", Form.VIDEO, 640, 480, 31_000))
    group.entries[f"video of {patient}"] = _newest(scene, patient)


def _newest(scene: Scene, who: str) -> str:
    with scene.database.read(scene.actor(who)) as work:
        return thread_page(work, scene.threads["group"].uid).entries[-1].uid


def profiles(scene: Scene) -> None:
    """Patients and practitioners have profiles; staff keep notes in those of patients, one for the staff of one thread only."""
    for name, by in (("ana", "boris"), ("eve", "bruno")):
        patient, staff = scene.uids[name], {one for one in PEOPLE if PEOPLE[one][1].is_staff and scene.shares(one, name)}
        said = {"version": 0, "address": scene.marker(f"address of {name}", {name, "dina", *staff})}
        scene.do(name, "profile.describe", patient, **said)
        for who in (name, by):
            words = [scene.marker(f"{part} of {name}, says {who}", {name, *staff}) for part in ("allergy", "detail", "smoking")]
            scene.things["health item", who] = scene.do(who, "profile.add", patient, kind="allergy", name=words[0], detail=words[1])
            scene.do(who, "profile.measure", patient, version=0, smoking="daily", smoking_more=words[2])
        for who in sorted(staff):
            for which in ("profile note", "other profile note"):
                body = f"pain {scene.marker(f'{which} about {name} by {who}', staff)}"
                scene.things[which, who] = scene.do(who, "profile.note", patient, body=body)
    only = f"pain {scene.marker('profile note for one thread', scene.staff_of('direct'))}"
    scene.do("boris", "profile.note", scene.uids["ana"], body=only, thread=scene.threads["direct"].uid)
    scene.things["health item", "bella"] = scene.do("bella", "profile.add", scene.uids["ana"], kind="condition", name="Asthma")
    for name in ("boris", "bruno"):
        seers = {one for one in PEOPLE if one != "dina" and scene.knows(one, name)}
        scene.do(name, "practitioner.describe", version=0, bio=scene.marker(f"bio of {name}", seers))
        photo = {"name": f"pain {scene.marker(f'name of the photo of {name}', {name})}.jpg", "size_bytes": 1000, "client_id": secrets.token_hex(8)}
        upload = _checked(scene, scene.do(name, "practitioner.begin_photo", **photo))
        scene.things["content of", upload] = scene.marker(f"photo of {name}", seers)


FURNISHED += [
    devices, own_texts, amended, absences, statuses, claims, scheduled, saved_replies, share_links, withdrawn, files, videos, profiles, payments, indexed,
]  # fmt: skip
