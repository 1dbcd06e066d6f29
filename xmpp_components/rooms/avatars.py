"""Pictures of threads and of who is in them: two initials on a colour, drawn here, the same for ever. Owns no state but what it has drawn.

No photo of anybody leaves the clinic, and nothing is stored. Source: XEP-0153, XEP-0486; PNG (ISO 15948). Imports the standard library only.
"""

from __future__ import annotations

import functools
import hashlib
import struct
import unicodedata
import zlib
from collections.abc import Sequence

SIDE = 96
_SCALE = 6
_DRAWN = 4096

# Five pixels wide and seven high, a row a number: the capital letters and digits that initials are made of.
_LETTERS = {
    "A": (14, 17, 17, 31, 17, 17, 17), "B": (30, 17, 17, 30, 17, 17, 30), "C": (14, 17, 16, 16, 16, 17, 14), "D": (30, 17, 17, 17, 17, 17, 30),
    "E": (31, 16, 16, 30, 16, 16, 31), "F": (31, 16, 16, 30, 16, 16, 16), "G": (14, 17, 16, 23, 17, 17, 15), "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14), "J": (7, 2, 2, 2, 2, 18, 12), "K": (17, 18, 20, 24, 20, 18, 17), "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17), "N": (17, 25, 21, 19, 17, 17, 17), "O": (14, 17, 17, 17, 17, 17, 14), "P": (30, 17, 17, 30, 16, 16, 16),
    "Q": (14, 17, 17, 17, 21, 18, 13), "R": (30, 17, 17, 30, 20, 18, 17), "S": (15, 16, 16, 14, 1, 1, 30), "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14), "V": (17, 17, 17, 17, 17, 10, 4), "W": (17, 17, 17, 21, 21, 27, 17), "X": (17, 17, 10, 4, 10, 17, 17),
    "Y": (17, 17, 10, 4, 4, 4, 4), "Z": (31, 1, 2, 4, 8, 16, 31), "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 6, 8, 16, 31), "3": (30, 1, 1, 14, 1, 1, 30), "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (14, 16, 30, 17, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14), "9": (14, 17, 17, 15, 1, 1, 14),
}
_SOMEBODY = (14, 31, 31, 14, 14, 31, 31)  # for names in letters that are not drawn here
_WHOLE = str.maketrans("ØøŁłĐđÆæŒœ", "OoLlDdAaOo")  # letters that Unicode does not take apart
# White stands out on each of them (4.5:1 and more).
_COLOURS = ((13, 101, 95), (31, 99, 54), (122, 67, 0), (156, 35, 40), (88, 61, 150), (28, 84, 150), (120, 40, 110), (70, 82, 90))


def initials(name: str) -> str:
    """Returns: one or two capitals of a name, of its first and last word; "" where its letters are not drawn here."""
    plain = unicodedata.normalize("NFKD", name.translate(_WHOLE)).upper()
    words = [word for part in plain.replace("-", " ").split() if (word := "".join(letter for letter in part if letter in _LETTERS))]
    return words[0][0] + (words[-1][0] if len(words) > 1 else "") if words else ""


@functools.lru_cache(_DRAWN)
def picture(name: str) -> bytes:
    """Returns: the PNG of a person or a thread of that name."""
    colour = _COLOURS[hashlib.sha256(name.encode()).digest()[0] % len(_COLOURS)]
    letters = initials(name)
    return _png(_pixels([_LETTERS[letter] for letter in letters] or [_SOMEBODY]), colour)


@functools.lru_cache(_DRAWN)
def digest(name: str) -> str:
    """Returns: the SHA-1 of the picture, by which apps know whether they have it. Source: XEP-0153 section 3."""
    return hashlib.sha1(picture(name), usedforsecurity=False).hexdigest()


def _pixels(letters: Sequence[tuple[int, ...]]) -> list[int]:
    """Returns: the rows of the picture as numbers of SIDE bits; a bit that is set is white."""
    width = 6 * len(letters) - 1
    left, top = (SIDE - width * _SCALE) // 2, (SIDE - 7 * _SCALE) // 2
    rows = [0] * SIDE
    for line in range(7):
        bits = 0
        for letter in letters:
            bits = bits << 6 | letter[line]
        wide = 0
        for place in range(width):
            if bits >> place & 1:
                wide |= ((1 << _SCALE) - 1) << place * _SCALE
        for step in range(_SCALE):
            rows[top + line * _SCALE + step] = wide << SIDE - left - width * _SCALE
    return rows


def _png(rows: Sequence[int], colour: tuple[int, int, int]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    # One bit a pixel, with a palette of two colours; each row begins with its filter, none.
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 1, 3, 0, 0, 0)
    data = b"".join(b"\0" + row.to_bytes(SIDE // 8, "big") for row in rows)
    return b"".join((b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"PLTE", bytes((*colour, 255, 255, 255))),
                     chunk(b"IDAT", zlib.compress(data, 9)), chunk(b"IEND", b"")))
