"""What a clinic may be called: its domain, and the host by which a network reaches it. Standard library and clinic.config only."""

import ipaddress
import re
import socket

from clinic.config import is_this_machine
from ops.problems import Problem

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN = re.compile(rf"{LABEL}(?:\.{LABEL})*")
LONGEST_DOMAIN = 253 - len("threads.")
NAME_ONE = "Name the address by which people reach this machine, for example --host 192.168.1.10."


def check_host(host: str) -> None:
    """Raises Problem for what is no address of one place: certificate, links and the page's live feed need it."""
    try:
        found = {ipaddress.ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, ValueError) as error:
        raise Problem(f"--host {host or '(empty)'} is neither an address nor a name that this machine knows. {NAME_ONE}") from error
    if any(address.is_unspecified for address in found):
        raise Problem(f"--host {host} means every address, but certificate and links need one. {NAME_ONE}")
    if all(address.is_loopback for address in found) and not is_this_machine(host):
        raise Problem(f"On this machine the name {host} means the machine itself ({min(map(str, found))}); a network does not reach that. {NAME_ONE}")


def _plain(domain: str) -> str | None:
    """Returns how the domain name system writes a name with other than plain letters, None if it cannot."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return None


def check_domain(domain: str) -> None:
    """Raises Problem for what cannot be the domain of XMPP addresses."""
    if DOMAIN.fullmatch(domain) and len(domain) <= LONGEST_DOMAIN and not domain.rpartition(".")[2].isdigit():
        return
    words = f"--domain {domain or '(empty)'} cannot be the domain of XMPP addresses"
    plain = _plain(domain)
    if plain and plain != domain and DOMAIN.fullmatch(plain):
        raise Problem(f"{words}: XMPP apps and certificates do not agree on other letters than a to z. Write it --domain {plain}")
    raise Problem(f"{words}. Give it a name of the letters a to z, digits, hyphens and dots, for example --domain clinic.example")
