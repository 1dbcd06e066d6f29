"""Every route and method × every actor × every object: whom it is for, what it changes, and that it tells nothing that is not theirs.

The expectations are routes.py's, written by hand. Source: product.md, Permissions; design.md, rule 5.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from clinic import Role
from tests.access.conftest import Written
from tests.access.furniture import file_readers
from tests.access.inventory import keys
from tests.access.routes import CLINIC, ROUTES, Route
from tests.access.scene import ABSENT, ACTORS, NOBODY
from tests.access.visitors import Pages, bare

LEAVES = ("POST /logout",)  # ends a session: asked by nobody only


@pytest.mark.parametrize("row", keys("route"))
def test_a_route_is_there_for_whom_it_is_for_and_for_nobody_else(pages: Pages, row: str) -> None:
    assert row in ROUTES, f"Add a row for {row!r} to tests/access/routes.py: whom is it for, by product.md?"
    route = ROUTES[row]
    allowed = 0
    for who in ACTORS:
        if row in LEAVES and who != NOBODY:
            continue
        before, refused = pages.state.held(), list[tuple[str, TestResponse, str]]()
        for label, uid in _objects(pages, route):
            for asked in route.asks:
                cell = f"{row}{asked} of {label or 'the clinic'} by {who}"
                expected = _expected(pages, route, who, label)
                answer = _ask(pages, row, route, who, uid, asked)
                pages.leaks(answer, who, cell, f"{asked} {route.token(pages.scene)}")
                answer.close()
                if expected == "allowed":
                    allowed += 1
                    if answer.status_code not in route.ok:
                        pages.problems.append(f"{cell}: expected {route.ok}, got {answer.status_code}")
                    pages.settle()
                    before = pages.state.held()
                else:
                    refused.append((cell, answer, uid))
                    _check(pages, answer, expected, cell)
        pages.unchanged(before, f"{row} by {who}")
        _alike(pages, refused)
    assert allowed or route.who is CLINIC, "nobody reaches it: the row proves nothing"
    pages.done()


def _objects(pages: Pages, route: Route) -> Iterator[tuple[str, str]]:
    if route.on == "thread":
        yield from pages.scene.objects()
    elif route.on == "patient":
        yield from (*((name, pages.scene.uids[name]) for name in ("ana", "eve", "rosa")), ("absent", ABSENT))
    elif route.on in ("practitioner", "own profile"):
        yield from (*((name, pages.scene.uids[name]) for name in ("boris", "bruno", "dora")), ("absent", ABSENT))
    elif route.on == "registered":
        yield from (*((name, pages.scene.uids[name]) for name in ("ana", "boris")), ("absent", ABSENT))
    elif route.on == "payment":
        yield from (*((name, pages.scene.things["payment of", name]) for name in ("ana", "ada")), ("absent", ABSENT))
    elif route.on == "video":
        yield from (*((name, pages.scene.things["video asked of", name]) for name in ("ana", "ada")), ("absent", ABSENT))
    elif route.on == "paid":
        things = pages.scene.things
        yield from (("ana", things["another payment of", "ana"]), ("nobody, yet", things["payment of", "ana"]), ("absent", ABSENT))
    elif route.on == "file":
        files = [(label, what) for label in ("direct", "group", "foreign") for what in ("everybody", "note")]
        yield from (*((f"{label}: {what}", pages.scene.things[f"file in {label}", what]) for label, what in files), ("absent", ABSENT))
    elif route.on == "document":
        things = pages.scene.things
        yield from (("ana", things["file in direct", "everybody"]), ("eve", things["file in foreign", "everybody"]))
        hidden = (("file in group", "everybody"), ("file in direct", "note"), ("withdrawn in direct", "boris"), ("withdrawn in direct", "ana"))
        yield from (*((f"{where}, {which}", things[where, which]) for where, which in hidden), ("absent", ABSENT))
    elif route.on == "upload":
        yield from (*((name, pages.scene.things["slot to give up", name]) for name in ("ana", "ada", "boris", "chen")), ("absent", ABSENT))
    elif route.on == "account":
        yield from (("eve", pages.scene.uids["eve"]),)
    else:
        yield "", ABSENT


def _expected(pages: Pages, route: Route, who: str, label: str) -> str:
    role = pages.scene.role(who)
    if route.who is CLINIC:
        return "absent"
    if role not in route.who:
        return "log in" if role == NOBODY else "absent"
    if route.on == "patient":
        theirs = label == who if role == Role.PATIENT else label != "absent" and pages.scene.shares(who, label)
        return "allowed" if theirs else "absent"
    if route.on == "practitioner":
        return "allowed" if label != "absent" and pages.scene.knows(who, label) else "absent"
    if route.on == "own profile":
        return "allowed" if label == who else "absent"
    if route.on == "registered":
        return "allowed" if label == "ana" else "absent"
    if route.on in ("payment", "paid", "video"):
        administers = role == Role.ADMIN and label in pages.scene.uids
        return "allowed" if label == who or administers else "absent"
    if route.on == "upload":
        return "allowed" if label == who else "absent"
    if route.on == "document":
        treats = pages.scene.role(who) != Role.PATIENT and label in pages.scene.uids and pages.scene.shares(who, label)
        return "allowed" if who == label or treats else "absent"
    if route.on == "file":
        thread, _, what = label.partition(": ")
        return "allowed" if what and who in file_readers(pages.scene, thread, note=what == "note") else "absent"
    if route.on != "thread":
        return "allowed"
    relation = pages.scene.relation(who, label)
    return "absent" if not relation else "allowed" if relation in route.members else "forbidden"


def _ask(pages: Pages, row: str, route: Route, who: str, uid: str, asked: str) -> TestResponse:
    method, _, path = row.partition(" ")
    for placeholder, value in (("<uid>", uid), ("<name>", "text.post"), ("<token>", route.token(pages.scene)), ("<path:filename>", "favicon.svg"),
                               ("<file>", pages.scene.things["file in direct", "everybody"]), ("<recipient>", pages.scene.uids["boris"]),
                               ("<expiry>", "4000000000"), ("<mac>", "A" * 43), ("<path:name>", "x.jpg")):
        path = path.replace(placeholder, value)
    visitor = pages.visitors[who]
    if method == "GET":
        return visitor.get(path + asked)
    if method != "POST":
        return visitor.ask(method, path + asked, route.headers)
    fields = route.sends(pages.scene, who) if route.sends else {}
    return visitor.submit(path + asked, fields)


def _check(pages: Pages, answer: TestResponse, expected: str, cell: str) -> None:
    if expected == "log in":
        right = answer.status_code == 303 and answer.location.startswith("/login")
    else:
        right = answer.status_code in ({404} if expected == "absent" else {403, 404})
    if not right:
        pages.problems.append(f"{cell}: expected {expected}, got {answer.status_code}")


def _alike(pages: Pages, refused: list[tuple[str, TestResponse, str]]) -> None:
    """What is hidden answers exactly like what there is not."""
    forms = {bare(answer, uid, *pages.scene.uids.values()): cell for cell, answer, uid in refused if answer.status_code == 404}
    if len(forms) > 1:
        pages.problems.append(f"these answer differently: {list(forms.values())}")


def test_the_markers_are_seen_by_whom_they_are_for(pages: Pages) -> None:
    """The control of the whole proof: what is looked for is there, and found."""
    seen = set[str]()
    for who in ("ana", "ada", "boris", "bella", "chen", "eve", "bruno"):
        for label, uid in pages.scene.objects():
            if pages.scene.relation(who, label):
                seen |= pages.scene.seen(pages.visitors[who].get(f"/threads/{uid}").text)
    pages.settle()
    wanted = {f"{kind} of {label}" for kind in ("text", "answer", "note", "late text") for label in ("direct", "foreign", "group")}
    assert wanted | {"early text of group"} <= seen


def test_nothing_that_people_write_is_in_the_log_or_in_a_job(pages: Pages, written: Written) -> None:
    """Runs last in this file: all that was asked above has been logged by now."""
    told = "\n".join(written.lines)
    jobs = "\n".join(str(row) for row in pages.kept["jobs"])
    texts = {marker.what for marker in pages.scene.texts()}
    assert pages.scene.seen(told) & texts == set()
    assert pages.scene.seen(jobs) & texts == set()
    assert pages.kept["jobs"], "no job: this proves nothing"
