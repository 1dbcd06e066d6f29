"""`bedside up` with every real part: what ready.json promises, restarts, a second start, an empty clinic."""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.deployment import recall
from ops.parts import all_parts
from tests.support import postgres
from tests.support.clinic import RunningClinic
from tests.support.ports import eventually
from tests.support.raw_xmpp import SASL, Client

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration."""
    with RunningClinic(tmp_path_factory.mktemp("up") / "data", "--demo") as one:
        yield one


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `bedside` to its end."""
    return subprocess.run([sys.executable, "-m", "ops", *arguments], capture_output=True, text=True, timeout=60)


def fetch(url: str, ca: str | None = None) -> tuple[int, str]:
    """Returns status and text."""
    context = ssl.create_default_context(cafile=ca) if ca else None
    with urllib.request.urlopen(url, timeout=10, context=context) as answer:
        return answer.status, answer.read().decode()


def test_ready_file_tells_all_that_a_client_needs(clinic: RunningClinic) -> None:
    ready = clinic.ready
    assert ready["web"] == f"http://localhost:{clinic.base_port}"
    assert set(ready["pids"]) >= {"web", "threads", "xmpp", "worker"}
    assert {name: account["role"] for name, account in ready["accounts"].items()} == {
        "ana": "patient",
        "ada": "patient",
        "boris": "practitioner",
        "bella": "practitioner",
        "chen": "coordinator",
        "dina": "admin",
    }
    assert all(account["password"] and account["totp"] is None for account in ready["accounts"].values())
    assert set(ready["threads"]) == {"ana-boris", "ada-bella", "boris-bella", "care-of-ada"}
    for thread in ready["threads"].values():
        assert thread["room"] == f"{thread['uid']}@threads.localhost"
        assert thread["url"] == f"/threads/{thread['uid']}"


def test_web_answers_by_http_and_by_tls(clinic: RunningClinic) -> None:
    assert fetch(f"{clinic.ready['web']}/healthz")[0] == 200
    assert fetch(f"{clinic.ready['https']}/healthz", clinic.ready["ca"])[0] == 200
    status, page = fetch(f"{clinic.ready['https']}/login", clinic.ready["ca"])
    assert status == 200
    assert 'name="email"' in page
    assert 'name="password"' in page


def test_connections_on_which_nothing_comes_keep_nobody_waiting(clinic: RunningClinic) -> None:
    with contextlib.ExitStack() as silent:  # as browsers open them ahead
        for _ in range(200):
            silent.enter_context(socket.create_connection(("127.0.0.1", clinic.base_port)))
        assert fetch(f"{clinic.ready['web']}/healthz")[0] == 200


def test_requests_that_never_come_whole_hold_nobody_up_for_good(clinic: RunningClinic) -> None:
    with contextlib.ExitStack() as stuck:
        for _ in range(40):  # more than there are threads
            connection = stuck.enter_context(socket.create_connection(("127.0.0.1", clinic.base_port)))
            connection.sendall(b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nemail")
        with urllib.request.urlopen(f"{clinic.ready['web']}/healthz", timeout=60) as answer:
            assert answer.status == 200


def test_internal_routes_are_not_reached_through_the_tls_front(clinic: RunningClinic) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(f"{clinic.ready['https']}/internal/xmpp/exists?user=x", clinic.ready["ca"])
    refused.value.close()
    assert refused.value.code == 404


def test_device_passwords_work_and_account_passwords_do_not(clinic: RunningClinic) -> None:
    for name in ("ana", "ada", "boris", "bella", "chen"):
        clinic.xmpp(name).sock.close()
    account = clinic.ready["accounts"]["ana"]
    with Client(clinic.ready["xmpp"]["direct_tls_port"], Path(clinic.ready["ca"])) as client:
        assert client.authenticate(account["jid"].partition("@")[0], account["password"]).tag == f"{SASL}failure"


@pytest.mark.parametrize("name", ["web", "threads", "worker", "xmpp", "https"])
def test_killed_part_is_running_again_soon(clinic: RunningClinic, name: str) -> None:
    before = clinic.ready["pids"]
    os.kill(before[name], signal.SIGKILL)
    eventually(lambda: (clinic.ready_or_none() or {"pids": before})["pids"][name] != before[name], 20, f"{name} again")
    assert fetch(f"{clinic.ready['https']}/healthz", clinic.ready["ca"])[0] == 200
    clinic.xmpp("boris").sock.close()


@pytest.mark.parametrize("name", ["web", "xmpp", "https"])
def test_part_that_hangs_does_not_answer_and_only_it(clinic: RunningClinic, name: str) -> None:
    layout = recall(clinic.data)
    parts = {part.name: part for part in all_parts(layout, clinic.data, clinic.data)}
    group = clinic.ready["pids"][name]
    assert parts[name].answers(5.0)
    os.killpg(group, signal.SIGSTOP)
    try:
        assert {key: part.answers(5.0 if key != name else 0.5) for key, part in parts.items()} == {key: key != name for key in parts}
    finally:
        os.killpg(group, signal.SIGCONT)
    eventually(lambda: parts[name].answers(5.0), what=f"an answer of {name}")


def test_doctor_finds_a_running_clinic_well(clinic: RunningClinic) -> None:
    examined = command("doctor", "--data", str(clinic.data))
    assert examined.returncode == 0, examined.stdout + examined.stderr
    assert "All is well" in examined.stdout
    assert "ok  files are read by a process that reaches no network, no files and no programs" in examined.stdout
    assert "ok  no virus scanner looks at files" in examined.stdout


def test_doctor_explains_what_is_wrong(clinic: RunningClinic) -> None:
    secret = clinic.data / "secrets" / "pepper"
    secret.chmod(0o644)
    try:
        examined = command("doctor", "--data", str(clinic.data))
    finally:
        secret.chmod(0o600)
    assert examined.returncode == 1
    assert f"chmod -R go= {secret}" in examined.stdout


def test_two_clinics_run_side_by_side_and_one_stops_cleanly(clinic: RunningClinic, tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data") as other:
        assert fetch(f"{other.ready['web']}/healthz")[0] == 200
        assert fetch(f"{clinic.ready['web']}/healthz")[0] == 200
        assert other.ready["accounts"] == {}
        pids = other.ready["pids"].values()
        assert other.stop() == 0
        assert other.ready_or_none() is None
        assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
        for name in ("web.sock", "threads.ready", "worker.ready"):
            assert not (other.data / "run" / name).exists()
    assert fetch(f"{clinic.ready['web']}/healthz")[0] == 200


def test_several_processes_serve_the_threads_and_another_start_has_another_number(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data", "--demo", "--components", "2") as two:
        assert {name for name in two.ready["pids"] if name.startswith("threads")} == {"threads-1", "threads-2"}
        two.xmpp("ana").sock.close()
        examined = command("doctor", "--data", str(two.data))
        assert examined.returncode == 0, examined.stdout
        assert "threads-2 is at work" in examined.stdout
        (two.data / "run" / "threads-2.ready").unlink()
        assert "threads-2.log" in command("doctor", "--data", str(two.data)).stdout
        assert two.stop() == 0
        assert not list((two.data / "run").glob("threads*.ready"))
    with RunningClinic(tmp_path / "data", base_port=two.base_port) as one:
        assert {name for name in one.ready["pids"] if name.startswith("threads")} == {"threads"}
        examined = command("doctor", "--data", str(one.data))
        assert examined.returncode == 0, examined.stdout


@pytest.mark.parametrize("number", ["0", "17", "two", "-1"])
def test_a_number_of_processes_that_makes_no_sense_is_refused(tmp_path: Path, number: str) -> None:
    refused = command("up", "--data", str(tmp_path / "data"), "--components", number)
    assert refused.returncode == 2
    assert "--components" in refused.stderr


def test_path_with_blanks_serves(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "A's 1; ü#{}", "--demo") as clinic:
        assert fetch(f"{clinic.ready['https']}/healthz", clinic.ready["ca"])[0] == 200
        clinic.xmpp("ana").sock.close()
        examined = command("doctor", "--data", str(clinic.data))
        assert examined.returncode == 0, examined.stdout
        assert command("account", "list", "--data", str(clinic.data)).stdout.count("@") == len(clinic.ready["accounts"])


def test_postgresql_serves_as_database(tmp_path: Path, postgres_server: Path) -> None:
    with (
        postgres.database(postgres_server, "up") as url,
        RunningClinic(tmp_path / "data", "--demo", "--database-url", url) as clinic,
    ):
        clinic.xmpp("ana").sock.close()
        assert not (clinic.data / "clinic.sqlite3").exists()
        examined = command("doctor", "--data", str(clinic.data))
        assert examined.returncode == 0, examined.stdout


def test_on_a_network_only_tls_is_offered(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data", "--host", "127.0.0.2") as shown:
        assert shown.ready["https"] == f"https://127.0.0.2:{shown.base_port + 1}"
        assert fetch(f"{shown.ready['https']}/healthz", shown.ready["ca"])[0] == 200
        assert fetch(f"{shown.ready['web']}/healthz")[0] == 200
        for port in (shown.base_port, shown.base_port + 4, shown.base_port + 5):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.2", port), 5)
        socket.create_connection(("127.0.0.2", shown.base_port + 2), 5).close()


def test_empty_clinic_gives_a_link_that_works_and_has_no_account(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data") as empty:
        eventually(lambda: "/setup/" in empty.said(), what="the set-up link")
        (link,) = [word for word in empty.said().split() if "/setup/" in word]
        assert fetch(link)[0] == 200
        assert command("account", "list", "--data", str(empty.data)).stdout == ""
        logs = "".join(path.read_text() for path in (empty.data / "log").glob("*.log"))
        assert link.rpartition("/")[2] not in logs


def test_second_start_keeps_everything(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data", "--demo") as first:
        before = {key: first.ready[key] for key in ("accounts", "threads", "ca")}
        authority = Path(first.ready["ca"]).read_bytes()
    with RunningClinic(tmp_path / "data", "--demo", base_port=first.base_port) as second:
        assert {key: second.ready[key] for key in before} == before
        assert Path(second.ready["ca"]).read_bytes() == authority


def test_cut_off_demonstration_is_completed_at_the_next_start(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data", "--demo") as first:
        threads = first.ready["threads"]
    state = tmp_path / "data" / "secrets" / "demo.json"
    content = json.loads(state.read_text())
    content["threads"].popitem()
    content["accounts"].pop("dina")
    state.write_text(json.dumps(content))
    with RunningClinic(tmp_path / "data", "--demo", base_port=first.base_port) as second:
        assert second.ready["threads"] == threads
        assert second.ready["accounts"]["dina"]["password"]


def test_passwords_are_not_in_the_logs(clinic: RunningClinic) -> None:
    clinic.xmpp("ana").sock.close()
    logs = "".join(path.read_text() for path in (clinic.data / "log").glob("*.log*"))
    for account in clinic.ready["accounts"].values():
        assert account["password"] not in logs
        assert not account["device_password"] or account["device_password"] not in logs
