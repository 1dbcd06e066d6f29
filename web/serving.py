"""One file as an answer: in ranges, streamed, stopped when its reader may not have it any more.

Owns Content, serve, RECHECK_SECONDS. Imports Flask and Werkzeug. Whether somebody may read is asked by the page before, and by `still` while it streams.
Source: RFC 9110 §14 (ranges), RFC 6266 (names); product.md, Files, voice, video.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Response, request
from werkzeug.http import dump_options_header

from web.carrying import CARRYING, STOPPING, Load

RECHECK_SECONDS = 1.0
_PIECE = 32 * 1024
_UNSENT_BYTES = 256 * 1024
"""How much may wait in the kernel for a slow reader: what is there goes on after a stop, unless the connection is reset."""
_RESET = struct.pack("ii", 1, 0)
# Nothing in a file runs, loads or frames, whatever it is. A picture or a film that is opened by itself is all that its own page may show.
_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
# What may be told by its own name where it is saved, not shown; all else is saved as bytes.
_NAMED = ("image/", "audio/", "video/", "font/", "application/pdf", "application/vnd.", "application/msword", "application/zip", "application/json")
_NEVER_NAMED = ("+xml", "/xml", "javascript", "html")


@dataclass(frozen=True, slots=True)
class Content:
    """What is to be sent. size: in bytes. inline: whether a browser may show it by itself. chunks: the bytes from one place up to another."""

    name: str
    media_type: str
    size: int
    inline: bool
    chunks: Callable[[int, int], Iterator[bytes]]


def serve(content: Content, whose: str, still: Callable[[], bool]) -> Response:
    """Return the answer to this request for `content`. whose: the account for whom it is (its uid). still: whether they may have it now.

    Raises: Full, and what `chunks` raises before its first piece.
    """
    span = _span(content.size)
    if span is None:
        response = Response(status=416)
        response.headers["Content-Range"] = f"bytes */{content.size}"
        return _described(response, content)
    start, stop = span
    if request.method == "HEAD":
        response = Response()
    else:
        load = CARRYING.begin(whose)
        try:
            pieces = content.chunks(start, stop)
            first = next(pieces, b"")  # what is not there any more is said so, not cut off
        except BaseException:
            load.end()
            raise
        response = Response(_stream(first, pieces, still, load, request.environ.get("gunicorn.socket")))
        response.call_on_close(load.end)  # also where nobody reads the first byte
    if (start, stop) != (0, content.size):
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{content.size}"
    response.headers["Content-Length"] = str(stop - start)
    return _described(response, content)


def _span(size: int) -> tuple[int, int] | None:
    """Return which bytes are asked for, from one place up to another; None where there are none such.

    Several ranges at once, or one in another unit, are answered with the whole, as are conditions: nothing here has a version.
    """
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or "If-Range" in request.headers:
        return 0, size
    [(start, stop)] = asked.ranges
    if start < 0:  # so many from the end; more than there are is all
        return max(0, size + start), size
    return (start, min(stop or size, size)) if start < size else None


def _described(response: Response, content: Content) -> Response:
    response.mimetype = content.media_type if content.inline or _nameable(content.media_type) else "application/octet-stream"
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = disposition(content.name, inline=content.inline)
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def _nameable(media_type: str) -> bool:
    return media_type == "text/plain" or (media_type.startswith(_NAMED) and not any(one in media_type for one in _NEVER_NAMED))


def disposition(name: str, *, inline: bool) -> str:
    """Return how a file is offered: under its own name, in whatever script, and under what is left of it in ASCII. Source: RFC 6266."""
    names: dict[str, Any] = {"filename": name}
    if not name.isascii():
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
        names = {"filename": plain if plain.strip(".") and not plain.startswith(".") else f"file{plain}"}
        names["filename*"] = f"UTF-8''{quote(name, safe='!#$&+-.^_`|~')}"
    return dump_options_header("inline" if inline else "attachment", names)


def _stream(piece: bytes, pieces: Iterator[bytes], still: Callable[[], bool], load: Load, connection: socket.socket | None) -> Iterator[bytes]:
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _UNSENT_BYTES)
    due = time.monotonic() + RECHECK_SECONDS
    with load:
        while piece:
            for place in range(0, len(piece), _PIECE):
                if STOPPING.is_set():
                    _cut(connection)
                if time.monotonic() >= due:
                    if not still():
                        _cut(connection)
                    due = time.monotonic() + RECHECK_SECONDS
                yield piece[place : place + _PIECE]
            del piece  # not kept while the next is fetched
            piece = next(pieces, b"")


def _cut(connection: socket.socket | None) -> None:
    """End the connection in the middle of an answer, with what waits in the kernel. Raises: ConnectionResetError, as if the reader had gone."""
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    raise ConnectionResetError(errno.ECONNRESET, "not to be read any more")
