"""Which entries the server joins under one name: the same cases that the page's script is asked."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clinic import Role
from clinic.log import Author
from clinic.thread.views import EntryView
from web.drawing import TOGETHER, joined

CASES = json.loads((Path(__file__).parent / "frontend" / "grouping.json").read_text())


def entry(kind: str, author: str, at: str) -> EntryView:
    by = Author(author, author, author, Role.PATIENT, author) if author else None
    return EntryView("uid", kind, datetime.fromisoformat(at), by, False, "", None, None, (), None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_server_and_script_group_by_one_rule(case: dict[str, Any]) -> None:
    assert timedelta(seconds=300) == TOGETHER
    assert joined(entry(**case["before"]), entry(**case["entry"])) is case["joined"]
