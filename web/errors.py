"""Refusals and faults in words: one page for people, one JSON form for scripts.

Owns install, wants_json, problem. Imports Flask, Werkzeug and clinic.errors.
"""

from __future__ import annotations

import logging
import secrets
from urllib.parse import quote

from flask import Flask, Response, flash, jsonify, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from clinic.errors import Busy, DomainError, NotFound, NotSignedIn
from web.auth import OTHER_PERSON, ask_no_more, current_visitor
from web.carrying import Full
from web.gateways.faults import Absent, Away, Damaged, NoRoom
from web.printing.printer import Taken

log = logging.getLogger("bedside.web")

_HEADINGS = {
    400: "This could not be read",
    401: "Please log in",
    403: "Not for your role",
    404: "There is nothing here",
    405: "That does not work here",
    410: "This link is not valid any more",
    413: "That is too much at once",
    422: "Something is not right yet",
    429: "Too often",
    500: "Something broke on our side",
    503: "Just now it does not work",
    507: "There is no room just now",
}
_WORDS = {
    400: "The server could not read what the browser sent. Go back, reload the page and try again.",
    405: "This address does not take such a request. Go back and use the page's own buttons.",
    413: "What was sent is larger than the server takes. Shorten it or send it in parts.",
    415: "The server does not know this form of data.",
}


FULL = "Many files are on their way just now. This one goes on in a few seconds; if not, try again."
PRINTING = "Others have PDFs made just now, and yours was not begun. Nothing is lost: go back and ask for it again in some seconds."
PRINTING_OWN = "A PDF is being made for you already. Wait for it, then ask for the next one; if you closed it, ask again in half a minute."
AWAY = "The place where the clinic keeps files does not answer just now. Nothing is lost; try again in a few minutes."
NO_ROOM = "The clinic’s disk is full, so no file can be stored just now. Nothing is lost: try again later, and tell the clinic."
DAMAGED = "This file cannot be opened any more: what is stored is not what was sent. Tell the clinic’s administrator."


def wants_json() -> bool:
    """Say whether the answer goes to a script: it sent JSON, or asks for JSON rather than a page."""
    if request.is_json:
        return True
    accept = request.accept_mimetypes
    return accept["application/json"] > accept["text/html"]


def problem(status: int, code: str, text: str, field: str | None = None, wait_seconds: float | None = None) -> Response:
    """Return a refusal in the form that the asker reads."""
    if wants_json():
        response = jsonify(ok=False, code=code, text=text, field=field)
    elif request.headers.get("X-Bedside-Script"):
        response = make_response(text)
        response.mimetype = "text/plain"
    else:
        response = make_response(render_template("error.html", heading=_HEADINGS.get(status, "This did not work"), text=text))
    response.status_code = status
    if wait_seconds:
        response.headers["Retry-After"] = str(max(1, round(wait_seconds)))
    return response


def _domain(error: DomainError) -> BaseResponse:
    if isinstance(error, Busy):
        ask_no_more()
    if isinstance(error, NotSignedIn) and not wants_json() and not request.headers.get("X-Bedside-Script"):
        return _to_log_in()
    return problem(error.status, error.code, error.page_text, error.field, error.wait_seconds)


def _back_to() -> str:
    """Return where somebody goes on who has logged in. Only a form that was posted is read: any other body may come as slowly as it likes."""
    if request.method in ("GET", "HEAD"):
        return request.full_path.rstrip("?")
    return request.form.get("next", "/") if request.method == "POST" else "/"


def _to_log_in() -> BaseResponse:
    path = _back_to()
    address = url_for("login.log_in") if path == "/" else f"{url_for('login.log_in')}?next={quote(path)}"
    if path != "/" or request.method != "GET":
        flash(OTHER_PERSON if current_visitor() else "To go on, log in: you come back to where you were.", "warn")
    if request.headers.get("HX-Request"):
        # The header belongs to the person who is gone: load the whole page, not only its middle.
        response = make_response("", 200)
        response.headers["HX-Redirect"] = address
        return response
    return redirect(address, 303)


def _csrf(error: CSRFError) -> BaseResponse:
    text = "This page was open for too long or belongs to an earlier log-in. Reload it and try again."
    return problem(400, "csrf", text)


def _http(error: HTTPException) -> BaseResponse:
    status = error.code or 500
    if status == 404:
        return problem(404, NotFound.code, NotFound.default)
    return problem(status, f"http-{status}", _WORDS.get(status, "This did not work. Go back and try again."))


def _full(_error: Full) -> Response:
    return problem(503, "full", FULL, wait_seconds=3)


def _taken(error: Taken) -> Response:
    return problem(503, "printing", PRINTING_OWN if error.own else PRINTING, wait_seconds=5)


def _unkept(error: Exception) -> Response:
    # What is the matter names no file, only what the store said.
    log.error("files: %s at %s", error, request.endpoint)
    if isinstance(error, NoRoom):
        return problem(507, "no-room", NO_ROOM, wait_seconds=60)
    if isinstance(error, Away):
        return problem(503, "files-away", AWAY, wait_seconds=60)
    return problem(500, "damaged", DAMAGED)


def _unexpected(error: Exception) -> BaseResponse:
    # Words for the person, the traceback for the log; the number joins them. No text of a person is logged.
    number = secrets.token_hex(4)
    log.exception("fault %s at %s", number, request.endpoint)
    text = f"The fault is written down under the number {number}. Try again; if it stays, tell the clinic's administrator this number."
    return problem(500, "fault", text)


def install(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Full, _full)
    app.register_error_handler(Taken, _taken)
    for fault in (Absent, Away, Damaged, NoRoom):
        app.register_error_handler(fault, _unkept)
    app.register_error_handler(Exception, _unexpected)
