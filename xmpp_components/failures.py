"""How an unexpected exception is logged: by its type and place, as its words may quote what people wrote. May import clinic."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from clinic.errors import DomainError

log = logging.getLogger(__name__)


def log_failure(words: str, error: BaseException, *args: object) -> None:
    """Log an unexpected exception by its type and place: its text may quote what people wrote."""
    if isinstance(error, DomainError):
        log.info(words + ": %s", *args, error.code)
        return
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    log.error(words + ": %s at %s", *args, type(error).__name__, " > ".join(places))


def log_failures_of(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop log what fails in a callback, or in a task that nobody asks, in this way too: its own quotes the arguments."""
    def log_context(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            log_failure("a callback or a task failed", error)
        else:
            log.error("the event loop: %s", context["message"])
    loop.set_exception_handler(log_context)
