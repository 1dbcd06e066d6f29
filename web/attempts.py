"""From which network a log-in is tried, and the words about waiting. The counting is clinic's.

Owns network, waiting_words. Imports the standard library only.
"""

from __future__ import annotations

import ipaddress
import math

_MINUTE = 60
_IPV6_OF_ONE_PLACE = 64


def network(address: str | None) -> str:
    """Return the name of the place that an address belongs to: an IPv4 address, or all that one IPv6 connection may choose from."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "local"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed, _IPV6_OF_ONE_PLACE), strict=False))


def waiting_words(seconds: float) -> str:
    """Say how long to wait."""
    whole = math.ceil(seconds)
    if whole < _MINUTE:
        span = "1 second" if whole == 1 else f"{whole} seconds"
    else:
        minutes = math.ceil(whole / _MINUTE)
        span = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"After several wrong tries the next one is possible in {span}."
