"""Lines of a file for spreadsheets (CSV): UTF-8, comma, quoted where needed. Owns Sheet. Imports the standard library only.

A spreadsheet takes a cell that begins with = + - @ for a formula and computes it: text that people chose is kept from that.
Source: RFC 4180; OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_MARK = "\ufeff"  # by it spreadsheets know UTF-8 and show names right


class Sheet:
    """A file as it is written, line by line. columns: their names. zone: in which instants are told."""

    def __init__(self, columns: Sequence[str], zone: ZoneInfo) -> None:
        self._columns, self._zone = columns, zone

    def head(self) -> str:
        """Return the first line, which names the columns."""
        return _MARK + self.line(self._columns)

    def line(self, values: Sequence[Any]) -> str:
        """Return a line: numbers in plain digits, dates and instants in ISO 8601 (instants with their offset), nothing for None."""
        written = io.StringIO()
        csv.writer(written, lineterminator="\r\n").writerow([self._cell(value) for value in values])
        return written.getvalue()

    def _cell(self, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, datetime):
            return value.astimezone(self._zone).isoformat(timespec="seconds")
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, int):
            return str(value)
        text = str(value)
        return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
