"""Secrets of one clinic: random, one file each, mode 0600, made at the first start and never overwritten. Standard library only."""

import os
import re
import secrets
from pathlib import Path

from ops.problems import Problem

NAMES = ("pepper", "flask_key", "component_secret", "internal_token", "files_key")
LOST_WITH = {
    "pepper": "every device password, log-in and open link is void then, and the audit log's seal does not hold any more",
    "flask_key": "everybody has to log in again then",
    "component_secret": "nobody notices that",
    "internal_token": "nobody notices that",
    "files_key": "no file that people have sent until now can be opened then, nor can one from a backup",
}


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
    # The name too must be on the disk: without the pepper's file a start after a power cut would make another one.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> str:
    """Returns a secret, 64 hexadecimal digits. Raises Problem when the file is not as a start wrote it."""
    try:
        found = path.read_text(errors="replace").strip()
    except OSError as error:
        raise Problem(f"The secret {path} cannot be read ({error.strerror}). Give it back to the user who starts the clinic, or restore it.") from error
    if not re.fullmatch(r"[0-9a-fA-F]{64}", found):
        raise Problem(
            f"The secret {path} is {'damaged: it is not 64 hexadecimal digits' if found else 'empty'}. Restore it from a backup. "
            f"Without one, remove it, and the next start makes another; {LOST_WITH[path.name]}."
        )
    return found


def ensure(folder: Path) -> dict[str, str]:
    """Makes the secrets that are missing. Returns name → 64 hexadecimal digits.

    Raises Problem for one that is damaged, and where another key would close people's files for ever.
    """
    found = {}
    for name in NAMES:
        path = folder / name
        if not path.exists():
            if name == "files_key" and any((folder.parent / "files").glob("*")):
                raise Problem(
                    f"The secret {path} is missing, and {folder.parent / 'files'} holds files that only it opens. Restore it from a backup. "
                    "Without one, move that folder away: what is in it can be opened by nobody."
                )
            write_private(path, secrets.token_hex(32))
        found[name] = read(path)
    return found
