"""The keys of whoever takes payments: one file, read anew when it has changed, so that they rotate without a restart. May import `clinic`.

`bedside payments keys` writes it. Without it nobody takes payments online, and what is owed is paid at the desk.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clinic.config import Config
from clinic.payment.providers import Account, Provider, Unreachable

if TYPE_CHECKING:
    from web.gateways.stripe import StripeProvider

API = "https://api.stripe.com"
SECRET_KEY = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]{8,250}")
WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9+/=_-]{8,250}")


class Damaged(Unreachable):
    """The file of keys cannot be used, in words for the administrator. Until it is put right, whatever waits goes on waiting."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What the file holds. webhook_secrets: newest first. account: whose keys these were when they were written, as far as they told."""

    secret_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    api_base: str = API
    account: Account | None = None

    @property
    def test(self) -> bool:
        """Whether no real money moves."""
        return "_test_" in self.secret_key[:8]

    def text(self) -> str:
        """Return the file's text."""
        kept: dict[str, object] = {"secret_key": self.secret_key, "webhook_secrets": list(self.webhook_secrets)}
        if self.api_base != API:
            kept["api_base"] = self.api_base
        if self.account:
            kept["account"] = {"reference": self.account.reference, "name": self.account.name}
        return json.dumps(kept, indent=1) + "\n"


def why_no_key(text: str) -> str:
    """Return in words why `text` is no secret key, "" if it is one."""
    if SECRET_KEY.fullmatch(text):
        return ""
    if text.startswith("pk_"):
        return "This is the publishable key. The clinic needs the secret key (sk_…) or a restricted key (rk_…)."
    if text.startswith("whsec_"):
        return "This is a webhook secret, not the secret key (sk_… or rk_…)."
    return "This is no secret key of Stripe's: it begins with sk_test_, sk_live_, rk_test_ or rk_live_."


def is_base(url: str) -> bool:
    """Say whether `url` is where keys may be sent: Stripe itself, or a stand-in on this machine."""
    if url == API:
        return True
    try:
        parts = urlsplit(url)
        local = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
        return parts.scheme == "http" and local and parts.port is not None and parts.username is None and not (parts.path or parts.query or parts.fragment)
    except ValueError:
        return False


def parse(text: str) -> Keys:
    """Return what a file of keys holds. Raises: ValueError, with words that quote no secret."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("it is not one JSON object")
    key, secrets, base, account = (found.get(name) for name in ("secret_key", "webhook_secrets", "api_base", "account"))
    if not isinstance(key, str) or why_no_key(key):
        raise ValueError("its secret_key is none of Stripe's")
    if not isinstance(secrets, list) or not all(isinstance(one, str) and WEBHOOK_SECRET.fullmatch(one) for one in secrets):
        raise ValueError("its webhook_secrets are not a list of Stripe's")
    if base is not None and not (isinstance(base, str) and is_base(base)):
        raise ValueError(f"its api_base is neither {API} nor http on this machine")
    known = None
    if isinstance(account, dict):
        known = Account(str(account.get("reference", "")), str(account.get("name", "")), "_test_" in key[:8])
    return Keys(key, tuple(secrets), base or API, known)


def read(path: Path) -> Keys | None:
    """Return the keys in a file, None where there is no file. Raises: Damaged."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Damaged(f"The payment keys in {path} cannot be read ({error.strerror}). Give the file back to the user who starts the clinic.") from error
    except ValueError as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else error
        raise Damaged(f"The payment keys in {path} are damaged: {why}. Give them again: bedside payments keys") from error


class _Remembered:
    """What was read last from one file, and the provider made of it, for as long as the file is the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp: tuple[Path, int, int, int] | None = None
        self._keys: Keys | None = None
        self._provider: StripeProvider | None = None

    def keys(self, path: Path) -> Keys | None:
        with self._lock:
            return self._read(path)

    def provider(self, path: Path) -> StripeProvider | None:
        with self._lock:
            keys = self._read(path)
            if keys and self._provider is None:
                from web.gateways.stripe import StripeProvider  # its library takes 20 MB, for clinics that use it

                self._provider = StripeProvider(keys.secret_key, keys.api_base)
            return self._provider if keys else None

    def _read(self, path: Path) -> Keys | None:
        try:
            found = path.stat()
            stamp = (path, found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:  # absent, or out of reach: reading says which
            stamp = None
        if stamp is None or stamp != self._stamp:
            self._stamp, self._keys, self._provider = None, None, None
            self._keys = read(path)
            self._stamp = stamp
        return self._keys


_remembered = _Remembered()


def keys(config: Config) -> Keys | None:
    """Return the clinic's keys as they are now, None where nobody takes payments online. Raises: Damaged."""
    return _remembered.keys(config.payments_file)


def provider(config: Config) -> Provider | None:
    """Return who takes the clinic's payments online now, None where nobody does. Raises: Damaged."""
    return _remembered.provider(config.payments_file)


def webhook_secrets(config: Config) -> tuple[str, ...]:
    """Return the secrets by which webhooks may be signed now, newest first. Raises: Damaged."""
    found = keys(config)
    return found.webhook_secrets if found else ()
