"""What stays of a start: a small process that knows its plan, and nothing of what prepared it."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

from ops import PROJECT

LARGE = ("clinic", "sqlalchemy", "flask", "alembic", "cryptography", "click")


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Runs Python code to its end, where the project is."""
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, cwd=PROJECT)


def test_supervisor_imports_the_standard_library_only() -> None:
    done = run("import json, sys, ops.supervise; print(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    assert not set(LARGE) & {name.partition(".")[0] for name in json.loads(done.stdout)}


def test_whoever_prepares_a_clinic_becomes_its_supervisor(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    done = run(f"""
        import os, signal, sys
        from pathlib import Path
        from ops.process import Part
        from ops.supervise import become
        from ops.supervisor import Plan
        lock = os.open({str(tmp_path / "lock")!r}, os.O_RDWR | os.O_CREAT)
        # The only part of this clinic ends it: its grandparent is whoever started the launcher.
        end = f"import os, signal; os.kill({{os.getpid()}}, signal.SIGTERM); signal.pause()"
        parts = (Part("xmpp", (sys.executable, "-c", end)),)
        print("prepared by", os.getpid(), flush=True)
        become(Plan(Path({str(tmp_path)!r}), dict(os.environ), parts, {{"web": "here"}}, ("At the start.",), "welcome, secret"), lock)
    """)
    assert done.returncode == 0, done.stderr
    assert "At the start." in done.stdout
    assert "welcome, secret" in done.stdout
    assert "Stopped." in done.stdout
    log = (tmp_path / "log" / "supervisor.log").read_text()
    assert "At the start." in log
    assert "secret" not in log


def test_part_that_never_starts_is_told_in_words_and_by_the_exit_code(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    done = run(f"""
        import os, sys
        from pathlib import Path
        from ops.process import Part
        from ops.supervise import become
        from ops.supervisor import Plan
        lock = os.open({str(tmp_path / "lock")!r}, os.O_RDWR | os.O_CREAT)
        parts = (Part("xmpp", (sys.executable, "-c", "import sys; print('it is broken'); sys.exit(3)"), mark=Path({str(tmp_path / "mark")!r})),)
        become(Plan(Path({str(tmp_path)!r}), dict(os.environ), parts, {{}}), lock)
    """)
    assert done.returncode == 1
    assert "Cannot go on: xmpp does not start" in done.stderr
    assert "it is broken" in done.stderr
    assert "Traceback" not in done.stderr
