"""The page where a patient records or chooses the short video that they were asked for. GET changes nothing."""

from __future__ import annotations

from flask import Blueprint, render_template

from clinic.permissions import Role
from clinic.short_video.views import video_asked
from web.auth import current_actor
from web.db import clinic_db
from web.policies import roles

blueprint = Blueprint("videos", __name__)


@blueprint.get("/videos/<uid>")
@roles(Role.PATIENT)
def show(uid: str) -> str:
    """What is asked for, and the camera."""
    with clinic_db().read(current_actor()) as work:
        return render_template("videos/show.html", here="threads", asked=video_asked(work, uid))
