"""Every action × every actor × every object, as the page's script asks for them: who may, and that a refusal changes and tells nothing.

The expectations are acts.py's, written by hand. Source: product.md, Permissions; design.md, rules 2, 5 and 13.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from werkzeug.test import TestResponse

from clinic import ACTIONS
from tests.access.acts import ACTS, ADMIN, FOREIGN, INTERNAL, OWN, Act, Fields
from tests.access.inventory import keys, said_of
from tests.access.scene import ABSENT, ACTORS, HELD_BACK, NOBODY
from tests.access.state import difference
from tests.access.visitors import Pages, bare
from tests.contract.test_registries import ASKS_ITSELF

PUBLIC = [name for name in keys("action") if name not in INTERNAL]
Cell = tuple[str, str | None, Fields]
# What each person has for themselves: to others it does not exist.
PRIVATE = ("scheduled in ", "saved reply", "payment of", "video asked of", "video of")
# One of each relation to a thread, where a page is drawn for each cell.
ONE_OF_EACH = (NOBODY, "ana", "ada", "boris", "bella", "chen", "cora", "rolf", "dina")


def cells(pages: Pages, row: Act, who: str) -> Iterator[Cell]:
    """Yield every object that an action can be asked for: its label, uid and fields."""
    if row.on == "thread":
        for label, uid in pages.scene.objects():
            values = row.values(pages.scene, who, label)
            if values is not None:
                yield label, uid, values
        return
    for label in (OWN, FOREIGN, "absent"):
        subject = row.on(pages.scene, who, label) if callable(row.on) else None
        values = row.values(pages.scene, who, label)
        if values is not None and (subject is not None or row.on is None):
            yield label, subject, values


def expected(pages: Pages, name: str, who: str, label: str) -> str:
    """Return how an action is answered, by its row."""
    row = ACTS[name]
    role = pages.scene.role(who)
    if role == NOBODY:
        return "log in"
    if not row.at_all(role):
        return "forbidden"
    if row.on != "thread":
        return ("refused" if who in row.hard else "allowed") if label == OWN else "absent"
    relation = pages.scene.relation(who, label)
    if row.administered and role == ADMIN and label in pages.scene.threads:
        relation = ADMIN
    if not relation:
        return "absent"
    if row.letter(relation) != "Y":
        return "forbidden"
    if (who, label) in HELD_BACK and (ACTIONS[name].gated or name in ASKS_ITSELF):
        return "held back"
    return "allowed" if label in row.works and who not in row.hard else "perhaps"


RIGHT = {"log in": {401}, "forbidden": {403}, "absent": {403, 404, 410, 422}, "allowed": {200}, "refused": {402, 403, 404, 409, 422},
         "held back": {402}}


def ask(pages: Pages, name: str, who: str, subject: str | None, values: Fields) -> TestResponse:
    """Have somebody ask for an action as the page's script does."""
    return pages.visitors[who].send(f"/actions/{name}/{subject}" if subject else f"/actions/{name}", values)


@pytest.mark.parametrize("name", PUBLIC)
def test_an_action_is_done_by_whoever_may_and_by_nobody_else(pages: Pages, name: str) -> None:
    assert name in ACTS, f"Add a row for {name!r} to tests/access/acts.py: who may it, by product.md?"
    row, done = ACTS[name], set[str]()
    for who in ACTORS:
        before, hidden = pages.state.held(), list[tuple[str, TestResponse, str]]()
        for label, subject, values in cells(pages, row, who):
            cell, wanted = f"{name} of {label} by {who}", expected(pages, name, who, label)
            answer = ask(pages, name, who, subject, values)
            pages.leaks(answer, who, cell, str(values))
            if wanted in ("allowed", "perhaps"):
                done |= {pages.scene.relation(who, label) or pages.scene.role(who)} if answer.status_code == 200 else set()
                pages.settle()
                before = pages.state.held()
            if answer.status_code >= 500 or answer.status_code not in RIGHT.get(wanted, {answer.status_code}):
                pages.problems.append(f"{cell}: expected {wanted}, got {answer.status_code} {answer.text[:300]}")
            if wanted == "absent":
                hidden.append((cell, answer, subject or ABSENT))
        pages.unchanged(before, f"{name} by {who}")
        if len({bare(answer, uid, *pages.scene.uids.values()) for _cell, answer, uid in hidden}) > 1:
            pages.problems.append(f"these answer differently: {[(cell, answer.text[:200]) for cell, answer, _ in hidden]}")
    if missing := _who_should_have(pages, row) - done:
        pages.problems.append(f"{name}: nobody did it as {sorted(missing)}, so the row proves nothing of them")
    pages.done()


def _who_should_have(pages: Pages, row: Act) -> set[str]:
    """Return the columns that say Y and that somebody of the scene stands for."""
    may = {column for column, letter in row.may.items() if letter == "Y"}
    if row.on == "thread":
        everywhere = {ADMIN} if row.administered else set()
        return may & ({pages.scene.relation(who, label) for who in set(ACTORS) - row.hard for label in row.works} | everywhere)
    return may & {pages.scene.role(who) for who in set(ACTORS) - row.hard for label, _, _ in cells(pages, row, who) if label == OWN}


@pytest.mark.parametrize("name", [name for name in PUBLIC if name in ACTS and ACTS[name].entry])
def test_an_entry_that_is_hidden_is_to_an_action_like_one_that_there_is_not(pages: Pages, name: str) -> None:
    row, compared = ACTS[name], 0
    for who in ACTORS:
        before = pages.state.held()
        for label, thread in pages.scene.threads.items():
            if row.letter(pages.scene.relation(who, label)) != "Y":
                continue
            answers = {}
            for what, entry in {"absent": ABSENT, **hidden_from(pages, who, label)}.items():
                values = row.values(pages.scene, who, label) or {}
                answers[what] = ask(pages, name, who, thread.uid, {**values, row.entry: entry})
                pages.leaks(answers[what], who, f"{name} of {what} by {who}")
            compared += len(answers) - 1
            if len({bare(answer) for answer in answers.values()}) > 1 or answers["absent"].status_code == 200:
                pages.problems.append(f"{name} in {label} by {who}: {[(what, answer.status_code, answer.text[:200]) for what, answer in answers.items()]}")
        pages.unchanged(before, f"{name} by {who}")
    assert compared > 5
    pages.done()


def hidden_from(pages: Pages, who: str, label: str) -> dict[str, str]:
    """Return the entries that somebody in a thread may not see: of other threads, and of this one what is not for them."""
    found = {}
    for other, thread in pages.scene.threads.items():
        for which, entry in thread.entries.items():
            if other != label or pages.scene.hidden(who, label, which):
                found[f"{which} of {other}"] = entry
    things = [(kind, whose, uid) for (kind, whose), uid in pages.scene.things.items() if kind.startswith(PRIVATE) and whose != who]
    # A patient's video is in a folder that staff open.
    others = [one for one in things if one[0] != "video of" or who not in pages.scene.staff_of("group")]
    return found | {f"{kind} of {whose}": uid for kind, whose, uid in others}


@pytest.mark.parametrize("name", sorted(INTERNAL))
def test_what_only_the_clinic_does_does_not_exist_for_anybody(pages: Pages, name: str) -> None:
    before = pages.state.held()
    for who in ACTORS:
        for subject in (None, pages.scene.threads["direct"].uid):
            for answer in (ask(pages, name, who, subject, {}), ask(pages, name, who, subject, {"token": "x", "email": "x", "uids": []})):
                assert answer.status_code == (401 if pages.scene.role(who) == NOBODY else 404), (who, answer.text)
    pages.unchanged(before, name)
    pages.done()


def test_the_page_that_asks_for_an_action_is_there_for_whoever_may_and_changes_nothing(pages: Pages) -> None:
    offered = {key.split(": ")[-1].split()[0] for key in (f"{key}: {said_of('offer', key)}" for key in keys("offer"))}
    before, shown = pages.state.held(), set[str]()
    for name in PUBLIC:
        row = ACTS[name]
        for who in ONE_OF_EACH if name in offered else ("ana", "boris"):
            about = ACTIONS[name].offer is not None and ACTIONS[name].offer.about is not None
            if about:
                shown |= {name} if _leads(pages, name, who) else set()
                continue
            for label, subject, _values in cells(pages, row, who):
                cell, wanted = f"the page of {name} of {label} by {who}", expected(pages, name, who, label)
                answer = pages.visitors[who].get(f"/do/{name}/{subject}" if subject else f"/do/{name}")
                pages.leaks(answer, who, cell)
                if wanted == "log in":
                    right = answer.status_code == 303
                elif name in offered and wanted in ("allowed", "perhaps", "held back") or row.on is None:
                    right = answer.status_code in (200, 404)  # not everything makes sense at every time
                else:
                    right = answer.status_code == 404
                shown |= {name} if answer.status_code == 200 else set()
                if not right:
                    pages.problems.append(f"{cell}: expected {wanted}, got {answer.status_code}")
                offer = ACTIONS[name].offer
                if offer is not None and offer.look and answer.status_code == 200:  # a look, which is audited
                    changed = difference(before, pages.state.held())
                    if [one.partition(":")[0] for one in changed] != ["audit_entries"]:
                        pages.problems.append(f"{cell}: a look, and it changed {changed}")
                    pages.settle()
                    before = pages.state.held()
    pages.unchanged(before, "the pages that ask for an action")
    now = {name for name in offered if ACTS[name].works}
    if not now <= shown <= offered:
        pages.problems.append(f"offered and shown to nobody: {now - shown}; shown and not offered: {shown - offered}")
    pages.done()


def _leads(pages: Pages, name: str, who: str) -> bool:
    """See that what is about somebody in a thread leads its members who may to where it is done, and nobody else. Returns: whether it led anywhere."""
    led = False
    for label, uid in pages.scene.objects():
        answer = pages.visitors[who].get(f"/do/{name}/{uid}")
        pages.leaks(answer, who, f"the page of {name} in {label} by {who}")
        relation = pages.scene.relation(who, label)
        wanted = {303} if pages.scene.role(who) == NOBODY else {200, 303} if relation and ACTS[name].letter(relation) == "Y" else {404}
        if answer.status_code not in wanted:
            pages.problems.append(f"the page of {name} in {label} by {who}: got {answer.status_code}")
        led |= answer.status_code in (200, 303) and 200 in wanted
    return led


@pytest.mark.parametrize("which", ["after", "before"])
def test_a_hidden_entry_is_no_place_to_read_on_from(pages: Pages, which: str) -> None:
    compared = 0
    for who in ACTORS:
        for label, thread in pages.scene.threads.items():
            if not pages.scene.relation(who, label):
                continue
            absent = bare(pages.visitors[who].get(f"/threads/{thread.uid}/entries?{which}={ABSENT}"))
            for what, entry in hidden_from(pages, who, label).items():
                answer = pages.visitors[who].get(f"/threads/{thread.uid}/entries?{which}={entry}")
                pages.leaks(answer, who, f"{which} {what} by {who}")
                assert bare(answer, entry) == absent, (who, label, what)
                compared += 1
    assert compared > 5
    pages.done()
