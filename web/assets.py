"""Names of the built files: manifest.json of web/static/dist, read once. Owns Assets. Imports Flask."""

from __future__ import annotations

import json
from pathlib import Path

from flask import url_for

STATIC = Path(__file__).parent / "static"


class Assets:
    """Maps `app.js` to the address of the built file with its hash."""

    def __init__(self, folder: Path = STATIC / "dist") -> None:
        try:
            self._names: dict[str, str] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise SystemExit(f"The front end is not built ({error.strerror}: {folder / 'manifest.json'}): run `make setup`.") from None

    def __call__(self, name: str) -> str:
        return url_for("static", filename=f"dist/{self._names[name]}")
