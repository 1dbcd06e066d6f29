"""Row ids made by the application."""

from __future__ import annotations

import time

import pytest

from clinic.storage import new_id


def test_row_ids_of_one_process_never_clash_however_many_are_made_in_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 2_000_000_000_000_000_000)
    made = [new_id() for _ in range(20_000)]  # of 22 random bits alone some fifty would be equal
    assert made == sorted(set(made))
