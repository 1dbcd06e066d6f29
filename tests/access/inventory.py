"""What can be asked of a clinic, in one list: routes, actions, views, offers, stanza handlers, what is discovered, feed messages, jobs.

Renewed by `python -m tests.access.inventory`; test_inventory.py compares it with the code and with the hand-written policies.
"""

from __future__ import annotations

import ast
import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from clinic import ACTIONS, KINDS, VIEWS
from clinic.actions import ActionSpec
from clinic.permissions import Role
from web.policies import Access, policy_of
from xmpp_components import component
from xmpp_components.handlers import inventory as handlers
from xmpp_components.rooms import disco

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("inventory.txt")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(app: Flask) -> Iterator[str]:
    """Yield every route with each of its methods, and whom it lets pass."""
    for rule in app.url_map.iter_rules():
        policy = policy_of(app.view_functions[rule.endpoint])
        assert policy is not None
        who = policy.access if policy.access is not Access.SIGNED_IN else f"signed-in {' '.join(sorted(policy.roles))}"
        methods = rule.methods or set()
        for method in METHODS if "GET" in methods else (*METHODS, "HEAD"):
            if method in methods:
                yield f"route {method} {rule.rule}: {who}"


def actions() -> Iterator[str]:
    """Yield every action: whether a person's client reaches it, its permission, what it is done on, how it is offered."""
    for name, spec in ACTIONS.items():
        reach = "public" if spec.public else "internal"
        yield f"action {name}: {reach} {spec.permission} on {subject_of(spec)}"
        if spec.offer is not None:
            yield f"offer !{spec.offer.word}: {name}{' grave' if spec.offer.grave else ''}"


def subject_of(spec: ActionSpec) -> str:
    """Return the name of what an action is done on: its loader's, without "_for"."""
    return "nothing" if spec.load is None else spec.load.__name__.removesuffix("_for").lstrip("_")


def discovered() -> Iterator[str]:
    """Yield what the service and a room say that they can."""
    yield from (f"disco service {feature}" for feature in disco.SERVICE)
    yield from (f"disco room {feature}" for feature in disco.ROOM)


def _calls(package: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path, node


def _said(path: Path, node: ast.expr) -> str:
    """Return a string as the code writes it, or the constant's value where it is named."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return str(getattr(importlib.import_module(module), ast.unparse(node), ast.unparse(node)))


def jobs() -> Iterator[str]:
    """Yield every job that an action queues, by queue and name."""
    for path, call in _calls("clinic"):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "enqueue" and len(call.args) >= 2:
            yield f"job {_said(path, call.args[0])} {_said(path, call.args[1])}: {' '.join(sorted(k.arg or '**' for k in call.keywords if k.arg != 'after'))}"


def feed_messages() -> Iterator[str]:
    """Yield every message that a page's feed may hear, with its attributes."""
    for _path, call in _calls("xmpp_components"):
        if not (isinstance(call.func, ast.Attribute) and call.func.attr == "element" and len(call.args) >= 2 and isinstance(call.args[1], ast.Dict)):
            continue
        names = {key.value: value for key, value in zip(call.args[1].keys, call.args[1].values, strict=True) if isinstance(key, ast.Constant)}
        if "xmlns" in names and ast.unparse(names["xmlns"]) == "wire.FEED" and isinstance(call.args[0], ast.Constant):
            yield f"feed {call.args[0].value}: {' '.join(sorted(name for name in names if name != 'xmlns'))}".rstrip(": ")


def inventory(app: Flask) -> list[str]:
    """Return every row, each once, sorted."""
    assert component.HANDLERS  # importing it registers the handlers
    rows = {*routes(app), *actions(), *discovered(), *jobs(), *feed_messages()}
    rows |= {f"view {name.removeprefix('clinic.')}: {permission}" for name, permission in VIEWS.items() if name.startswith("clinic.")}
    rows |= {f"stanza {name}: {policy}" for name, policy in handlers()}
    rows |= {f"kind {kind.name}{': amends' if kind.amends else ''}" for kind in KINDS.values()}
    return sorted(rows)


def keys(kind: str) -> list[str]:
    """Return the rows of one kind as the committed file has them, without the kind and what follows the last colon and blank."""
    lines = [line.removeprefix(f"{kind} ") for line in FILE.read_text().splitlines() if line.startswith(f"{kind} ")]
    return [line.rpartition(": ")[0] or line for line in lines]


def said_of(kind: str, key: str) -> str:
    """Return what the committed file says behind a row's key."""
    start = f"{kind} {key}: "
    return next(line.removeprefix(start) for line in FILE.read_text().splitlines() if line.startswith(start))


if __name__ == "__main__":
    from tests.web.conftest import config_of
    from web.app import create_app

    assert set(Role)
    with tempfile.TemporaryDirectory() as folder:
        FILE.write_text("\n".join(inventory(create_app(config_of(Path(folder, "clinic"))))) + "\n")
