"""The pages, a blueprint a file. `BLUEPRINTS` is all of them."""

from __future__ import annotations

from flask import Blueprint

from web import actions
from web.pages import (
    account,
    admin,
    care,
    certificate,
    doing,
    entries,
    feed,
    files,
    groups,
    health,
    internal,
    joining,
    ledger,
    login,
    patients,
    payments,
    people,
    receipts,
    replies,
    searching,
    services,
    statuses,
    threads,
    uploads,
    webhooks,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    login.blueprint,
    joining.blueprint,
    threads.blueprint,
    entries.blueprint,
    people.blueprint,
    patients.blueprint,
    payments.blueprint,
    replies.blueprint,
    searching.blueprint,
    groups.blueprint,
    care.blueprint,
    account.blueprint,
    admin.blueprint,
    statuses.blueprint,
    services.blueprint,
    ledger.blueprint,
    receipts.blueprint,
    doing.blueprint,
    feed.blueprint,
    files.blueprint,
    uploads.blueprint,
    uploads.slots,
    internal.blueprint,
    webhooks.blueprint,
    health.blueprint,
    certificate.blueprint,
    actions.blueprint,
)
