"""What each capability puts into the scene, where the clinic has it. Add a function and name it in FURNISHED."""

from __future__ import annotations

from tests.access.scene import FURNISHED, Scene


def devices(scene: Scene) -> None:
    """Boris and Ana have a device each."""
    for name in ("ana", "boris", "eve", "chen"):
        scene.things["device", name] = scene.do(name, "device.mint", name=f"phone of {name}").uid
        scene.things["device password", name] = scene.do(name, "device.mint", name=f"tablet of {name}").password


FURNISHED += [devices]
