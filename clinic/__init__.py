"""Bedside's domain: every rule, in one folder a capability. See README.md beside this file.

Imports SQLAlchemy and the standard library only. Importing this package declares every table, kind, action and view.
"""

from __future__ import annotations

import importlib

from clinic import errors
from clinic.actions import ACTIONS, VIEWS
from clinic.calls import Actor, Call, Done, Door
from clinic.config import VERSION, Config
from clinic.database import Database
from clinic.kinds import KINDS
from clinic.permissions import Permission, Role, can, missing_rows
from clinic.storage import metadata
from clinic.work import Work

# In dependency order; each names the modules that declare something.
CAPABILITIES: dict[str, tuple[str, ...]] = {
    "account": ("tables", "actions", "set_up", "attempts", "sessions", "views", "people", "admin"),
    "thread": ("tables", "kinds", "actions", "marks", "claims", "waiting", "links", "names", "live", "listing", "views", "archive", "bookmarks", "relay"),
    "text": ("tables", "kinds", "actions", "amend", "scheduled", "forward"),
    "group": ("kinds", "managing", "inviting", "leaving", "sharing", "views"),
    "status": ("tables", "kinds", "actions", "views"),
    "saved_reply": ("tables", "actions", "views"),
    "note": ("actions",),
    "urgent": ("tables", "kinds", "actions", "views"),
    "payment": (
        "tables", "kinds", "gate", "services", "requests", "answering", "settling", "refunding", "reports",
        "asking", "views", "ledger", "totals", "statement", "troubles", "own",
    ),
    "absence": ("tables", "kinds", "actions", "views"),
    "file": ("tables", "kinds", "allowed", "uploading", "sending", "withdrawing", "views", "sweeping", "folders", "forwarding", "filing", "refiling"),
    "short_video": ("tables", "kinds", "requests", "answering", "showing", "views"),
    "profile": ("tables", "demographics", "health", "notes", "opening", "practitioner", "photo"),
    "search": ("tables", "actions", "views"),
    "audit": ("tables",),
}

for _capability, _modules in CAPABILITIES.items():
    for _module in _modules:
        importlib.import_module(f"clinic.{_capability}.{_module}")
importlib.import_module("clinic.offers")  # reads what they declare
if _missing := missing_rows():
    raise RuntimeError(f"permissions without a whole row in the table: {', '.join(sorted(_missing))}")

__all__ = [
    "ACTIONS",
    "CAPABILITIES",
    "KINDS",
    "VERSION",
    "VIEWS",
    "Actor",
    "Call",
    "Config",
    "Database",
    "Done",
    "Door",
    "Permission",
    "Role",
    "Work",
    "can",
    "errors",
    "metadata",
]
