"""The import graph: imports flow inward (design rule 1), and each outside library has its importers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("clinic", "web", "xmpp_components", "ops", "migrations")
# What each package may import of Bedside besides itself.
INWARD = {
    "clinic": set(),
    "web": {"clinic"},
    "xmpp_components": {"clinic"},
    "migrations": set(),
    "ops": {"clinic", "web", "migrations"},
}
CLINIC_MAY = {"sqlalchemy"}
# Libraries that stay behind one door.
DOORS = {
    "slixmpp": {"xmpp_components"},
    "flask": {"web"},
    "flask_login": {"web"},
    "flask_sqlalchemy": {"web"},
    "argon2": {"web"},
    "alembic": {"migrations"},
    "cryptography": {"ops", "web"},
    "obstore": {"web"},
    "PIL": {"web"},
    "av": {"web"},
    "magic": {"web"},
    "pi_heif": {"web"},
    "pypdfium2": {"web"},
    "pyseccomp": {"web"},
    "stripe": {"web"},
    "fpdf": {"web"},
    "uharfbuzz": {"web"},
    "weasyprint": {"web"},
}
# Within its package one file alone may import it.
SOLE = {
    "stripe": "web/gateways/stripe.py", "fpdf": "web/gateways/receipts.py", "uharfbuzz": "web/gateways/receipts.py", "obstore": "web/gateways/objects.py",
    "magic": "web/media/looking.py", "PIL": "web/media/pictures.py", "pi_heif": "web/media/pictures.py", "pypdfium2": "web/media/documents.py",
    "av": "web/media/sound.py", "pyseccomp": "web/media/confine.py",
    "weasyprint": "web/printing/child.py",
}


def imports() -> Iterator[tuple[str, Path, str]]:
    """Yield (package, file, imported top-level name) for every import in Bedside's code."""
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if "node_modules" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                for name in names:
                    yield package, path, name.split(".")[0]


def test_there_is_something_to_look_at() -> None:
    assert len({path for _, path, _ in imports()}) > 40


def test_imports_flow_inward() -> None:
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for package, path, name in imports()
        if name in PACKAGES and name != package and name not in INWARD[package]
    ]
    assert wrong == []


def test_the_domain_knows_sqlalchemy_and_the_standard_library_only() -> None:
    import sys

    known = set(sys.stdlib_module_names) | CLINIC_MAY | {"clinic"}
    wrong = [(str(path.relative_to(ROOT)), name) for package, path, name in imports() if package == "clinic" and name not in known]
    assert wrong == []


def test_outside_libraries_stay_behind_their_doors() -> None:
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for package, path, name in imports()
        if name in DOORS and package not in DOORS[name]
    ]
    assert wrong == []


def test_some_libraries_have_one_importer() -> None:
    found = {(str(path.relative_to(ROOT)), name) for _, path, name in imports() if name in SOLE}
    assert found == {(path, name) for name, path in SOLE.items()}


def test_nobody_outside_the_domain_writes_to_the_database() -> None:
    for package in ("web", "xmpp_components"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute):
                    assert node.attr not in {"commit", "writing"}, f"{path}:{node.lineno} writes by itself"


def test_threads_and_what_people_write_in_them_know_nothing_of_payments() -> None:
    """The gate is registered in clinic/gates.py, never inside threads; nor does any other capability know of it."""
    naming = [
        path
        for path in (ROOT / "clinic").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("clinic.payment."))
        or (isinstance(node, ast.ImportFrom) and node.module == "clinic" and any(one.name == "payment" for one in node.names))
        or (isinstance(node, ast.Import) and any(f"{one.name}.".startswith("clinic.payment.") for one in node.names))
    ]
    assert naming, "the control: payments import each other"
    assert {path.parent.name for path in naming} == {"payment"}, sorted(map(str, naming))
    assert "payment" not in (ROOT / "clinic/gates.py").read_text()
