"""Where bytes of files come in: from the page by tus 1.0, which goes on after any cut, from apps by one PUT. Imports Flask, clinic and web.receiving.

What is to come is announced before, by the actions file.begin and file.slot: who may send what where is decided there, and how large it may be.
Source: tus.io/protocols/resumable-upload (1.0.0, core and termination); XEP-0363 §4 and §5.
"""

from __future__ import annotations

import hmac
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from clinic.calls import Actor
from clinic.errors import Conflict, DomainError, Expired, Invalid, NotFound, NotSignedIn
from clinic.file import links
from clinic.file.uploading import MOST_BYTES, State, UploadBytes, UploadView, upload_bytes, upload_state
from web import auth
from web.auth import Visitor, current_visitor
from web.db import clinic_db
from web.errors import problem
from web.policies import caring, public
from web.receiving import ANY_SIZE, SYSTEM, forget, held_bytes, receive

blueprint = Blueprint("uploads", __name__)
slots = Blueprint("slots", __name__)
VERSION, EXTENSIONS = "1.0.0", "termination"
BYTES = "application/offset+octet-stream"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
GONE = {
    State.REFUSED: "This file was not taken.",
    State.CANCELLED: "This upload was given up. Choose the file again to send it.",
}
OVER = "This upload was begun more than a day ago and is over. Choose the file again to send it."
USED = "This place for a file was used already, or is over. Ask for another one."
TOO_SMALL = "Nothing of this was stored, as it was cut too small: send at least 256 KiB in one piece, or all that is left."


@blueprint.url_value_preprocessor
def _any_size(_endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Let in more than a form may have, of what is no form; each upload says how large it may be. Before anything looks at the request."""
    if request.mimetype == BYTES:
        request.max_content_length = ANY_SIZE


@blueprint.before_request
def _protect() -> Response | None:
    """Check the CSRF token here, as the general check comes too early for what may be larger than a form.

    It would read a form to its end to find the token there. The front passes on what comes, so that a slow one would hold a thread.
    """
    if request.mimetype in FORMS:
        return problem(415, "http-415", f"Send bytes as {BYTES}.")
    current_app.extensions["csrf"].protect()
    return None


@blueprint.after_request
def _speak_tus(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    if request.method == "OPTIONS" or response.status_code == 412:
        response.headers["Tus-Version"] = VERSION
        response.headers["Tus-Extension"] = EXTENSIONS
        response.headers["Tus-Max-Size"] = str(MOST_BYTES)
    return response


def _require_version() -> Response | None:
    if request.headers.get("Tus-Resumable") == VERSION:
        return None
    return problem(412, "tus-version", f"This server speaks version {VERSION} of the tus protocol.")


@blueprint.route("/uploads/<uid>", methods=["HEAD"])
@caring
def offset(uid: str) -> Response:
    """How far an upload of one's own has come. Whoever asks goes on with it."""
    upload = _alive(_own(uid)[1])
    response = Response()
    response.headers["Upload-Offset"] = str(held_bytes(upload, take=True))
    response.headers["Upload-Length"] = str(upload.size_bytes)
    return response


@blueprint.patch("/uploads/<uid>")
@caring
def more(uid: str) -> Response:
    """More of an upload of one's own."""
    if (wrong := _require_version()) is not None:
        return wrong
    if request.mimetype != BYTES:
        return problem(415, "http-415", f"Send bytes as {BYTES}.")
    visitor, upload = _own(uid)
    upload, at = _alive(upload), _place()
    if upload.state is not State.OPEN:
        if at != upload.size_bytes or request.content_length:
            raise Conflict("All of this upload is there already.")
        return _reached(upload.size_bytes)
    database = clinic_db()

    def still() -> bool:
        try:
            with database.read(visitor.actor) as work:
                wanted = upload_state(work, uid).state is State.OPEN
        except DomainError:
            return False
        return wanted and auth.lasts(visitor, database)

    found = receive(upload, visitor.account_uid, at, still)
    if found.given and found.offset == at and not found.cut:
        raise Invalid(TOO_SMALL)
    return _reached(found.offset)


@blueprint.delete("/uploads/<uid>")
@caring
def give_up(uid: str) -> Response:
    """Give up an upload of one's own; what is stored of it goes."""
    if (wrong := _require_version()) is not None:
        return wrong
    visitor, upload = _own(uid)
    clinic_db().perform(visitor.actor, "file.cancel", uid)
    if upload.state is State.OPEN:  # what is looked at just now goes with the sweep
        forget(uid)
    return Response(status=204)


@blueprint.get("/uploads/<uid>/state")
@caring
def state(uid: str) -> Response:
    """How an upload of one's own stands, for the page: what came, and what became of it."""
    visitor, upload = _own(uid)
    with clinic_db().read(visitor.actor) as work:
        found = upload_state(work, uid)
    return jsonify(ok=True, **_told(found), offset=held_bytes(upload) if found.state is State.OPEN else found.size_bytes)


def _told(found: UploadView) -> dict[str, Any]:
    return {
        "uid": found.uid, "thread": found.thread, "purpose": found.purpose, "name": found.name, "size_bytes": found.size_bytes,
        "client_id": found.client_id, "state": found.state, "words": found.words, "expires_at": found.expires_at.isoformat(),
    }


def _own(uid: str) -> tuple[Visitor, UploadBytes]:
    """Return who asks, and an upload of theirs. Raises: NotFound."""
    visitor = current_visitor()
    if visitor is None:
        raise NotSignedIn()
    with clinic_db().read(visitor.actor) as work:
        upload_state(work, uid)
    return visitor, _bytes_of(uid)


def _bytes_of(uid: str) -> UploadBytes:
    with clinic_db().read(SYSTEM) as work:
        return upload_bytes(work, uid)


def _alive(upload: UploadBytes) -> UploadBytes:
    """Return an upload that may go on, or has come. Raises: Expired, with the words of a refusal."""
    if upload.state in GONE:
        raise Expired(upload.words or GONE[upload.state])
    if upload.state is State.OPEN and upload.expires_at <= clinic_db().now():
        raise Expired(OVER)
    return upload


def _place() -> int:
    given = request.headers.get("Upload-Offset", "")
    if not given.isascii() or not given.isdecimal() or len(given) > 15:
        raise Invalid("Upload-Offset must say where these bytes belong.")
    return int(given)


def _reached(place: int) -> Response:
    response = Response(status=204)
    response.headers["Upload-Offset"] = str(place)
    return response


# -- one PUT, of an app


@slots.put("/slots/<uid>/<mac>/<path:name>")
@public
def put(uid: str, mac: str, name: str) -> Response:
    """The whole of a file at the place that its sender was given: once, and exactly as large as they said.

    What was cut may be sent once more, from its beginning. Raises: NotFound, Expired, Invalid, TooLong.
    """
    request.max_content_length = ANY_SIZE
    if not hmac.compare_digest(mac.encode(), links.slot_mac(links.key_of(current_app.config["BEDSIDE"].pepper), uid).encode()):
        raise NotFound()
    upload = _bytes_of(uid)
    if not upload.slot or name != upload.name or not upload.sender_active:
        raise NotFound()
    if upload.state is not State.OPEN or upload.expires_at <= clinic_db().now():
        raise Expired(USED)
    if request.content_length != upload.size_bytes:
        return problem(413, "size", f"This place is for {upload.size_bytes} bytes exactly, as was asked for.")
    database = clinic_db()

    def still() -> bool:
        try:
            with database.read(Actor.system()) as work:
                now = upload_bytes(work, uid)
        except DomainError:
            return False
        return now.state is State.OPEN and now.sender_active

    found = receive(upload, upload.account, None, still)
    if not found.whole:
        raise Invalid("This was cut before its end. Send it once more.")
    return Response(status=201)
