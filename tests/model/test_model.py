"""A clinic that is used at random is at every step what the model says, for every person; and each planted fault is found."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RULE_MARKER, run_state_machine_as_test

from tests.model.clinics import prepared
from tests.model.faults import FAULTS
from tests.model.machine import Machine

QUIET: dict[str, Any] = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}
USE = settings(max_examples=9, stateful_step_count=25, **QUIET)
# A fault has to be found among so many; nobody needs its shortest story.
HUNT = settings(max_examples=40, stateful_step_count=12, phases=[Phase.generate], report_multiple_bugs=False, **QUIET)


@pytest.fixture(scope="module", autouse=True)
def cast(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The people, to copy each clinic from."""
    Machine.original, Machine.uids, Machine.statuses = prepared(tmp_path_factory.mktemp("model"))


def test_everybody_sees_what_the_model_says_after_each_step() -> None:
    run_state_machine_as_test(Machine, settings=USE)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_planted_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, rules = FAULTS[fault]
    plant(monkeypatch)
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(keeping_to(rules), settings=HUNT)
    assert str(found.value)


def keeping_to(rules: frozenset[str]) -> type[Machine]:
    """Return a machine with these rules only."""
    others = {name: None for name, made in vars(Machine).items() if hasattr(made, RULE_MARKER) and name not in rules}
    assert rules <= vars(Machine).keys()
    return type("Focused", (Machine,), others)
