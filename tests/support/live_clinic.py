"""A clinic with the real XMPP server and a real component process, which can be killed; the web is a stand-in."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clinic import Database
from tests.support.cast import NAMES, Cast
from tests.support.clinic import START_SECONDS, STOP_SECONDS
from tests.support.crowd import Member
from tests.support.databases import DATABASES, rows
from tests.support.ports import eventually
from tests.support.prosody import Prosody
from tests.support.stub_web import StubWeb


class LiveClinic:
    """A clinic with its cast, the real XMPP server, and a component that can be killed."""

    def __init__(self, folder: Path):
        self.server = Prosody(folder / "data", database_url=DATABASES.migrated(folder))
        layout, self.secrets = self.server.layout, self.server.secrets
        self.url = layout.database
        self.db = Database.open(self.url, run_dir=layout.folder("run"), pepper=bytes.fromhex(self.secrets["pepper"]))
        self.cast = Cast.in_(self.db)
        self.thread = self.cast.start("boris", "ana")
        self.room = f"{self.thread}@{layout.threads_domain}"
        self.ready = layout.folder("run") / "threads.ready"
        self.log = (layout.folder("log") / "threads.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        self.members: list[Member] = []
        self.web = StubWeb(layout.base_port, self.secrets["internal_token"])
        self.web.passwords = {(self.cast.handle(name), "secret"): f"d-{name}" for name in ("ana", "boris", "chen")}

    def start(self) -> None:
        """Starts the component, as the supervisor does after a crash."""
        self.process = subprocess.Popen([sys.executable, "-m", "xmpp_components"], stdout=self.log, stderr=self.log,
                                        env=self.server.layout.environment())

    def die(self) -> None:
        """Kills the component where it stands. Its mark that it serves goes with it, as the supervisor takes it away."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_SECONDS)
        self.ready.unlink(missing_ok=True)

    def kill(self) -> None:
        """Kills the component where it stands, and starts the next."""
        self.die()
        self.start()

    def untaken(self) -> int:
        """Returns how many bytes wait in the kernel for the XMPP server to read them from the component."""
        port = f":{self.server.layout.component_port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(port))

    def member(self, name: str) -> Member:
        """Returns a logged-in client of somebody, in the room."""
        handle = self.cast.handle(name)
        member = Member(self.server.client().log_in(handle, "secret"), self.room, NAMES[name][0], handle)
        member.stream.send("<presence/>")
        member.join()
        self.members.append(member)
        return member

    def archive(self) -> list[tuple[str, str]]:
        """Returns (archive id, client id) of every text, in the order of the log; read with a query of the test's own."""
        return [tuple(row) for row in rows(self.url, "SELECT uid, client_id FROM entries WHERE kind = 'text' ORDER BY seq")]

    def live(self) -> set[str]:
        """Returns the addresses that are stored as live."""
        return {address for (address,) in rows(self.url, "SELECT address FROM live_sessions")}

    def waiting(self, queue: str, *, name: str = "%", payload: str = "", claimed: bool = False) -> int:
        """Returns how many jobs of a queue are not done yet; `claimed`: of those that somebody has begun."""
        query = "SELECT count(*) FROM jobs WHERE queue = :queue AND name LIKE :name AND payload LIKE :payload AND attempts >= :attempts"
        [[number]] = rows(self.url, query, queue=queue, name=name, payload=f"%{payload}%", attempts=int(claimed))
        return int(number)

    def undelivered(self, name: str) -> int:
        """Returns how many entries that somebody may see do not count as delivered to them."""
        query = ("SELECT count(*) FROM entries e JOIN memberships m ON m.thread_id = e.thread_id JOIN accounts a ON a.id = m.account_id "
                 "WHERE a.handle = :handle AND e.seq > m.delivered_seq AND (e.audience = 'everyone' OR m.role != 'patient')")
        [[number]] = rows(self.url, query, handle=self.cast.handle(name))
        return int(number)

    def close(self) -> None:
        """Ends the clients and the component."""
        for member in self.members:
            member.stream.sock.close()
        if self.process:
            self.process.terminate()
            self.process.wait(STOP_SECONDS)
        self.log.close()
        self.db.engine.dispose()


@contextmanager
def live_clinic(folder: Path, without: str = "") -> Iterator[LiveClinic]:
    """Yields a clinic whose component serves; the XMPP server is `without` one of its modules."""
    place = LiveClinic(folder)
    if without:
        config = place.server.config
        config.write_text(config.read_text().replace(f'"{without}",', "", 1))
    with place.server, place.web:
        place.start()
        try:
            eventually(place.ready.exists, START_SECONDS, "the component serves")
            yield place
        finally:
            place.close()
