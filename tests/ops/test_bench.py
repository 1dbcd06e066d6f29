"""`bedside bench` runs to its end, says what it measured, and leaves nothing behind. No figure is judged here."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.e2e

QUANTILES = {
    f"{name}_{quantile}"
    for name in ("page_post", "page_post_to_feed_news", "page_post_to_xmpp_message", "page_post_to_other_page", "xmpp_message_to_last_reflection")
    for quantile in ("p50", "p99")
}
PARTS = ("https", "supervisor", "threads", "web", "worker", "xmpp")


def test_first_light_prints_one_json_line_a_figure_and_leaves_nothing_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("b")  # short: sockets lie below it
    command = [sys.executable, "-m", "ops", "bench", "first-light", "--seconds", "2", "--rate", "40", "--posts", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(set(figure) == {"name", "value", "unit"} for figure in figures)
    values = {figure["name"]: figure["value"] for figure in figures}
    assert len(values) == len(figures)
    assert set(values) >= QUANTILES | {f"memory_{part}" for part in PARTS} | {f"cpu_{part}" for part in PARTS} | {"cpu_generator"}
    assert all(values[name] > 0 for name in QUANTILES)
    # What was measured did happen: everything that was written was heard.
    assert values["page_posts"] >= 1
    assert values["page_posts_not_heard_by_feed"] == 0
    assert values["xmpp_messages"] >= 40
    assert values["xmpp_refused"] == values["xmpp_not_reflected"] == 0
    assert list(folder.iterdir()) == []


def test_an_unknown_measurement_is_refused_in_words() -> None:
    done = subprocess.run([sys.executable, "-m", "ops", "bench", "moonlight"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "first-light" in done.stderr
