"""Secrets of one clinic: random, one file each, mode 0600, made at the first start. Standard library only."""

import os
import secrets
from pathlib import Path

NAMES = ("pepper", "flask_key", "component_secret", "internal_token")


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, all at once: a crash leaves the old one or the new one."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def ensure(folder: Path) -> dict[str, str]:
    """Makes the secrets that are missing. Returns name → 64 hexadecimal digits."""
    found = {}
    for name in NAMES:
        path = folder / name
        if not path.exists():
            write_private(path, secrets.token_hex(32))
        found[name] = path.read_text().strip()
    return found
