"""Contracts over the registries: every action, kind, error and permission is whole."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from clinic import ACTIONS, CAPABILITIES, KINDS, VIEWS, Permission, Role
from clinic.actions import action, view
from clinic.errors import REGISTRY, NotPermitted
from clinic.fields import ClientId
from clinic.kinds import kind
from clinic.permissions import TABLE, Grant, can, missing_rows
from tests.support.cast import Cast
from tests.support.subjects import on_a_thread


def test_every_permission_has_a_whole_row() -> None:
    assert missing_rows() == set()
    assert set(TABLE) == set(Permission)


def test_every_permission_is_used_by_an_action_or_a_view() -> None:
    assert {spec.permission for spec in ACTIONS.values()} | set(VIEWS.values()) == set(Permission)


def test_nobody_may_what_the_system_does_and_nobody_unknown_may_anything_but_sign_in() -> None:
    assert not any(can(role, Permission.SYSTEM) for role in Role)
    assert {permission for permission in Permission if can(None, permission)} == {Permission.SIGN_IN}


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_action_is_documented_and_its_fields_are_its_arguments(name: str) -> None:
    spec = ACTIONS[name]
    assert spec.function.__doc__
    arguments = spec.function.__code__.co_varnames[: spec.function.__code__.co_argcount]
    assert list(arguments[1 if spec.load is None else 2 :]) == [field.name for field in spec.fields]


# Actions on a thread that may come twice without a client id, since the second changes nothing.
IDEMPOTENT_BY_NATURE = {
    "thread.mark",
    "thread.mute",
    "thread.rename",
    "thread.invite",
    "thread.uninvite",
    "thread.leave",
    "thread.set_status",
    "thread.claim",
    "thread.take_over",
    "thread.unclaim",
    "group.remove",
    "group.hand_over",
    "group.close",
    "group.share",  # another link; there are few at most
    "group.unshare",
    "group.admit",
    "group.refuse",
    "search.ask",
    "text.original",
    # The second finds nothing that waits.
    "text.reschedule",
    "text.unschedule",
    "text.send_scheduled",
    # The second finds no call that waits for it.
    "urgent.acknowledge",
    "urgent.resolve",
    "file.choose",
    "file.put_under",  # it lies where it lies
    # A request stands where it stands: what was done to it already is not done again.
    "payment.decide",
    "payment.withdraw",
    "payment.mark_paid",
    "payment.refund",  # refused where nothing is left; two parts are two
    "payment.pay",
    "payment.check",
    "payment.looked_at",
    "video.withdraw",
}


@pytest.mark.parametrize("name", [name for name, spec in sorted(ACTIONS.items()) if on_a_thread(spec) and spec.public])
def test_actions_on_a_thread_recognise_a_resend(name: str) -> None:
    resent = any(isinstance(field, ClientId) and field.required for field in ACTIONS[name].fields)
    assert resent != (name in IDEMPOTENT_BY_NATURE)


def test_no_client_reaches_an_action_with_a_computed_field() -> None:
    assert not ACTIONS["login.begin"].public
    assert not ACTIONS["live.enter"].public
    assert ACTIONS["text.post"].public


CLINIC = Path(__file__).parents[2] / "clinic"
DECLARES = re.compile(r"^@(action|view|kind)\(|^@gate$|^notices\(|^\w+ = sa\.Table\(|^(endings\.\w+|STALE)\.append\(", re.MULTILINE)


def test_every_module_that_declares_something_is_among_the_capabilities() -> None:
    folders = [folder for folder in CLINIC.iterdir() if (folder / "__init__.py").is_file()]
    declaring = {(path.parent.name, path.stem) for folder in folders for path in folder.glob("*.py") if DECLARES.search(path.read_text())}
    assert declaring == {(name, module) for name, modules in CAPABILITIES.items() for module in modules}


def test_actions_never_call_actions_and_no_transport_calls_one() -> None:
    declared = {(spec.function.__module__, spec.function.__name__) for spec in ACTIONS.values()}
    files = [path for package in ("clinic", "web", "xmpp_components") for path in (CLINIC.parent / package).rglob("*.py")]
    for path in (path for path in files if "node_modules" not in path.parts):
        tree, module = ast.parse(path.read_text()), ".".join(path.relative_to(CLINIC.parent).with_suffix("").parts)
        known = {name for of, name in declared if of == module}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                known |= {one.asname or one.name for one in node.names if (node.module, one.name) in declared}
        called = {node.func.id: node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert known & called.keys() == set(), f"{path} calls an action; share a plain helper (rule 3)"


def test_every_error_carries_both_wire_forms() -> None:
    for error in REGISTRY.values():
        assert 400 <= error.status < 600
        assert error.type in {"auth", "cancel", "continue", "modify", "wait"}
        assert error.default.endswith(".")


def test_a_name_is_declared_once() -> None:
    with pytest.raises(RuntimeError, match="two actions"):
        action("text.post", Permission.TEXT_POST)(lambda work: None)
    with pytest.raises(RuntimeError, match="two kinds"):
        kind("text", fragment="x.html")(KINDS["text"].payload)


def test_a_view_asks_the_table_first(cast: Cast) -> None:
    looked = view(Permission.LINK_MANAGE)(lambda work: "secret")
    VIEWS.pop(f"{__name__}.<lambda>")
    with cast.database.read(cast.boris) as work, pytest.raises(NotPermitted):
        looked(work)
    with cast.database.read(cast.dina) as work:
        assert looked(work) == "secret"


# What a patient does in a thread and no payment request holds back. Source: product.md, Payment.
NEVER_HELD_BACK = {
    "thread.mark": "reading",
    "thread.mute": "their own notifications",
    "thread.leave": "their own list",
    "search.ask": "reading",
    "file.choose": "reading",
    "text.retract": "taking back sends nothing",
    "text.unschedule": "discarding sends nothing",
    "urgent.call": "help is never held back",
    "payment.decide": "the answer itself",
    "payment.pay": "paying what was accepted",
    "payment.check": "asking how one's own payment stands",
    "video.begin": "the answer to what staff wait for",
}


# What asks the gates in its own function: tests/domain/test_payment_gate.py and test_files.py show that they do.
ASKS_ITSELF = {"text.schedule", "file.send"}


def test_a_gate_holds_back_everything_that_a_patient_sends_but_what_is_known() -> None:
    """A new action on a thread is held back until somebody says here why it should not be."""
    theirs = {name for name, spec in ACTIONS.items() if on_a_thread(spec) and TABLE[spec.permission][Role.PATIENT] is not Grant.NEVER}
    assert {name for name in theirs if not ACTIONS[name].gated} == set(NEVER_HELD_BACK) | ASKS_ITSELF


# What patients do that has no thread as its subject: no gate is asked before it. What sends something asks in its own function.
NOT_ON_A_THREAD = {
    "group.ask": "asks itself: tests/domain/test_payment_gate.py",
    "thread.start": "asks itself: tests/domain/test_payment_gate.py",
    "file.bring_back": "their own folder",
    "file.cancel": "giving up sends nothing",
    "file.open_document": "reading",
    "file.open_folder": "reading",
    "file.put_away": "their own folder",
    "file.rename": "asks itself: tests/domain/test_folders.py",
    "file.slot": "asks itself: tests/domain/test_files.py",
    "group.forget_closed": "their own list",
    "text.forget_scheduled": "discarding sends nothing",
    # What patients say of themselves in their profile is no message: nobody is alerted by it, and it is what staff wait for.
    **dict.fromkeys(("profile.open", "profile.history", "profile.export"), "reading"),
    **dict.fromkeys(("profile.describe", "profile.measure", "profile.add", "profile.change", "profile.none_known"), "their own profile"),
}


def test_nothing_that_a_patient_sends_goes_round_the_gates_because_its_subject_is_no_thread() -> None:
    """A loader that returns anything but the thread itself takes its action out of the gates (and of resending): say here why that is right."""
    theirs = {name for name, spec in ACTIONS.items() if not on_a_thread(spec) and TABLE[spec.permission][Role.PATIENT] is not Grant.NEVER}
    own_account = {name for name in theirs if ACTIONS[name].function.__module__.startswith("clinic.account.")}
    assert theirs - own_account == set(NOT_ON_A_THREAD)
