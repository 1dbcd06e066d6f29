"""What is printed for people, as an answer to their browser. A plain helper; owns place_to_print, as_pdf."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import Any

from flask import make_response, render_template
from werkzeug.wrappers import Response

from clinic.errors import NotSignedIn
from web.auth import current_visitor
from web.errors import problem
from web.printing.printer import NotPrinted, place, printed

NOT_NOW = "The clinic’s machine could not make the PDF just now. Try again in a moment; if it stays so, tell the clinic. Nothing was changed."
logger = logging.getLogger("bedside.web")


def place_to_print() -> AbstractContextManager[None]:
    """Let who asks print within it: taken before anything is read or written down for it. Raises: NotSignedIn; Taken, as it begins."""
    visitor = current_visitor()
    if visitor is None:
        raise NotSignedIn()
    return place(visitor.account_uid)


def as_pdf(template: str, filename: str, **shown: Any) -> Response:
    """Return a template as a PDF that the browser shows or keeps, within a place to print; words where it cannot be made."""
    try:
        content = printed(render_template(template, **shown))
    except NotPrinted as error:
        logger.error("printing: %s", error)
        return problem(503, "not-printed", NOT_NOW)
    response = make_response(content)
    response.mimetype = "application/pdf"
    response.headers["Content-Disposition"] = f"inline; filename={filename}"
    return response
