"""The inventory is the code's, and each of its rows has a policy that somebody wrote by hand."""

from __future__ import annotations

from pathlib import Path

from tests.access import matrix
from tests.access.acts import ACTS, INTERNAL
from tests.access.inventory import FILE, inventory, keys, said_of
from tests.access.routes import ROUTES
from tests.web.conftest import config_of
from web.app import create_app


def test_the_inventory_is_what_can_be_asked_of_a_clinic(tmp_path: Path) -> None:
    found, known = set(inventory(create_app(config_of(tmp_path)))), set(FILE.read_text().splitlines())
    assert found == known, (
        f"Run `python -m tests.access.inventory`, look at its difference, and add a policy for each new row "
        f"(tests/access: routes.py, acts.py, stanzas.py). New: {sorted(found - known)}. Gone: {sorted(known - found)}."
    )


def test_each_route_has_a_policy() -> None:
    missing, gone = set(keys("route")) - set(ROUTES), set(ROUTES) - set(keys("route"))
    assert not missing, f"Add to tests/access/routes.py whom these are for: {sorted(missing)}"
    assert not gone, f"Remove from tests/access/routes.py what there is no more: {sorted(gone)}"


def test_each_action_has_a_policy() -> None:
    known = set(ACTS) | INTERNAL
    missing, gone = set(keys("action")) - known, known - set(keys("action"))
    assert not missing, f"Add to tests/access/acts.py who may these, or that they are the clinic's own: {sorted(missing)}"
    assert not gone, f"Remove from tests/access/acts.py what there is no more: {sorted(gone)}"


def test_what_is_the_clinics_own_is_reached_by_no_client() -> None:
    assert {name for name in keys("action") if said_of("action", name).startswith("internal ")} == INTERNAL


def test_the_readme_says_who_may_what_as_the_table_decides_it() -> None:
    assert not matrix.unnamed(), f"Say in tests/access/matrix.py, in words of product.md, what these allow: {sorted(matrix.unnamed())}"
    assert matrix.in_readme(), f"README.md has no section between {matrix.BEGIN!r} and {matrix.END!r}."
    assert matrix.in_readme() == matrix.table(), "Run `python -m tests.access.matrix`: the table of permissions is another than README.md says."
