"""How threads are dealt to processes, and how a process says which it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from clinic.config import Config, component_keys
from clinic.storage import new_uid
from ops import keys
from ops.layout import Layout
from xmpp_components.share import Share, server_of

SECRET = "5a" * 32


@pytest.mark.parametrize("processes", [2, 3, 16])
def test_each_thread_has_one_process_and_each_process_about_as_many(processes: int) -> None:
    shares = [Share(number, processes) for number in range(1, processes + 1)]
    dealt = [0] * processes
    for uid in (new_uid() for _ in range(1000 * processes)):
        [number] = [number for number, share in enumerate(shares) if share.has(uid)]
        assert number == server_of(uid, processes) - 1
        dealt[number] += 1
    assert all(800 < count < 1200 for count in dealt)


def test_one_process_alone_has_everything() -> None:
    assert all(Share(1, 1).has(node) for node in ("", "feed-x", new_uid()))


def test_no_two_processes_have_the_same_secret_whatever_their_number() -> None:
    found = [key for components in range(1, 17) for key in component_keys(SECRET, components)]
    assert len(set(found)) == len(found)
    assert component_keys(SECRET, 1) == (SECRET,)


@pytest.mark.parametrize(
    ("components", "number", "words"),
    [("2", "3", "no process 3"), ("1", "0", "no process 0"), ("0", "1", "from 1 to 16"), ("17", "1", "from 1 to 16"), ("two", "1", "from 1 to 16")],
)
def test_a_process_that_is_none_of_these_does_not_start(tmp_path: Path, components: str, number: str, words: str) -> None:
    layout = Layout(tmp_path, 20000)
    keys.ensure(layout.folder("secrets"))
    environment = layout.environment() | {"BEDSIDE_COMPONENTS": components}
    ended = subprocess.run([sys.executable, "-m", "xmpp_components", number], env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_names_of_several_processes_tell_them_apart(tmp_path: Path) -> None:
    layout = Layout(tmp_path, 20000, components=2)
    keys.ensure(layout.folder("secrets"))
    assert Config.from_environ(layout.environment()).component_names == ("threads-1", "threads-2")
    assert Config.from_environ(Layout(tmp_path, 20000).environment()).component_names == ("threads",)
