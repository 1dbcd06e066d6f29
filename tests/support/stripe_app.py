"""The HTTP of the stand-in for Stripe: its API, and the hosted page in a browser. See stripe_stand_in.py for what this is and is not."""

from __future__ import annotations

import secrets
import socket
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, jsonify, redirect, render_template_string, request
from stripe.params import AccountRetrieveCurrentParams, RefundCreateParams, RefundListParams, RefundRetrieveParams
from stripe.params.checkout import SessionCreateParams, SessionExpireParams, SessionListParams, SessionRetrieveParams

from tests.support.stripe_books import Obj, page
from tests.support.stripe_params import ApiError, checked, decode

if TYPE_CHECKING:
    from tests.support.stripe_stand_in import StripeStandIn

HUNG_SECONDS = 60
PAGE = """<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Stand-in for Stripe</title>
<h1>{{ name }}</h1>{% if description %}<p>{{ description }}</p>{% endif %}<p id="amount">{{ session.amount_total }} {{ session.currency }}</p>
{% if session.status != "open" %}<p role="status">This page is no longer active ({{ session.status }}).</p>{% else %}
{% if refused %}<p role="alert">{{ refused }}</p>{% endif %}
<form method="post"><p><label>Card number <input name="number" autocomplete="off" required></label></p><button>Pay</button></form>
{% endif %}{% if session.cancel_url %}<p><a id="back" href="{{ session.cancel_url }}">Back</a></p>{% endif %}</html>"""


def make_app(stand: StripeStandIn) -> Flask:
    """The WSGI application of one stand-in."""
    app = Flask("stripe_stand_in")
    app.before_request(lambda: _before(stand))
    app.after_request(lambda answer: _kept_back(stand, answer))
    app.register_error_handler(ApiError, lambda error: _answer(error.status, error.body))
    app.register_error_handler(404, lambda error: _answer(404, ApiError(404, f"Unrecognized request URL ({request.method}: {request.path}).").body))
    _api(app, stand)
    _hosted(app, stand)
    return app


def _answer(status: int, body: Obj, **headers: str) -> Response:
    made = jsonify(body)
    made.status_code = status
    made.headers["Request-Id"] = f"req_{secrets.token_hex(7)}"
    made.headers.update(headers)
    return made


def _before(stand: StripeStandIn) -> Response | None:
    """Outages, the key, and which account it is of."""
    stand.requests.append(f"{request.method} {request.path}")
    g.body = request.get_data()  # before anything parses it, which would use it up
    if stand.down == "hang":
        stand.restored.wait(HUNG_SECONDS)
        return _broken()
    if stand.down == "error":
        return _answer(500, ApiError(500, "An unknown error occurred.", kind="api_error").body)
    if stand.down == "page":
        return Response("<h1>Log in to the hotel's network</h1>", mimetype="text/html")
    if not request.path.startswith("/v1/"):
        return None
    key = request.authorization.token if request.authorization and request.authorization.type == "bearer" else ""
    if key not in stand.keys:
        raise ApiError(401, f"Invalid API Key provided: {(key or '')[:8]}****{(key or '')[-4:]}")
    g.key, g.account, g.live = key, stand.keys[key], "_live_" in key
    return None


def _broken() -> Response:
    """Breaks the connection instead of answering."""
    request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return Response(status=500)


def _kept_back(stand: StripeStandIn, answer: Response) -> Response:
    """Keeps the answer to a question back, where a test wants it so: it says what was so then."""
    if request.method == "GET":
        with stand.lock:
            waiting = next((entry for entry in stand.pauses if f"GET {request.path}".startswith(entry[0])), None)
            if waiting:
                stand.pauses.remove(waiting)
        if waiting:
            waiting[1].reached.set()
            waiting[1].go.wait(HUNG_SECONDS)
    return answer


def _given(hint: Any) -> Obj:
    """The request's parameters, held against the library's type."""
    if request.method == "GET":
        return checked(decode(request.args.items(multi=True)), hint)
    if request.query_string:
        raise ApiError(400, "Parameters of a POST belong in its body.")
    return checked(decode(request.form.items(multi=True)), hint)


def _posted(stand: StripeStandIn, work: Any) -> Response:
    """Carries a POST out, once for each key that makes repeating safe, and answers it: or not, where a test wants it so."""
    from tests.support.stripe_stand_in import fingerprint

    name, print_ = (g.account, request.headers.get("Idempotency-Key", "")), fingerprint(request.method, request.path, g.body)
    with stand.lock:
        if name in stand.busy:
            raise ApiError(409, "There is currently another in-progress request using this Idempotent Key.", kind="idempotency_error")
        known = stand.answers.get(name)
        if known and known[0] != print_:
            words = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            raise ApiError(400, words, kind="idempotency_error")
        if known:
            return _answer(known[1], known[2], **{"Idempotent-Replayed": "true"})
        status, body = _carried_out(stand, work)
        if name[1]:
            stand.answers[name] = (print_, status, body)
        losing, stand.losing = stand.losing > 0, max(0, stand.losing - 1)
        waiting = next((entry for entry in stand.pauses if f"{request.method} {request.path}".startswith(entry[0])), None)
        if waiting:
            stand.pauses.remove(waiting)
            stand.busy.add(name)
    if waiting:
        waiting[1].reached.set()
        waiting[1].go.wait(HUNG_SECONDS)
        with stand.lock:
            stand.busy.discard(name)
    return _broken() if losing else _answer(status, body)


def _carried_out(stand: StripeStandIn, work: Any) -> tuple[int, Obj]:
    if stand.failing:
        stand.failing -= 1
        return 500, ApiError(500, "An unknown error occurred.", kind="api_error").body
    return 200, work()  # what is refused is not kept under the key


def _api(app: Flask, stand: StripeStandIn) -> None:
    books = stand.books

    @app.get("/v1/account")
    def account() -> Response:
        _given(AccountRetrieveCurrentParams)
        if g.key.startswith("rk_"):
            words = f"The provided key '{g.key[:8]}***' does not have the required permissions for this endpoint on account '{g.account}'."
            raise ApiError(403, words)
        named = {"settings": {"dashboard": {"display_name": "Stand-in Clinic"}}, "email": "pay@clinic.example"}
        return _answer(200, {"id": g.account, "object": "account", **named})

    @app.post("/v1/checkout/sessions")
    def create_session() -> Response:
        params = _given(SessionCreateParams)
        return _posted(stand, lambda: books.shown(g.account, books.create_session(g.account, g.live, params), params.get("expand", [])))

    @app.get("/v1/checkout/sessions")
    def list_sessions() -> Response:
        params = _given(SessionListParams)
        created = params.get("created", {})
        assert isinstance(created, dict), "the stand-in knows ranges only"
        with stand.lock:
            found = [one for one in books.of(g.account, "checkout.session") if _within(one["created"], created) and one["livemode"] == g.live]
            listed = page(found, "/v1/checkout/sessions", _limit(params), params.get("starting_after"))
            listed["data"] = [books.shown(g.account, one, _inner(params)) for one in listed["data"]]
        return _answer(200, listed)

    @app.get("/v1/checkout/sessions/<name>")
    def session(name: str) -> Response:
        params = _given(SessionRetrieveParams)
        with stand.lock:
            return _answer(200, books.shown(g.account, books.find(g.account, "checkout.session", name), params.get("expand", [])))

    @app.post("/v1/checkout/sessions/<name>/expire")
    def expire_session(name: str) -> Response:
        params = _given(SessionExpireParams)
        with stand.lock:
            found = books.find(g.account, "checkout.session", name)
        return _posted(stand, lambda: books.shown(g.account, books.expire(found), params.get("expand", [])))

    @app.post("/v1/refunds")
    def create_refund() -> Response:
        params = _given(RefundCreateParams)
        return _posted(stand, lambda: books.shown(g.account, books.refund(g.account, params), params.get("expand", [])))

    @app.get("/v1/refunds")
    def list_refunds() -> Response:
        params = _given(RefundListParams)
        with stand.lock:
            found = books.of(g.account, "refund")
            for name in ("charge", "payment_intent"):
                found = [one for one in found if one[name] == params.get(name, one[name])]
            return _answer(200, page(found, "/v1/refunds", _limit(params), params.get("starting_after")))

    @app.get("/v1/refunds/<name>")
    def refund(name: str) -> Response:
        params = _given(RefundRetrieveParams)
        with stand.lock:
            return _answer(200, books.shown(g.account, books.find(g.account, "refund", name), params.get("expand", [])))


def _limit(params: Obj) -> int:
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise ApiError(400, "This value must be between 1 and 100.", param="limit")
    return int(limit)


def _inner(params: Obj) -> list[str]:
    for path in params.get("expand", []):
        if not path.startswith("data."):
            raise ApiError(400, f"This property cannot be expanded ({path}). You may want to try expanding 'data.{path}'.", param="expand")
        if path.count(".") >= 4:
            raise ApiError(400, "You cannot expand more than 4 levels of a property.", param="expand")
    return [path.removeprefix("data.") for path in params.get("expand", [])]


def _within(moment: int, bounds: dict[str, int]) -> bool:
    tests = {"gt": moment > bounds.get("gt", -1), "gte": moment >= bounds.get("gte", 0)}
    tests |= {"lt": moment < bounds.get("lt", moment + 1), "lte": moment <= bounds.get("lte", moment)}
    return all(tests[name] for name in bounds)


def _hosted(app: Flask, stand: StripeStandIn) -> None:
    @app.route("/c/pay/<name>", methods=["GET", "POST"])
    def pay(name: str) -> Any:
        refused = ""
        with stand.lock:
            stand.books.expire_due()
            session = stand.books.objects.get(name)
            if session is None or session["object"] != "checkout.session":
                return Response("There is nothing to pay here.", status=404)
            if request.method == "POST":
                refused = stand.books.pay(session, request.form.get("number", "").replace(" ", ""))
                if not refused:
                    return redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", name), 303)
            product = stand.books.asked[name]["line_items"][0]["price_data"]["product_data"]
            return render_template_string(PAGE, session=session, refused=refused, **{"description": "", **product})

    @app.get("/receipts/<name>")
    def receipt(name: str) -> str:
        return f"Receipt of {name}"
