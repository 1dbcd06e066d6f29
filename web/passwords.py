"""Account passwords: hashing and checking with argon2id, outside any transaction, and what a new one must be.

Owns hash_password, verify_password, problem_with. Imports argon2-cffi. Parameters are OWASP's for bounded memory
(19 MiB, two passes, one lane); as eight are done at once at most, they stay below 160 MiB.
"""

from __future__ import annotations

import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 12
MAX_LENGTH = 1024
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = threading.BoundedSemaphore(8)
# Checked when there is no account, so that an unknown address takes as long as a wrong password.
_DUMMY = _HASHER.hash("the account that does not exist")

# What people choose when they are asked for twelve characters; compared without blanks, digits at the end and case.
_COMMON = frozenset(
    "passwordpassword password passwort passwortpasswort letmein letmeinletmein qwertyuiop qwertyuiopasdf qwertyqwerty "
    "qwertzuiop qwertzqwertz asdfghjkl asdfghjklqwerty iloveyou iloveyouiloveyou administrator adminadmin adminadminadmin "
    "welcomewelcome welcome changeme changemechangeme changemenow secretsecret trustno correcthorsebatterystaple "
    "bedside bedsidebedside clinicclinic hospital hospitalhospital doctordoctor patientpatient practitioner abcdefghijkl "
    "abcdefghijklm zxcvbnm zxcvbnmasdfgh qazwsxedcrfv qazwsxedc monkeymonkey dragondragon sunshinesunshine superman "
    "footballfootball baseballbaseball princessprincess masterpassword mypassword thisismypassword passwordispassword".split()
)


def hash_password(password: str) -> str:
    """Return the argon2id hash that clinic stores."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def verify_password(stored: str | None, password: str) -> tuple[bool, str | None]:
    """Say whether `password` fits the hash `stored` (None: no such account), and give a new hash if parameters changed."""
    try:
        with _AT_ONCE:
            _HASHER.verify(stored or _DUMMY, password[:MAX_LENGTH])
    except (VerificationError, InvalidHashError):
        return False, None
    if stored is None:
        return False, None
    return True, hash_password(password) if _HASHER.check_needs_rehash(stored) else None


def problem_with(password: str, *, about: tuple[str | None, ...] = ()) -> str | None:
    """Say in words what is wrong with a new password, or None. `about`: the person's own name and e-mail address."""
    if len(password) < MIN_LENGTH:
        return f"This password has {len(password)} characters; it needs at least {MIN_LENGTH}. Several words in a row are easy to keep in mind."
    if len(password) > MAX_LENGTH:
        return f"This password is longer than {MAX_LENGTH} characters."
    plain = "".join(password.split()).casefold()
    own = {"".join(text.split()).casefold() for text in about if text}
    if plain.rstrip("0123456789!?.") in _COMMON | own or plain in own:
        return "This password is among the first that anybody would try. Choose another."
    if len(set(plain)) < 5:
        return "This password repeats too few characters. Choose another."
    return None
