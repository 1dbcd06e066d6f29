"""Where the clinic's card service tells that there is news of a payment. Imports Flask, clinic and the gateway.

Anybody may ask for this address: a signature proves who speaks. What is told is only which payment to look at; the worker asks for the rest.
"""

from __future__ import annotations

import logging

from flask import Blueprint, Response, current_app, request

from clinic import Actor
from clinic.errors import TooLong
from clinic.payment.record import CARD
from web.db import clinic_db
from web.gateways import keys
from web.policies import public

blueprint = Blueprint("webhooks", __name__)
logger = logging.getLogger(__name__)
MOST_BYTES = 256 * 1024


@blueprint.post("/webhooks/stripe")
@public
def stripe() -> Response:
    """Take an event. 200 once it is stored, so that nothing is lost if we are killed: until then it comes again."""
    from web.gateways.stripe import NotHeard, heard  # its library takes 20 MB, for clinics that use it

    request.max_content_length = MOST_BYTES  # also of what does not say how long it is
    if (request.content_length or 0) > MOST_BYTES:
        raise TooLong()
    config = current_app.config["BEDSIDE"]
    try:
        found = keys.keys(config)
    except keys.Damaged as error:
        logger.error("payments.keys %s", error)
        return _answer("The clinic cannot read its keys just now.", 503)
    if found is None:
        return _answer("This clinic takes no payments by card.", 404)
    try:
        event = heard(request.get_data(cache=False), request.headers.get("Stripe-Signature", ""), found.webhook_secrets)
    except NotHeard as error:
        logger.warning("payments.webhook refused: %s", error.words)
        return _answer(error.words, 400)
    if event.test != found.test or event.account not in ("", found.account.reference if found.account else ""):
        logger.warning("payments.webhook refused: of another account or mode (%s)", event.kind)
        return _answer("This event is of another account, or of the other mode (test or live).", 400)
    clinic_db().perform(Actor.system(), "payment.heard", provider=CARD, event=event.event_id, attempt=event.attempt,
                        reference=event.reference, payment_reference=event.payment_reference)
    return _answer("Taken.", 200)


def _answer(words: str, status: int) -> Response:
    return Response(words + "\n", status, mimetype="text/plain")
