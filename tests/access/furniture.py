"""What each capability puts into the scene, where the clinic has it. Add a function and name it in FURNISHED."""

from __future__ import annotations

from datetime import timedelta

from clinic.search.index import Indexer
from tests.access.scene import COORDINATOR, FURNISHED, PEOPLE, Scene


def devices(scene: Scene) -> None:
    """Boris and Ana have a device each."""
    for name in ("ana", "boris", "eve", "chen"):
        scene.things["device", name] = scene.do(name, "device.mint", name=f"phone of {name}").uid
        scene.things["device password", name] = scene.do(name, "device.mint", name=f"tablet of {name}").password


def own_texts(scene: Scene) -> None:
    """Everybody in the 1:1 threads has written something themselves."""
    for label in ("direct", "foreign"):
        for name, relation in scene.threads[label].members.items():
            if relation == COORDINATOR:
                scene.post(name, label, "written in person")



def absences(scene: Scene) -> None:
    """Everybody of the staff has an absence planned."""
    for name, (_, role, _) in PEOPLE.items():
        if role.is_staff:
            since = scene.database.now() + timedelta(days=300)
            scene.do(name, "absence.begin", since=since, until=since + timedelta(days=1))


def indexed(scene: Scene) -> None:
    """What has been written by now is found by the search."""
    Indexer()(scene.database)


FURNISHED += [devices, own_texts, absences, indexed]
