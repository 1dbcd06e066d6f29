"""`bedside bench` runs to its end, says what it measured, and leaves nothing behind. No figure is judged here."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

pytestmark = pytest.mark.e2e

QUANTILES = {
    f"{name}_{quantile}"
    for name in ("page_post", "page_post_to_feed_news", "page_post_to_xmpp_message", "page_post_to_other_page", "xmpp_message_to_last_reflection")
    for quantile in ("p50", "p99")
}
WRONG = ("refused", "lost", "doubled", "not_archived", "archived_twice")
PARTS = ("https", "supervisor", "threads", "web", "worker", "xmpp")
SYSTEMS = {
    "sqlite": PARTS,
    "postgres": (*PARTS, "postgres"),
    "prosody_sqlite": ("prosody",),
    "prosody_postgres": ("prosody", "postgres"),
    "prosody_wal": ("prosody",),
}
MEASURING = ("generator", "others")


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


def test_messages_measures_clinics_beside_their_peers_and_loses_nothing() -> None:
    # PostgreSQL runs as another account than root: it must be able to get there.
    with TemporaryDirectory(prefix="b", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        systems = ",".join(SYSTEMS).replace("_", "-")
        options = f"--sizes 3 --sessions 6 --outstanding 4 --seconds 1 --rounds 2 --rates 20 --systems {systems}"
        command = [sys.executable, "-m", "ops", "bench", "messages", *options.split()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, env={**os.environ, "TMPDIR": folder})
        assert done.returncode == 0, done.stderr
        assert list(Path(folder).iterdir()) == []
    figures = {figure["name"]: figure for figure in map(json.loads, done.stdout.splitlines())}
    assert len(figures) == len(done.stdout.splitlines())
    for system, parts in SYSTEMS.items():
        start = f"messages_{system}_rooms_of_3"
        measured = {start, f"{start}_cost", f"{start}_at_20_p50", f"{start}_at_20_p99"}
        used = {f"{start}_cpu_{part}" for part in (*parts, *MEASURING)} | {f"{start}_memory_{part}" for part in parts}
        used |= {f"{start}_at_20_cpu_{part}" for part in MEASURING}
        counted = {f"messages_{system}_{what}" for what in ("sent", "held_up", *WRONG)}
        assert {name for name in figures if name.startswith(f"messages_{system}_")} == measured | used | counted
        # The kernel counts processor time in hundredths of a second: a few messages may cost none.
        sure = measured - {f"{start}_cost"}
        assert all(figures[name]["value"] > 0 for name in sure)
        # Two rounds of both phases, warmed up; and all of it heard by everybody and in the database.
        assert figures[f"messages_{system}_sent"]["value"] >= 2 * (20 + 4)
        assert all(figures[f"messages_{system}_{what}"]["value"] == 0 for what in WRONG)
        assert {name for name in sure if "ratio" in figures[name]} == (set() if system.startswith("prosody") else sure)


def test_idle_tells_the_memory_of_each_part_before_and_with_people_online(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("b")  # short: sockets lie below it
    command = [sys.executable, "-m", "ops", "bench", "idle", "--sessions", "12", "--threads", "15", "--settle", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    values = {figure["name"]: figure["value"] for figure in map(json.loads, done.stdout.splitlines())}
    whole = {f"{kind}_{part}{when}" for kind in ("rss", "pss") for part in (*PARTS, "total") for when in ("", "_before")}
    assert set(values) == whole | {"pss_xmpp_per_session", "pss_threads_per_session", "idle_sessions", "idle_threads"}
    assert all(values[name] > 0 for name in whole)
    assert all(values[f"pss_{part}"] <= values[f"rss_{part}"] for part in (*PARTS, "total"))
    assert values["rss_total"] == pytest.approx(sum(values[f"rss_{part}"] for part in PARTS), abs=0.1)
    assert (values["idle_sessions"], values["idle_threads"]) == (12, 15)


def test_a_measurement_that_is_told_to_end_leaves_nothing_behind(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("b")
    options = "--sizes 3 --sessions 6 --seconds 60 --rates= --systems sqlite,prosody-sqlite"
    command = [sys.executable, "-m", "ops", "bench", "messages", *options.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder)}) as process:
        assert process.stderr is not None
        assert "sqlite" in process.stderr.readline()  # everything runs by now
        assert running_below(folder)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    assert running_below(folder) == []
    assert list(folder.iterdir()) == []


def running_below(folder: Path) -> list[str]:
    """Returns the command lines of the processes that were told of something in a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(folder) in line]


def test_pages_tells_what_each_question_takes_in_threads_of_each_length(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("b")  # short: sockets lie below it
    options = "--lengths 1000,2000 --threads 3 --requests 1 --log-ins 2"
    command = [sys.executable, "-m", "ops", "bench", "pages", *options.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    values = {figure["name"]: figure["value"] for figure in figures}
    assert len(values) == len(figures)
    questions = {"log_in", "thread_list_3", "thread_list_3_waiting", "home_3"}
    for reader in (f"{length}_{role}" for length in (1000, 2000) for role in ("patient", "practitioner")):
        questions |= {f"thread_page_{reader}", f"thread_list_with_{reader}", f"archive_{reader}_from_date_to_date", f"history_{reader}_after"}
        questions |= {f"{kind}_{reader}_{place}" for kind in ("history", "xmpp_archive") for place in ("newest", "middle", "oldest")}
        questions |= {f"archive_{reader}_{way}" for way in ("newest", "oldest", "before_middle", "after_middle", "start_middle", "end_middle")}
    assert set(values) >= {f"{question}_{quantile}" for question in questions for quantile in ("p50", "p99")}
    for kind in ("archive", "history", "xmpp_archive"):
        assert {f"{kind}_1000_worst_p99", f"{kind}_2000_worst_p99", f"{kind}_2000_to_1000"} <= set(values)
        of_length = [value for name, value in values.items() if name.startswith(f"{kind}_2000_p") and name.endswith("_p99")]
        assert values[f"{kind}_2000_worst_p99"] == max(of_length)
    assert all(value > 0 for name, value in values.items() if not name.startswith("pages_cpu_"))
    assert {f"pages_cpu_{who}" for who in (*PARTS, *MEASURING)} <= set(values)


def test_an_unknown_measurement_is_refused_in_words() -> None:
    done = subprocess.run([sys.executable, "-m", "ops", "bench", "moonlight"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "first-light" in done.stderr


def test_component_prints_durable_messages_a_second_of_each_size(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("b")
    command = [sys.executable, "-m", "ops", "bench", "component", "--seconds", "1", "--size", "3", "--size", "5", "--sessions", "15", "--outstanding", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, "TMPDIR": str(folder)})
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    values = {figure["name"]: figure["value"] for figure in figures}
    assert len(values) == len(figures) == 16
    for size in (3, 5):
        assert all(values[f"component_rooms_of_{size}_{name}"] > 0 for name in ("rate", "cpu", "memory", "p50", "p99", "messages"))
        assert values[f"component_rooms_of_{size}_refused"] == 0
    assert list(folder.iterdir()) == []


def test_searches_are_measured_for_few_and_many_threads() -> None:
    command = [sys.executable, "-m", "ops", "bench", "search", "--entries", "3000", "--threads", "70", "--requests", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    figures = {line["name"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
    assert figures["indexed"] == 3100
    for who in ("one_thread", "50_threads", "70_threads"):
        assert figures[f"search_common_{who}_p50"] > 0 and figures[f"search_elsewhere_{who}_p99"] > 0


def test_files_measures_the_memory_of_the_web_while_files_go_both_ways() -> None:
    command = [sys.executable, "-m", "ops", "bench", "files", "--files", "2", "--size", "3"]
    with TemporaryDirectory(prefix="b", dir="/tmp") as folder:
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, "TMPDIR": folder})
        assert done.returncode == 0, done.stderr
        values = {figure["name"]: figure["value"] for figure in map(json.loads, done.stdout.splitlines())}
        memory = {"web_before", "web_peak", "web_after", "web_growth", "web_own_growth", "looks_peak"}
        assert set(values) == {"files_each_way", "file_size", "uploads", "downloads", *memory}
        assert min(values["uploads"], values["downloads"], values["web_before"], values["looks_peak"]) > 0
        assert values["web_peak"] - values["web_before"] == pytest.approx(values["web_growth"], abs=0.02)
        assert list(Path(folder).iterdir()) == []
