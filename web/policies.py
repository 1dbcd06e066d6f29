"""Who may ask for a route: a decorator on every view function, checked before it runs and at the start.

Owns Policy, public, signed_in, roles, internal, enforce, require_policies. Imports Flask, clinic's Role and web.auth.
A policy decides only which page somebody may ask for; what they may see or do in it is decided by clinic.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask, current_app, request

from clinic.errors import NotFound, NotSignedIn
from clinic.permissions import CARE_ROLES, Role
from web.auth import current_visitor, require_same_account

View = TypeVar("View", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Access(StrEnum):
    """Who a route is for."""

    PUBLIC = "public"
    SIGNED_IN = "signed-in"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Policy:
    """A route's declared policy; `roles` limits a signed-in one."""

    access: Access
    roles: frozenset[Role] = frozenset(Role)


_POLICIES: dict[Callable[..., Any], Policy] = {}


def _declare(policy: Policy) -> Callable[[View], View]:
    def decorate(view: View) -> View:
        _POLICIES[view] = policy
        return view

    return decorate


def policy_of(view: Callable[..., Any]) -> Policy | None:
    """Return the declared policy of a view function, or None."""
    return _POLICIES.get(view)


public = _declare(Policy(Access.PUBLIC))
signed_in = _declare(Policy(Access.SIGNED_IN))
internal = _declare(Policy(Access.INTERNAL))


def roles(*allowed: Role) -> Callable[[View], View]:
    """Declare a route for signed-in people who act in one of `allowed`; for others it does not exist."""
    return _declare(Policy(Access.SIGNED_IN, frozenset(allowed)))


caring = roles(*CARE_ROLES)


def require_policies(app: Flask) -> None:
    """Refuse to start while a route has no policy. Raises: RuntimeError that names them."""
    missing = sorted(rule.rule for rule in app.url_map.iter_rules() if policy_of(app.view_functions[rule.endpoint]) is None)
    if missing:
        raise RuntimeError(f"routes without a policy: {', '.join(missing)}")


def enforce() -> None:
    """Check the policy of the route that was asked for. Raises: NotSignedIn, NotFound."""
    if request.endpoint is None:
        return
    policy = policy_of(current_app.view_functions[request.endpoint])
    if policy is None:
        raise NotFound()
    if policy.access is Access.PUBLIC:
        return
    if policy.access is Access.INTERNAL:
        _require_internal()
        return
    visitor = current_visitor()
    if visitor is None:
        raise NotSignedIn()
    require_same_account()
    if visitor.role not in policy.roles:
        raise NotFound()


def _require_internal() -> None:
    given = request.headers.get("Authorization", "").encode()
    expected = f"Bearer {current_app.config['BEDSIDE'].internal_token}".encode()
    # A proxied request came from outside: the XMPP server asks on the loopback port itself.
    if not hmac.compare_digest(given, expected) or request.headers.get("X-Forwarded-For"):
        raise NotFound()
