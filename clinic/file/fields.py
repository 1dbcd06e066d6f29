"""Declared fields of what people upload. Imports clinic.fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from clinic.errors import Invalid
from clinic.fields import Field
from clinic.file.names import NAMELESS, safe_name

_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}")


@dataclass(frozen=True, slots=True)
class FileName(Field):
    """The name of a file: made safe, never refused for its form. Never in the audit log: it may say what somebody has."""

    audited: bool = False

    def check(self, raw: Any) -> str:
        return safe_name(raw) if isinstance(raw, str) and len(raw) <= 4096 else NAMELESS


@dataclass(frozen=True, slots=True)
class MediaType(Field):
    """What a sender says that a file is; "" for what is none of the form type/subtype. It decides nothing: the content does."""

    def check(self, raw: Any) -> str:
        given = str(raw).partition(";")[0].strip().lower()
        return given if _MEDIA_TYPE.fullmatch(given) else ""


@dataclass(frozen=True, slots=True)
class SizeBytes(Field):
    """How many bytes something has, 1 or more."""

    def check(self, raw: Any) -> int:
        text = str(raw).strip()
        if isinstance(raw, bool) or not text.isascii() or not text.isdecimal() or len(text) > 15:
            raise Invalid(f"{self.label or self.name}: say the number of bytes.", field=self.name)
        return int(text)


ANNOUNCED = (FileName("name", "Name"), SizeBytes("size_bytes", "Size"), MediaType("media_type", required=False))
"""What whoever announces bytes that will come says of them, whatever they are for."""
