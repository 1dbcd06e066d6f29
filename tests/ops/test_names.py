"""Hosts and domains that would half work are refused, and the refusal says what to write."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from clinic.config import is_this_machine
from ops import names
from ops.layout import Layout
from ops.problems import Problem
from ops.up import up


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0"])
def test_every_address_at_once_is_refused_with_an_example(host: str) -> None:
    with pytest.raises(Problem, match=r"Name the address by which people reach this machine, for example --host 192\.168\.1\.10"):
        names.check_host(host)


@pytest.mark.parametrize("host", ["", "a..b", "nowhere.example"])
def test_host_that_is_no_address_is_refused_in_words(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str, *_: object, **__: object) -> list[object]:
        name.encode("idna")
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Problem, match="neither an address nor a name"):
        names.check_host(host)


def test_name_that_a_machine_has_for_itself_is_refused_as_host(monkeypatch: pytest.MonkeyPatch) -> None:
    # Debian's installer writes such a line to /etc/hosts.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("127.0.1.1", 0))])
    with pytest.raises(Problem, match=r"the name vienna means the machine itself \(127\.0\.1\.1\)"):
        names.check_host("vienna")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "192.168.1.10", "fd00::2", "::1"])
def test_one_address_is_taken(host: str) -> None:
    names.check_host(host)


def test_domain_with_other_letters_is_refused_with_its_plain_form() -> None:
    with pytest.raises(Problem, match=r"--domain xn--klinik-mnchen-3ob\.example$"):
        names.check_domain("klinik-münchen.example")


@pytest.mark.parametrize(
    "domain", ["", "my clinic", "clinic_1.example", "-clinic.example", "clinic..example", "clinic.example.", "192.168.1.10", "x" * 64, "a." * 125]
)
def test_impossible_domain_is_refused_in_words(domain: str) -> None:
    with pytest.raises(Problem, match="cannot be the domain of XMPP addresses"):
        names.check_domain(domain)


@pytest.mark.parametrize("domain", ["localhost", "clinic.example", "xn--klinik-mnchen-3ob.example", "3-rivers.clinic"])
def test_ordinary_domain_is_taken(domain: str) -> None:
    names.check_domain(domain)


@pytest.mark.parametrize("wrong", [{"host": "0.0.0.0"}, {"domain": "klinik-münchen.example"}])
def test_start_with_a_wrong_name_leaves_no_folder(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(Problem):
        up(Layout(tmp_path / "data", 20000, **wrong), with_demo=False)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("host", "shared"),
    [
        ("127.0.0.1", "http://localhost:8600"),
        ("localhost", "http://localhost:8600"),
        ("::1", "http://localhost:8600"),
        ("192.168.1.10", "https://192.168.1.10:8601"),
        ("clinic.lan", "https://clinic.lan:8601"),
        ("fd00::2", "https://[fd00::2]:8601"),
    ],
)
def test_links_for_others_lead_to_the_network_that_the_clinic_serves(tmp_path: Path, host: str, shared: str) -> None:
    layout = Layout(tmp_path, 8600, host=host)
    assert layout.shared_url == shared
    assert layout.https_url in layout.origins
    assert is_this_machine(host) == (shared == layout.public_url)
