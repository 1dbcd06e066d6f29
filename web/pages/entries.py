"""What a message said before: a page for staff; what was taken back is opened by a button, as it is written down who did."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from clinic.permissions import STAFF
from clinic.text.amend import versions as versions_of
from clinic.thread.views import thread_head
from web.auth import current_actor
from web.db import clinic_db
from web.policies import roles

blueprint = Blueprint("entries", __name__)


@blueprint.get("/threads/<uid>/versions")
@roles(*STAFF)
def versions(uid: str) -> str:
    """Show what the message `entry` said, the oldest first; of one that was taken back only that it was."""
    with clinic_db().read(current_actor()) as work:
        return _page(uid, thread_head(work, uid), versions_of(work, uid, request.args.get("entry", "")))


@blueprint.post("/threads/<uid>/versions")
@roles(*STAFF)
def original(uid: str) -> str:
    """Open what a message said that was taken back; the audit log says who did."""
    opened = clinic_db().perform(current_actor(), "text.original", uid, entry=request.form.get("entry", "")).value
    with clinic_db().read(current_actor()) as work:
        return _page(uid, thread_head(work, uid), opened)


def _page(uid: str, head: object, found: object) -> str:
    return render_template("threads/versions.html", here="threads", uid=uid, head=head, found=found)
