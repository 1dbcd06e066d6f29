"""Files as they are read: by signed-in people under /files, by apps under links that are signed for one person. Imports Flask, clinic and the gateway.

Whoever asks is looked up as they are now, at each request and once a second while an answer streams. A link's signature is compared before anything
is looked up. Source: product.md, Files, voice, video.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from clinic.account.settings import setting
from clinic.calls import Actor
from clinic.database import Database
from clinic.errors import DomainError, Expired, NotFound, NotSignedIn
from clinic.file import links
from clinic.file.views import Readable, readable
from clinic.file.views import recipient as reading_as
from web import auth
from web.auth import current_visitor
from web.db import clinic_db
from web.errors import problem
from web.gateways import storage
from web.policies import caring, public
from web.serving import Content, serve

blueprint = Blueprint("files", __name__)
LINK_OVER = "This link is over. Open the file in the clinic’s page, where you log in."
LOGIN_ONLY = "This clinic shows files only after you log in. Open this link in a web browser, and log in there."


@blueprint.get("/files/<uid>")
@caring
def see(uid: str) -> Response:
    """A file as it may be shown: a picture of an image, sound and film themselves; all else to be saved. Raises: NotFound."""
    return _for_visitor(uid, seen)


@blueprint.get("/files/<uid>/shown")
@caring
def shown(uid: str) -> Response:
    """The picture of a file that was made to be shown. Raises: NotFound, also where there is none."""
    return _for_visitor(uid, lambda file: picture(file, "shown"))


@blueprint.get("/files/<uid>/thumb")
@caring
def thumb(uid: str) -> Response:
    """The small picture of a file. Raises: NotFound, also where there is none."""
    return _for_visitor(uid, lambda file: picture(file, "thumb"))


@blueprint.get("/files/<uid>/download")
@caring
def download(uid: str) -> Response:
    """A file as it was sent, to be saved. Raises: NotFound."""
    return _for_visitor(uid, original)


def _for_visitor(uid: str, content: Callable[[Readable], Content]) -> Response:
    visitor = current_visitor()
    if visitor is None:
        raise NotSignedIn()
    file = _read(visitor.actor, uid)
    asking, database = _asking(visitor.actor, uid), clinic_db()
    return serve(content(file), visitor.account_uid, lambda: auth.lasts(visitor, database) and asking())


@blueprint.get("/f/<file>/<recipient>/<expiry>/<mac>/<path:name>")
@public
def linked(file: str, recipient: str, expiry: str, mac: str, name: str) -> Response:
    """A file by the link of one person. Raises: NotFound for a link that the clinic never made, and where its person may not read it now."""
    link = links.opened(links.key_of(current_app.config["BEDSIDE"].pepper), file, recipient, expiry, mac, name)
    if link is None:
        raise NotFound()
    if link.expires_at <= clinic_db().now():
        return _log_in_for(file, Expired(LINK_OVER))
    if _login_only(clinic_db()):
        return _log_in_for(file, NotSignedIn(LOGIN_ONLY))
    actor = reading_as(recipient)
    try:
        found = _read(actor, file)
    except (NotSignedIn, NotFound):  # closed meanwhile, or not theirs any more: nobody learns which
        raise NotFound() from None
    asking, database = _asking(actor, file, link.expires_at), clinic_db()
    return serve(seen(found), recipient, lambda: not _login_only(database) and asking())


def _log_in_for(file: str, refusal: DomainError) -> Response:
    """Send a person on to the file's own address, which asks who they are; an app is told in words."""
    if "text/html" not in request.headers.get("Accept", ""):
        return problem(refusal.status, refusal.code, refusal.page_text)
    return redirect(url_for("files.see", uid=file), 303)


def _login_only(database: Database) -> bool:
    with database.read(Actor.system()) as work:
        return setting(work, "files_login_only") == "1"


def _read(actor: Actor, uid: str) -> Readable:
    with clinic_db().read(actor) as work:
        return readable(work, uid)


def _asking(actor: Actor, uid: str, until: datetime | None = None) -> Callable[[], bool]:
    """Return what says whether somebody may read a file at the time it is called, also where the request is over. until: when a link ends."""
    database = clinic_db()

    def still() -> bool:
        try:
            with database.read(actor) as work:
                readable(work, uid)
        except DomainError:
            return False
        return until is None or database.now() < until

    return still


# -- what of it


def seen(file: Readable) -> Content:
    """Return what is shown of a file: of an image the picture that was made of it, without what the camera wrote into the original."""
    if file.form == "image" and file.shown_type:
        return picture(file, "shown")
    return original(file, inline=file.media_type.startswith(("audio/", "video/")))


def original(file: Readable, *, inline: bool = False) -> Content:
    """Return a file as it was sent."""
    reader = _store().kept(file.blob, file.wrapped_key, file.size_bytes)
    return Content(file.name, file.media_type, file.size_bytes, inline, reader.chunks)


def picture(file: Readable, which: str) -> Content:
    """Return a picture that was made of a file. which: "shown" or "thumb". Raises: NotFound where there is none."""
    media_type = file.shown_type if which == "shown" else file.thumb_type
    if not media_type:
        raise NotFound()
    content = _store().read_derived(file.blob, file.wrapped_key, which)
    return Content(_named(file, media_type), media_type, len(content), True, lambda start, stop: iter((content[start:stop],)))


def _named(file: Readable, media_type: str) -> str:
    """Return the name of a picture of a file: its own, with an end that says what the picture is."""
    if media_type == file.media_type:
        return file.name
    stem, _, _ = file.name.rpartition(".")
    return f"{stem or file.name}{mimetypes.guess_extension(media_type) or ''}"


def _store() -> storage.Store:
    return storage.of(current_app.config["BEDSIDE"])
