"""The page that asks for an offered action's fields, or only whether it is meant: also where confirm links lead.

GET changes nothing, except that where the form shows what is seen by an audited look alone, the audit log says so.
Every action that `@action` offers has it, so that nothing which an app can do by command lacks a place on the page.
"""

from __future__ import annotations

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from clinic.errors import NotNow
from clinic.offers import Offered, offer
from web.actions import local_path
from web.auth import current_actor
from web.db import clinic_db
from web.doing import draw_form, home_of
from web.policies import signed_in

blueprint = Blueprint("doing", __name__)


@blueprint.get("/do/<name>")
@blueprint.get("/do/<name>/<uid>")
@signed_in
def ask(name: str, uid: str | None = None) -> str | Response:
    """Show the form; the query fills fields in beforehand, `next` says where to go afterwards.

    Where there is nothing to do any more (the browser's "back", a link that is followed late), say so, and lead to the thread.
    """
    try:
        if (page := _page_of_its_own(name, uid)) is not None:
            return page
        return draw_form(name, uid, request.args.to_dict(flat=False), local_path(request.args.get("next"), home_of(uid)))
    except NotNow as error:
        response = make_response(render_template("error.html", heading="Nothing to do here now", text=error.page_text, thread=uid))
        response.status_code = error.status
        return response


def _page_of_its_own(name: str, uid: str | None) -> Response | str | None:
    """Return what leads to the page where an action about somebody in a thread is done; None for any other. Raises: NotFound."""
    with clinic_db().read(current_actor()) as work:
        found: Offered = offer(work, name, uid)
        about, role = found.offer.about, work.role
    if about is None:
        return None
    leads = [(one, about.page(one.value, role)) for one in found.whom]
    return redirect(leads[0][1], 303) if len(leads) == 1 else render_template("whom.html", here="threads", offered=found, leads=leads)
