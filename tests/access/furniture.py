"""What each capability puts into the scene, where the clinic has it. Add a function and name it in FURNISHED."""

from __future__ import annotations

import secrets
from datetime import timedelta

from clinic import Role
from clinic.search.index import Indexer
from tests.access.scene import FURNISHED, PEOPLE, Marker, Scene


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


FURNISHED += [devices, own_texts, amended, absences, statuses, claims, scheduled, saved_replies, share_links, indexed]
