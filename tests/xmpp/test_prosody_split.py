"""Several processes behind the threads' host: mod_bedside_split and mod_bedside_wait with the real Prosody, processes as raw streams."""

import hashlib
import socket
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from clinic.config import component_keys
from tests.support.prosody import Prosody
from tests.support.raw_xmpp import CLIENT, Client, Component, Stream
from tests.support.stub_web import StubWeb
from xmpp_components.share import server_of

HOST, ACCEPT = "threads.localhost", "{jabber:component:accept}"
FEED, SERVER = "urn:bedside:feed:1", "urn:bedside:server:1"
PROCESSES = 3
FIRST, SECOND, THIRD = 1, 2, 3


@pytest.fixture(scope="module")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    with Prosody(tmp_path_factory.mktemp("prosody") / "data", components=PROCESSES) as server:
        yield server


@pytest.fixture
def processes(prosody: Prosody) -> Iterator[dict[int, Component]]:
    """All of them, connected."""
    with ExitStack() as open_ones:
        yield {number: open_ones.enter_context(prosody.component(number)) for number in range(1, PROCESSES + 1)}


@pytest.fixture
def people(prosody: Prosody, web: StubWeb) -> Iterator[dict[str, Client]]:
    with prosody.client() as ana, prosody.client() as boris:
        yield {"ana": ana.log_in("ana", "phone", "tab"), "boris": boris.log_in("boris", "desk", "desk")}


def room_of(number: int, other: int = 0) -> str:
    """Returns the node of a room that process `number` serves."""
    found = (f"{one:026d}" for one in range(1000) if server_of(f"{one:026d}", PROCESSES) == number)
    return [next(found) for _ in range(other + 1)][-1]


def heard(process: Component) -> list[ET.Element]:
    """Returns the stanzas that a process has got so far: those before the answer to a question of its own."""
    process.send(f"<iq type='get' id='so far' from='{HOST}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert process.receive(f"{ACCEPT}iq", id="so far").get("type") == "result"
    found, process.waiting = process.waiting, []
    return found


def got(process: Component) -> list[str]:
    """Returns the ids of the stanzas that a process has got so far; what the server says by itself of sessions that end has none."""
    return [id for one in heard(process) if (id := one.get("id"))]


def handled(client: Client) -> None:
    """Waits until the server has handled what a client sent."""
    client.ask("<iq type='get' id='handled' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="handled")


def opens(node: str = "feed-ana", thread: str = "", id: str = "tab") -> str:
    """Returns the presence by which a tab registers."""
    return f"<presence id='{id}' to='{node}@{HOST}'><feed xmlns='{FEED}' thread='{thread}'/></presence>"


def test_each_room_has_one_process_and_it_is_the_one_that_the_process_itself_expects(
    processes: dict[int, Component], people: dict[str, Client]
) -> None:
    ana = people["ana"]
    expected: dict[int, list[str]] = {number: [] for number in processes}
    for number in range(60):
        node = f"{number:026d}"
        ana.send(f"<message id='{node}' to='{node}@{HOST}' type='groupchat'/><presence id='{node}' to='{node}@{HOST}/Ana'/>")
        ana.send(f"<iq id='{node}' type='get' to='{node}@{HOST}/Ana'><query xmlns='urn:x'/></iq>")
        expected[server_of(node, PROCESSES)] += [node] * 3
    handled(ana)
    assert all(expected.values())
    assert {number: got(process) for number, process in processes.items()} == expected


def test_what_is_for_the_host_itself_goes_to_the_first_that_is_there(prosody: Prosody, people: dict[str, Client]) -> None:
    ana = people["ana"]
    with prosody.component(THIRD) as third, prosody.component(SECOND) as second:
        handled(ana)
        ana.send(f"<iq id='1' type='get' to='{HOST}'><query xmlns='urn:x'/></iq>")
        handled(ana)
        assert (got(second), got(third)) == (["1"], [])
        with prosody.component(FIRST) as first:
            ana.send(f"<iq id='2' type='get' to='{HOST}'><query xmlns='urn:x'/></iq>")
            handled(ana)
            assert (got(first), got(second), got(third)) == (["2"], [], [])


def test_a_stanza_passes_as_it_came_and_its_answer_goes_back(processes: dict[int, Component], people: dict[str, Client]) -> None:
    ana, room = people["ana"], f"{room_of(SECOND)}@{HOST}"
    ana.send(f"<message id='m' to='{room}' type='groupchat'><body>5 &lt; 6</body></message>")
    came = processes[SECOND].receive(f"{ACCEPT}message", id="m")
    assert (came.get("from"), came.get("to"), came.findtext(f"{ACCEPT}body")) == ("ana@localhost/tab", room, "5 < 6")
    processes[SECOND].send(f"<message id='e' from='{room}/Ana' to='ana@localhost/tab' type='groupchat'><body>6 &gt; 5</body></message>")
    assert ana.receive(f"{CLIENT}message", id="e").findtext(f"{CLIENT}body") == "6 > 5"


def test_what_comes_back_of_a_process_comes_back_to_it(processes: dict[int, Component]) -> None:
    for number, process in processes.items():
        process.send(f"<message id='lost' from='{room_of(FIRST)}@{HOST}/Ana' to='nobody@localhost/gone' type='groupchat'><body>hi</body></message>")
        assert process.receive(f"{ACCEPT}message", id="lost").get("type") == "error"
        assert all(got(other) == [] for other in processes.values()), number


def test_all_processes_are_told_of_a_persons_own_tab_until_it_is_gone(processes: dict[int, Component], people: dict[str, Client]) -> None:
    ana = people["ana"]
    ana.send(opens(thread=room_of(SECOND)))
    handled(ana)
    assert [got(process) for process in processes.values()] == [["tab"]] * 3
    ana.send(f"<presence id='end' type='unavailable' to='feed-ana@{HOST}'/>")
    handled(ana)
    assert [got(process) for process in processes.values()] == [["end"]] * 3
    ana.send(opens())
    handled(ana)
    ana.sock.close()
    for process in processes.values():
        process.receive(f"{ACCEPT}presence", type="unavailable", to=f"feed-ana@{HOST}")


def test_what_else_is_for_a_feed_has_one_process(processes: dict[int, Component], people: dict[str, Client]) -> None:
    boris, home = people["boris"], server_of("feed-ana", PROCESSES)
    boris.send(opens(id="not his"))
    boris.send(f"<iq id='question' type='get' to='feed-ana@{HOST}'><query xmlns='urn:x'/></iq>")
    boris.send(f"<message id='words' to='feed-ana@{HOST}'><body>hello</body></message>")
    handled(boris)
    expected: dict[int, list[str]] = {number: ["not his", "question", "words"] if number == home else [] for number in processes}
    assert {number: got(process) for number, process in processes.items()} == expected
    for number in processes:
        boris.send(f"<message id='typing' to='feed-boris@{HOST}'><typing xmlns='{FEED}' thread='{room_of(number)}' state='composing'/></message>")
        handled(boris)
        assert {other: got(process) for other, process in processes.items()} == {other: ["typing"] if other == number else [] for other in processes}


def test_a_process_that_comes_back_is_told_of_the_tabs_that_are_there(prosody: Prosody, processes: dict[int, Component], people: dict[str, Client]) -> None:
    ana, boris, thread = people["ana"], people["boris"], room_of(SECOND)
    ana.send(opens(thread="x" * 1000))
    ana.send(opens(thread=thread))
    boris.send(opens("feed-boris", thread))
    boris.send(f"<presence type='unavailable' to='feed-boris@{HOST}'/>")
    handled(ana)
    handled(boris)
    with prosody.component(SECOND) as successor:
        [told] = heard(successor)
        assert (told.get("from"), told.get("to"), told.get("type")) == ("ana@localhost/tab", f"feed-ana@{HOST}", None)
        assert told.find(f"{{{FEED}}}feed").get("thread") == thread
        assert told.find(f"{{{SERVER}}}again") is not None
        assert all(one.find(f"{{{SERVER}}}again") is None for one in heard(processes[FIRST]))


def test_while_a_process_is_away_its_share_waits_in_order_and_the_others_go_on(
    prosody: Prosody, processes: dict[int, Component], people: dict[str, Client]
) -> None:
    ana, rooms = people["ana"], {number: f"{room_of(number)}@{HOST}" for number in processes}
    processes[SECOND].sock.close()
    handled(ana)
    for text in range(5):
        for number, room in rooms.items():
            ana.send(f"<message id='{number}-{text}' to='{room}' type='groupchat'><body>{text}</body></message>")
    ana.send(opens())
    handled(ana)
    for number in (FIRST, THIRD):
        assert [id for id in got(processes[number]) if id != "tab"] == [f"{number}-{text}" for text in range(5)]
    with prosody.component(SECOND) as successor:
        ana.send(f"<message id='2-5' to='{rooms[SECOND]}' type='groupchat'><body>5</body></message>")
        handled(ana)
        assert [id for id in got(successor) if id != "tab"] == [f"2-{text}" for text in range(6)]
    assert ana.waiting == []


def test_a_process_is_known_by_its_own_secret_only(prosody: Prosody, processes: dict[int, Component]) -> None:
    layout, secret = prosody.layout, prosody.secrets["component_secret"]
    of_two = component_keys(secret, 2)
    for wrong in (secret, of_two[0], of_two[1], "", component_keys(secret, PROCESSES)[0].upper()):
        with Stream(socket.create_connection(("127.0.0.1", layout.component_port)), layout.threads_domain, "jabber:component:accept") as stranger:
            while not stranger.id:
                stranger.pump(5)
            stranger.send(f"<handshake>{hashlib.sha1(f'{stranger.id}{wrong}'.encode()).hexdigest()}</handshake>")
            assert stranger.wait_closed().error == "not-authorized"
    assert all(got(process) == [] for process in processes.values())


def test_a_new_process_replaces_the_one_of_its_number_and_no_other(prosody: Prosody, processes: dict[int, Component]) -> None:
    with prosody.component(SECOND) as successor:
        assert processes[SECOND].wait_closed().error == "conflict"
        assert [got(process) for process in (processes[FIRST], successor, processes[THIRD])] == [[], [], []]


@pytest.mark.parametrize("foreign", ["ana@localhost", "localhost", "room@c1.threads.localhost", "x.threads.localhost", "evil.example"])
def test_a_process_speaks_for_the_threads_and_for_nobody_else(prosody: Prosody, people: dict[str, Client], foreign: str) -> None:
    with prosody.component(FIRST) as process:
        process.send(f"<message id='forged' from='{foreign}' to='ana@localhost/tab'><body>believe me</body></message>")
        assert process.wait_closed().error == "invalid-from"
    handled(people["ana"])
    assert people["ana"].waiting == []


def test_a_client_cannot_take_a_processs_place(prosody: Prosody, processes: dict[int, Component], people: dict[str, Client]) -> None:
    ana = people["ana"]
    ana.send(f"<handshake xmlns='jabber:component:accept' to='{HOST}'>{'0' * 40}</handshake>")
    assert ana.wait_closed().error == "unsupported-stanza-type"
    assert all(got(process) == [] for process in processes.values())


def test_a_client_reaches_no_process_but_through_the_threads_own_addresses(processes: dict[int, Component], people: dict[str, Client]) -> None:
    ana = people["ana"]
    for host in ("c1.threads.localhost", "threads-1.localhost", "1.threads.localhost"):
        refused = ana.ask(f"<iq id='{host}' type='get' to='{room_of(FIRST)}@{host}'><query xmlns='urn:x'/></iq>", id=host)
        assert refused.find("{*}error/{*}not-allowed") is not None
    assert all(got(process) == [] for process in processes.values())
    items = ana.ask("<iq id='i' type='get' to='localhost'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>", id="i")
    assert [item.get("jid") for item in items.iter("{http://jabber.org/protocol/disco#items}item")] == [HOST]


@pytest.mark.slow
def test_when_a_process_stays_away_its_share_is_refused_and_pages_learn_that_not_all_is_served(
    prosody: Prosody, processes: dict[int, Component], people: dict[str, Client]
) -> None:
    ana, boris, away = people["ana"], people["boris"], server_of("feed-boris", PROCESSES) % PROCESSES + 1
    processes[away].sock.close()
    handled(ana)
    ana.send(f"<message id='m' to='{room_of(away)}@{HOST}' type='groupchat'><body>hi</body></message>")
    refused = ana.receive(f"{CLIENT}message", id="m", type="error")
    assert refused.find("{*}error/{*}remote-server-timeout") is not None
    boris.send(opens("feed-boris"))
    refused = boris.receive(f"{CLIENT}presence", id="tab", type="error")
    assert refused.find("{*}error/{*}remote-server-timeout") is not None
    there = next(number for number in processes if number != away)
    ana.send(f"<message id='m2' to='{room_of(there)}@{HOST}' type='groupchat'><body>hi</body></message>")
    handled(ana)
    assert got(processes[there]) == ["m2"]
    with prosody.component(away):
        boris.send(opens("feed-boris", id="tab again"))
        handled(boris)
        assert got(processes[there]) == ["tab again"]
