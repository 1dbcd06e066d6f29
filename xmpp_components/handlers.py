"""The register of stanza handlers: what each answers, where, and who may ask. Imports request and the standard library.

A handler without a declared policy stops the start (house rule 6).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from xmpp_components.request import Request, Target

Function = Callable[[Any, Request], Awaitable[None] | None]


class Policy(StrEnum):
    """Who gets past the door; everybody else gets the same refusal, whether the thing exists or not."""

    ANYONE = "anyone"  # any local account and the server itself
    ACCOUNT = "account"  # a local account
    MEMBER = "member"  # a present member of the thread
    OWN_FEED = "own feed"  # the account that the feed belongs to
    TRACES = "traces"  # what is left when somebody goes: takes effect on the sender's own stored sessions only, never answers


@dataclass(frozen=True)
class Handler:
    """One declared handler. ``kind``: the stanza's name and type; ``payload``: "{ns}name" of an iq's child, or "*"."""

    kind: str
    target: Target
    payload: str
    policy: Policy | None
    function: Function
    in_order: bool

    @property
    def waits(self) -> bool:
        """Returns: whether serving it may wait for the clinic."""
        return inspect.iscoroutinefunction(self.function)

    @property
    def name(self) -> str:
        """Returns: how the inventory lists it."""
        return f"{self.kind} {self.target} {self.payload}"


class UndeclaredPolicy(RuntimeError):
    """A handler was registered without a policy, or twice."""


REGISTER: dict[tuple[str, Target, str], Handler] = {}


def handles(kind: str, target: Target, payload: str = "*", *, policy: Policy | None = None,
            in_order: bool = False) -> Callable[[Function], Function]:
    """Declare a handler. ``in_order``: served in the order of arrival at its address, as messages and presence are.

    Returns: the decorator. Raises: UndeclaredPolicy when two answer the same.
    """
    def declare(function: Function) -> Function:
        key = (kind, target, payload)
        if key in REGISTER:
            raise UndeclaredPolicy(f"two handlers for {kind} {target} {payload}")
        REGISTER[key] = Handler(kind, target, payload, policy, function, in_order or not kind.startswith("iq"))
        return function
    return declare


def find(kind: str, target: Target, payload: str) -> Handler | None:
    """Returns: the handler of a stanza, or None."""
    return REGISTER.get((kind, target, payload)) or REGISTER.get((kind, target, "*"))


def check_policies() -> None:
    """Stop the start when a handler has no policy. Raises: UndeclaredPolicy."""
    undeclared = [handler.name for handler in REGISTER.values() if not isinstance(handler.policy, Policy)]
    if undeclared:
        raise UndeclaredPolicy(f"handlers without a declared policy: {', '.join(undeclared)}")


def inventory() -> list[tuple[str, str]]:
    """Returns: (handler, policy) of everything that this component answers, sorted."""
    return sorted((handler.name, str(handler.policy)) for handler in REGISTER.values())
