"""Who may ask for which route, written by hand from product.md: one row for each route and method of the inventory.

A route that asks for a thread is there for its members (`on="thread"`); for everybody else it answers like one that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.access.scene import ABSENT, COORDINATOR, GROUP_ADMIN, NOBODY, PATIENT, PRACTITIONER, Scene

Fields = dict[str, Any]
ADMIN = "admin"
CARE = frozenset({PATIENT, PRACTITIONER, COORDINATOR})
STAFF = frozenset({PRACTITIONER, COORDINATOR})
PEOPLE = CARE | {ADMIN}
ANYBODY = PEOPLE | {NOBODY}
CLINIC: frozenset[str] = frozenset()  # its own processes, with the internal token


@dataclass(frozen=True)
class Route:
    """One row. who: the roles that it is there for. on: what its `<uid>` names. ok: how an answer looks to whom it is for.

    sends: the form of a POST. asks: further queries to put behind the address, each of which must tell nothing either.
    members: relations that it is for, where not for all members. token: what its `<token>` is. headers: of what no form sends.
    """

    who: frozenset[str]
    on: str = ""
    ok: tuple[int, ...] = (200,)
    sends: Callable[[Scene, str], Fields] | None = None
    asks: tuple[str, ...] = ("",)
    members: frozenset[str] = CARE | {GROUP_ADMIN}
    token: Callable[[Scene], str] = lambda _scene: "x"
    headers: dict[str, str] = field(default_factory=dict)


TUS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "1000"}


def _nothing(_scene: Scene, _who: str) -> Fields:
    return {}


ROUTES: dict[str, Route] = {
    "GET /": Route(PEOPLE, ok=(200, 302)),
    "GET /account": Route(PEOPLE),
    "GET /account/devices": Route(CARE),
    "GET /admin/accounts": Route(frozenset({ADMIN})),
    "GET /admin/clinic": Route(frozenset({ADMIN})),
    "GET /admin/files": Route(frozenset({ADMIN})),
    "GET /admin/links": Route(frozenset({ADMIN})),
    "GET /admin/payments": Route(frozenset({ADMIN}), asks=("", "?patient=e&state=paid", f"?before={ABSENT}", "?service=x&practitioner=x&month=x")),
    "GET /admin/payments/<uid>": Route(frozenset({ADMIN}), on="payment"),
    "GET /admin/payments/list.csv": Route(frozenset({ADMIN})),
    "GET /admin/services": Route(frozenset({ADMIN})),
    "GET /admin/statuses": Route(frozenset({ADMIN})),
    "GET /authority.pem": Route(ANYBODY, ok=(200, 404)),
    # Which action is offered to whom is in acts.py; this one is offered to nobody.
    "GET /do/<name>": Route(PEOPLE, ok=(404,)),
    "GET /do/<name>/<uid>": Route(PEOPLE, ok=(404,)),
    "GET /away": Route(STAFF),
    # For the duty account alone, which nobody of the scene is.
    "GET /documents": Route(CARE, ok=(200, 422), asks=("", "?form=pdf&since=2026-01-01&until=x", f"?thread={ABSENT}&before={ABSENT}", "?put_away=1")),
    # Of Ana's folder and of Eve's: theirs, and for staff who share a thread with them.
    "GET /documents/<uid>": Route(CARE, on="document"),
    "GET /documents/<uid>/send": Route(CARE, on="document"),
    "GET /duty": Route(STAFF, ok=(404,)),
    "GET /duty/alerts": Route(STAFF),
    # Whose link it is, is in the link; here one that the clinic never made. All about links: tests/web/test_reading_files.py.
    "GET /f/<file>/<recipient>/<expiry>/<mac>/<path:name>": Route(ANYBODY, ok=(404,)),
    "GET /files/<uid>": Route(CARE, on="file"),
    "GET /files/<uid>/download": Route(CARE, on="file"),
    "GET /files/<uid>/shown": Route(CARE, on="file"),
    "GET /files/<uid>/thumb": Route(CARE, on="file"),
    "GET /uploads/<uid>/state": Route(CARE, on="upload"),
    "HEAD /uploads/<uid>": Route(CARE, on="upload", headers=TUS),
    "PATCH /uploads/<uid>": Route(CARE, on="upload", ok=(204,), headers=TUS),
    "DELETE /uploads/<uid>": Route(CARE, on="upload", ok=(204,), headers=TUS),
    "PUT /slots/<uid>/<mac>/<path:name>": Route(ANYBODY, ok=(404,)),
    "GET /healthz": Route(ANYBODY),
    "GET /internal/xmpp/exists": Route(CLINIC),
    "GET /invite/<token>": Route(ANYBODY, ok=(410,)),
    "GET /later": Route(CARE),
    # Whoever has the link, reads who manages the group and may ask; who is in it, goes there.
    "GET /join/<token>": Route(CARE, ok=(200, 302), token=lambda s: s.things["share token", "open"]),
    "GET /login": Route(ANYBODY, ok=(200, 302)),
    "GET /saved-replies": Route(STAFF),
    # It takes a message of one's own; here it is given none, or what is none of one's own.
    "GET /saved-replies/new": Route(STAFF, ok=(404,), asks=("", f"?thread={ABSENT}&entry={ABSENT}")),
    "GET /search": Route(CARE, asks=("", "?q=pain", "?q=zq", "?q=e&who=a&kind=internal-note", f"?q=pain&thread={ABSENT}"), ok=(200, 404)),
    "GET /videos/<uid>": Route(frozenset({PATIENT}), on="video"),
    "GET /payments": Route(frozenset({PATIENT})),
    "GET /payments/<uid>": Route(frozenset({PATIENT}), on="payment", asks=("", "?back=1")),
    "GET /payments/<uid>/go": Route(frozenset({PATIENT}), on="payment", ok=(303,)),
    "GET /payments/<uid>/state": Route(frozenset({PATIENT}), on="payment"),
    "GET /payments/<uid>/receipt.pdf": Route(frozenset({PATIENT, ADMIN}), on="paid"),
    "GET /patients/<uid>": Route(CARE, on="patient"),
    "GET /patients/<uid>/edit": Route(
        CARE, on="patient", asks=(*(f"?what={what}" for what in ("demographics", "basics", "allergy", "note")), f"?what=item&entry={ABSENT}", "?what=x"),
        ok=(200, 404),
    ),
    "GET /patients/<uid>/history": Route(CARE, on="patient"),
    "GET /patients/<uid>/profile.pdf": Route(frozenset({PATIENT, PRACTITIONER}), on="patient", asks=("?notes=1",)),
    "GET /practitioners/<uid>": Route(CARE, on="practitioner"),
    "GET /practitioners/<uid>/photo": Route(CARE, on="practitioner"),
    "GET /practitioners/<uid>/edit": Route(frozenset({PRACTITIONER}), on="own profile"),
    "GET /profile": Route(frozenset({PATIENT}), ok=(302,)),
    "GET /admin/accounts/<uid>/demographics": Route(frozenset({ADMIN}), on="registered"),
    "GET /patients/<uid>/documents": Route(STAFF, on="patient", asks=("", "?form=image", f"?thread={ABSENT}&before={ABSENT}")),
    "GET /session": Route(ANYBODY),
    "GET /setup/<token>": Route(ANYBODY, ok=(410,)),
    "GET /static/<path:filename>": Route(ANYBODY, ok=(200, 404)),
    "GET /threads/<uid>": Route(CARE, on="thread"),
    "GET /threads/<uid>/documents": Route(CARE, on="thread", asks=("", f"?before={ABSENT}", f"?document={ABSENT}"), ok=(200, 404)),
    "GET /threads/<uid>/entries": Route(CARE, on="thread", asks=("", f"?after={ABSENT}", f"?before={ABSENT}"), ok=(200, 404)),
    "GET /threads/<uid>/head": Route(CARE, on="thread"),
    "GET /threads/<uid>/later": Route(CARE, on="thread"),
    "GET /threads/<uid>/urgent": Route(frozenset({PATIENT}), on="thread", members=frozenset({PATIENT})),
    "GET /threads/<uid>/marks": Route(CARE, on="thread"),
    # Of an entry that there is not; who may read what a message said before is proved in tests/web/test_amending.py.
    "GET /threads/<uid>/versions": Route(frozenset({"practitioner", "coordinator"}), on="thread", asks=(f"?entry={ABSENT}",), ok=(404,)),
    "GET /threads/<uid>/people": Route(CARE, on="thread"),
    "GET /threads/<uid>/replies": Route(STAFF, on="thread"),
    "GET /threads/group": Route(frozenset({PRACTITIONER})),
    "GET /threads/list": Route(CARE, asks=("", f"?open={ABSENT}")),
    "GET /threads/new": Route(CARE, asks=("", "?q=e", "?q=1931-07-19", "?q=1933-09-23")),
    "POST /account/devices": Route(CARE, sends=lambda _s, _w: {"name": "Laptop"}),
    "POST /account/look": Route(PEOPLE, sends=lambda _s, _w: {"theme": "dark"}, ok=(303,)),
    "POST /account/password": Route(PEOPLE, sends=lambda _s, _w: {"current": "not it", "password": "x", "again": "x"}, ok=(422,)),
    "POST /account/role": Route(PEOPLE, sends=lambda s, w: {"role": s.role(w)}, ok=(303,)),
    # The actions' own rows are in acts.py; here only that these routes need somebody who is signed in.
    "POST /actions/<name>": Route(PEOPLE, sends=_nothing, ok=(303, 404, 422)),
    "POST /actions/<name>/<uid>": Route(PEOPLE, sends=_nothing, ok=(303, 403, 404, 422)),
    "POST /admin/accounts": Route(frozenset({ADMIN}), sends=lambda _s, _w: {"name": "Nia New", "roles": "practitioner"}),
    "POST /admin/accounts/<uid>/invite": Route(frozenset({ADMIN}), on="account", sends=_nothing),
    "POST /admin/clinic": Route(
        frozenset({ADMIN}), sends=lambda _s, _w: {"clinic_name": "Other", "emergency_number": "112", "time_zone": "UTC"}, ok=(303,)
    ),
    "POST /admin/payments/<uid>": Route(frozenset({ADMIN}), on="payment", sends=lambda _s, _w: {"do": "looked"}, ok=(303,)),
    "POST /documents/look": Route(CARE, sends=lambda _s, _w: {"look": "list"}, ok=(303,)),
    "POST /feed/token": Route(CARE, sends=_nothing),
    "POST /internal/xmpp/check": Route(CLINIC, sends=lambda s, _w: {"user": s.handles["ana"], "secret": s.things["device password", "boris"]}),
    "POST /invite/<token>": Route(ANYBODY, sends=_nothing, ok=(410,)),
    "POST /login": Route(ANYBODY, sends=lambda _s, _w: {"email": "x@clinic.example", "password": "wrong"}, ok=(401, 429)),
    "POST /logout": Route(ANYBODY, sends=_nothing, ok=(303,)),
    "POST /session": Route(PEOPLE, sends=_nothing),
    "POST /threads/<uid>/versions": Route(
        frozenset({"practitioner", "coordinator"}), on="thread", sends=lambda _s, _w: {"entry": ABSENT}, ok=(404,)
    ),
    "POST /threads/<uid>/people": Route(
        CARE, on="thread", sends=lambda s, _w: {"do": "go", "people": s.uids["rolf"]}, ok=(303,), members=STAFF | {GROUP_ADMIN}
    ),
    "POST /threads/<uid>/share": Route(
        frozenset({PRACTITIONER}), on="thread", sends=lambda _s, _w: {"days": "1"}, members=frozenset({GROUP_ADMIN})
    ),
    "POST /threads/group": Route(
        frozenset({PRACTITIONER}),
        sends=lambda s, _w: {"do": "go", "title": "Another", "people": s.uids["ana"], "reason": "Asked for"},
        ok=(303,),
    ),
    "POST /threads/narrow": Route(STAFF, sends=lambda _s, _w: {"show": "all"}, ok=(303,)),
    # Who is heard proves it by a signature: tests/web/test_stripe_webhooks.py. A clinic without keys has nothing to hear.
    "POST /webhooks/stripe": Route(ANYBODY, sends=_nothing, ok=(404,)),
    "POST /setup/<token>": Route(ANYBODY, sends=_nothing, ok=(410,)),
}
