"""The gate, by histories in which several people act at once on both engines: nothing passes and nothing is held back that should not.

What should is gate_model.py's, which knows nothing of the product. The suite plays a few hundred; `make soak` ten thousand on each engine.
`BEDSIDE_GATE_SEED` plays one seed's neighbourhood again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.model import gate_steps
from tests.model.gate_faults import FAULTS
from tests.model.gate_histories import STEPS, Clinics, Tally
from tests.model.gate_model import HELD_BACK, PASSED

ENGINES = ("sqlite", "postgresql")
SOME = {"sqlite": 200, "postgresql": 80}
MANY = 10_000
HUNTED = 300  # a fault has to be found among so many
IN_ONE_DATABASE = 500
FIRST = int(os.environ.get("BEDSIDE_GATE_SEED", "1"))
ALWAYS = {"text", "reply", "correction", "reaction", "scheduling"}
RARE = ({"delivery", "send", "reschedule"}, {"thread.start", "group.ask"})


def play(engine: str, folder: Path, number: int, first: int = FIRST) -> tuple[Tally, list[str]]:
    """Play histories, each with the next seed; returns what happened, and what is wrong with those that are wrong."""
    tally, wrong = Tally(), list[str]()
    for start in range(first, first + number, IN_ONE_DATABASE):
        place = folder / str(start)
        place.mkdir()
        with Clinics.opened(engine, place) as clinics:
            clinics.tally = tally
            for seed in range(start, min(start + IN_ONE_DATABASE, first + number)):
                if found := clinics.run(seed):
                    wrong.append("\n".join(found))
        for file in place.glob("clinic.sqlite3*"):
            file.unlink()
    print(f"{engine}: {tally.histories} histories from seed {first}, {sum(tally.actions.values())} actions, {dict(tally.outcomes())}, {len(wrong)} wrong")
    print(f"{dict(sorted(tally.sent.items()))}")
    return tally, wrong


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_passes_and_nothing_is_held_back_that_should_not(engine: str, tmp_path: Path) -> None:
    tally, wrong = play(engine, tmp_path, SOME[engine])
    assert not wrong, wrong[0]
    _something_happened(tally)


@pytest.mark.soak
@pytest.mark.parametrize("engine", ENGINES)
def test_ten_thousand_histories_let_nothing_through_and_hold_nothing_back_wrongly(engine: str, tmp_path: Path) -> None:
    tally, wrong = play(engine, tmp_path, MANY)
    assert not wrong, f"{len(wrong)} of {MANY} are wrong, the first:\n{wrong[0]}"
    _something_happened(tally)


def _something_happened(tally: Tally) -> None:
    """The control: each way of sending both passed and was held back, and each thing that people do was done."""
    for became in (PASSED, HELD_BACK):
        found = {what for what, outcome in tally.sent if outcome == became}
        assert found >= ALWAYS and all(found & some for some in RARE), (became, found)
    assert len(STEPS) > 10 and all(vars(gate_steps)[one.__name__] is one for one in STEPS)
    assert min(tally.actions[action] for action in ("payment.request", "payment.decide", "payment.withdraw", "urgent.call")) > 10


@pytest.mark.parametrize(("fault", "engine"), [(name, engine) for name, (_, engines) in sorted(FAULTS.items()) for engine in engines])
def test_a_planted_fault_is_found(fault: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault][0](monkeypatch)
    with Clinics.opened(engine, tmp_path) as clinics:
        for seed in range(HUNTED):
            if clinics.run(seed):
                print(f"{fault}: found by history {seed + 1}")
                return
    pytest.fail(f"{HUNTED} histories do not find it")
