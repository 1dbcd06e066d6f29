"""A person's own account: role, password, this browser's colours, and the devices that connect over XMPP."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.account.attempts import login_wait, page_keys
from clinic.account.views import devices as devices_view
from clinic.account.views import me, own_login_record
from clinic.calls import Actor, Door
from clinic.errors import DomainError
from web.attempts import network, waiting_words
from web.auth import current_actor
from web.db import clinic_db
from web.pages.joining import new_password
from web.passwords import hash_password, verify_password
from web.policies import caring, signed_in

blueprint = Blueprint("account", __name__, url_prefix="/account")
Answer = str | Response | tuple[str, int]
THEMES = frozenset({"light", "dark"})
THEME_COOKIE = "bedside_theme"
_YEAR_SECONDS = 365 * 24 * 3600


@blueprint.get("")
@signed_in
def show() -> str:
    """The account page."""
    return _page({})


def _page(problems: dict[str, str]) -> str:
    with clinic_db().read(current_actor()) as work:
        mine = me(work)
    return render_template("account/show.html", me=mine, problems=problems)


@blueprint.post("/role")
@signed_in
def switch_role() -> Response:
    """Act in another of one's roles; the switch is audited."""
    clinic_db().perform(current_actor(), "account.switch_role", role=request.form.get("role", ""))
    return redirect(url_for("threads.home"), 303)


@blueprint.post("/password")
@signed_in
def change_password() -> Answer:
    """Set a new password after checking the present one."""
    with clinic_db().read(current_actor()) as work:
        mine, record = me(work), own_login_record(work)
    keys = page_keys(record.handle, network(request.remote_addr))
    with clinic_db().read(Actor.anonymous(Door.PAGE)) as work:
        wait = login_wait(work, keys)
    if wait > 0:
        return _page({"current": waiting_words(wait)}), 429
    password, problems = new_password((mine.name, mine.email))
    if not problems:
        fits, _ = verify_password(record.password_hash, request.form.get("current", ""))
        if not fits:
            clinic_db().perform(Actor.anonymous(Door.PAGE), "login.failed", keys=keys)
            problems = {"current": "This is not your present password."}
    if problems:
        return _page(problems), 422
    clinic_db().perform(current_actor(), "account.change_password", password_hash=hash_password(password))
    flash("The new password holds from now on. Other browsers are logged out.", "good")
    return redirect(url_for("account.show"), 303)


@blueprint.post("/look")
@signed_in
def look() -> Response:
    """Keep light or dark for this browser."""
    theme = request.form.get("theme", "")
    response = make_response(redirect(url_for("account.show"), 303))
    if theme in THEMES:
        response.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure)
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


@blueprint.get("/devices")
@caring
def devices() -> str:
    """The person's devices."""
    return _devices()


def _devices(**more: Any) -> str:
    with clinic_db().read(current_actor()) as work:
        found = devices_view(work)
    return render_template("account/devices.html", devices=found, **more)


@blueprint.post("/devices")
@caring
def mint() -> Answer:
    """Make a device password and show it this once."""
    name = request.form.get("name", "")
    try:
        minted = clinic_db().perform(current_actor(), "device.mint", name=name).value
    except DomainError as error:
        return _devices(problem=error.text, typed=name), error.status
    config = current_app.config["BEDSIDE"]
    shown = {"name": minted.name, "address": f"{minted.handle}@{config.domain}", "password": minted.password}
    host = request.host.rpartition(":")[0] or request.host
    server = {"host": host, "port": config.c2s_port, "tls_port": config.direct_tls_port, "threads": config.threads_domain}
    return _devices(minted=shown, server=server)
