"""Names of the built files: manifest.json of web/static/dist. Owns Assets. Imports Flask."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from flask import url_for

STATIC = Path(__file__).parent / "static"


class Assets:
    """Maps `app.js` to the address of the built file with its hash; notices a new build without a restart."""

    def __init__(self, folder: Path = STATIC / "dist") -> None:
        self._manifest = folder / "manifest.json"
        self._built = 0
        self._names: dict[str, str] = {}
        try:
            self._read()
        except OSError as error:
            raise SystemExit(f"The front end is not built ({error.strerror}: {self._manifest}): run `make setup`.") from None

    def __call__(self, name: str) -> str:
        # During a new build the manifest is away for a moment: the names of the last one serve until it is back.
        with suppress(OSError):
            self._read()
        return url_for("static", filename=f"dist/{self._names[name]}")

    def _read(self) -> None:
        built = self._manifest.stat().st_mtime_ns
        if built != self._built:
            self._names = json.loads(self._manifest.read_text(encoding="utf-8"))
            self._built = built
