"""Who is asking: Flask-Login over clinic's own login sessions.

Owns Visitor, current_visitor, current_actor, require_same_account, lasts, begin, end and the session cookie. Imports Flask-Login and clinic. The signed
cookie carries clinic's session token; whether it still counts is clinic's answer on each request.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user, login_user, logout_user

from clinic.account.views import Session
from clinic.account.views import session as session_view
from clinic.calls import Actor, Door
from clinic.database import Database
from clinic.errors import Busy, DomainError, NotSignedIn
from clinic.permissions import CARE_ROLES, Role
from web.db import clinic_db, try_perform

SCRIPT_HEADER = "X-Bedside-Script"
ACCOUNT_HEADER = "X-Bedside-Account"
OTHER_PERSON = "In this browser another person is signed in now. Sign in again; what you typed is kept."
_UNATTENDED = frozenset({"static", "feed.token", "health.health", "login.log_out"})
_NOTED_FOR = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Visitor(UserMixin):
    """A signed-in person in the role they act in now."""

    token: str
    session: Session

    def get_id(self) -> str:
        return self.token

    @property
    def account_uid(self) -> str:
        return self.session.account_uid

    @property
    def name(self) -> str:
        return self.session.name

    @property
    def role(self) -> Role:
        return self.session.role

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(sorted(self.session.roles))

    @property
    def cares(self) -> bool:
        """Whether the role takes part in threads; an administrator's does not."""
        return self.role in CARE_ROLES

    @property
    def actor(self) -> Actor:
        return Actor.page(self.account_uid, self.role, self.session.uid)


class InstanceCookie(SecureCookieSessionInterface):
    """The session cookie: named by instance, since cookies of one host ignore ports, and Secure wherever https is spoken."""

    def get_cookie_name(self, app: Flask) -> str:
        name = f"bedside_{app.config['BEDSIDE'].base_port}"
        return f"__Host-{name}" if request.is_secure else name

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def _load(token: str) -> Visitor | None:
    with clinic_db().read(Actor.system()) as work:
        found = session_view(work, token)
    return Visitor(token, found) if found else None


def lasts(visitor: Visitor, database: Database) -> bool:
    """Say whether a person's login session counts still, in the role that they had: asked while a file of theirs is on its way.

    That it is on its way counts as use, like a request: nobody is logged out in the middle of it for being idle.
    """
    with database.read(Actor.system()) as work:
        found = session_view(work, visitor.token)
    if found is None or found.role is not visitor.role:
        return False
    if database.now() - found.seen_at > _NOTED_FOR:
        with suppress(DomainError):  # such as while nothing can be stored: reading goes on
            database.perform(visitor.actor, "login.seen", session_uid=found.uid)
    return True


def install(app: Flask) -> None:
    """Wire Flask-Login and the cookie into `app`."""
    app.session_interface = InstanceCookie()
    app.config.update(SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_PATH="/")
    manager = LoginManager(app)
    # The session is clinic's own, ended by clinic: the library's fingerprint of address and browser adds nothing.
    manager.session_protection = None
    manager.user_loader(_load)


def current_visitor() -> Visitor | None:
    """Return the signed-in person, or None."""
    return current_user._get_current_object() if current_user.is_authenticated else None


def ask_no_more() -> None:
    """Let the rest of this answer be drawn for nobody when it could not be found out who asks: the database is away."""
    if "_login_user" not in g:  # where Flask-Login keeps whom it has loaded
        g._login_user = AnonymousUserMixin()


def require_same_account() -> None:
    """Refuse a script whose page is another account's than this browser's session: a second tab may have changed it.

    The cookie is the browser's, the page is a person's. Without this a text would be stored under the name of whoever
    logged in last. Raises: NotSignedIn.
    """
    named = request.headers.get(ACCOUNT_HEADER)
    visitor = current_visitor()
    if named is not None and (visitor is None or visitor.account_uid != named):
        raise NotSignedIn(OTHER_PERSON if visitor else None)


def current_actor() -> Actor:
    """Return the actor of this request."""
    visitor = current_visitor()
    return visitor.actor if visitor else Actor.anonymous(Door.PAGE)


def begin(account_uid: str, checked_hash: str, new_password_hash: str | None = None, keys: list[str] | None = None) -> None:
    """Start a login session for the account and put it into a fresh cookie (nothing of the visit before is kept).

    A session that this browser had until now ends.
    checked_hash: the stored hash that the password was checked against. keys: the failure counters that a good password
    clears. Raises: NotFound when the account was closed or its password changed meanwhile.
    """
    before = current_visitor()
    agent = "".join(c for c in request.headers.get("User-Agent", "") if c.isprintable())[:250]
    done = clinic_db().perform(
        Actor.anonymous(Door.PAGE),
        "login.begin",
        account_uid=account_uid,
        checked_hash=checked_hash,
        user_agent=agent or None,
        new_password_hash=new_password_hash,
        keys=keys,
    )
    if before:
        clinic_db().perform(before.actor, "login.end")
    visitor = _load(done.value.token)
    session.clear()
    if visitor:
        login_user(visitor)


def end() -> bool:
    """End the login session of this browser, in the cookie and in the database.

    Returns: whether the database took it; while nothing can be stored, the person still leaves this browser.
    """
    visitor, stored = current_visitor(), True
    if visitor:
        try:
            clinic_db().perform(visitor.actor, "login.end")
        except Busy:
            stored = False
    logout_user()
    session.clear()
    return stored


def note_use() -> None:
    """Keep a login session from ending for idleness: at most one write a minute, and none for what a script does alone."""
    visitor = current_visitor()
    if visitor is None or request.endpoint in _UNATTENDED or (request.method == "GET" and request.headers.get(SCRIPT_HEADER)):
        return
    if request.endpoint == "actions.act" and (request.view_args or {}).get("name") == "thread.mark":
        return
    if clinic_db().now() - visitor.session.seen_at > _NOTED_FOR:
        try_perform(visitor.actor, "login.seen", session_uid=visitor.session.uid)
