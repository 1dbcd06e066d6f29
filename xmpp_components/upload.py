"""Where apps put the bytes of a file before they say in a message where it belongs: a slot of the clinic's own. Owns no state.

The service is that of the threads. What becomes of the bytes is `web`'s matter; the file begins with the message that names it (rooms/posting.py).
Source: XEP-0363.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from clinic import Actor, Work
from clinic.account.views import me
from clinic.errors import TooLong, TooMany
from clinic.file.uploading import MOST_BYTES, upload_state
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Refusal, Request, Target

if TYPE_CHECKING:
    from xmpp_components.component import Threads

# When to ask again where too many files of one's own are on their way.
AGAIN = timedelta(minutes=5)


def described() -> wire.Xml:
    """Returns: what apps ask the service for: how large a file may be. Source: XEP-0363 section 4."""
    return wire.form("result", {"FORM_TYPE": (wire.UPLOAD,), "max-file-size": (str(MOST_BYTES),)})


@handles("iq get", Target.SERVICE, f"{{{wire.UPLOAD}}}request", policy=Policy.ACCOUNT)
async def slot(component: Threads, request: Request) -> None:
    """Give an app a place to put a file, and the sender's own link to it. Raises: Refusal, DomainError. Source: XEP-0363 sections 5 and 7."""
    asked, actor = request.payload, Actor.xmpp(request.person)
    assert asked is not None  # the register matched on it
    given: dict[str, str | None] = {"name": asked.get("filename"), "size_bytes": asked.get("size"), "media_type": asked.get("content-type")}
    try:
        # What is asked for again is another place: ids of requests begin anew with each stream.
        upload = await component.doer.perform(actor, "file.slot", None, client_id=f"slot-{uuid.uuid4().hex}", **given)
    except TooLong as error:
        most = wire.element("file-too-large", {"xmlns": wire.UPLOAD}, wire.element("max-file-size", {}, str(MOST_BYTES)))
        raise Refusal(error.condition, error.type, error.text, most) from None
    except TooMany as error:
        retry = wire.element("retry", {"xmlns": wire.UPLOAD, "stamp": wire.stamp(component.db.now() + AGAIN)})
        raise Refusal(error.condition, error.type, error.text, retry) from None
    owner, name = await component.reader.view(actor, _owner_and_name, upload)
    component.reply(request, wire.element(
        "slot", {"xmlns": wire.UPLOAD}, wire.element("put", {"url": component.links.slot(upload, name)}),
        wire.element("get", {"url": component.links.to(upload, owner, name)})))


def _owner_and_name(work: Work, upload: str) -> tuple[str, str]:
    return me(work).uid, upload_state(work, upload).name
