"""A stand-in for an S3-compatible store, as far as the clinic asks one: whole and multipart puts, ranges, lists, deletes. On loopback."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

STORED_AT = "2026-11-30T09:00:00.000Z"


class S3StandIn(ThreadingHTTPServer):
    """What it holds: `objects`, bucket and key → bytes. `asked`: (method, range) of each request. `refuses`: answers everything with 403."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        self.refuses = False

    @property
    def environment(self) -> dict[str, str]:
        """The usual variables, so that a clinic comes here."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up",
        }


class Answering(BaseHTTPRequestHandler):
    """One connection."""

    server: S3StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""

    def _read(self) -> tuple[str, dict[str, list[str]], bytes]:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.headers.get("Range", "")))
        return unquote(parts.path).strip("/"), parse_qs(parts.query, keep_blank_values=True), body

    def _say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.pop("length", str(len(body))))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        """Take an object, or a part of one."""
        path, query, body = self._read()
        if self.server.refuses:
            self._say(403)
        elif "partNumber" in query:
            self.server.parts[query["uploadId"][0]][int(query["partNumber"][0])] = body
            self._say(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
        else:
            self.server.objects[path] = body
            self._say(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def do_POST(self) -> None:
        """Begin an object of several parts, put it together, or forget several objects."""
        path, query, body = self._read()
        if self.server.refuses:
            self._say(403)
        elif "delete" in query:
            keys = re.findall(r"<Key>([^<]*)</Key>", body.decode())
            for key in keys:
                self.server.objects.pop(f"{path}/{key}", None)
            self._say(200, f"<DeleteResult>{''.join(f'<Deleted><Key>{key}</Key></Deleted>' for key in keys)}</DeleteResult>".encode())
        elif "uploads" in query:
            upload = f"upload-{len(self.server.parts)}"
            self.server.parts[upload] = {}
            self._say(200, f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>".encode())
        else:
            parts = self.server.parts.pop(query["uploadId"][0])
            self.server.objects[path] = b"".join(parts[number] for number in sorted(parts))
            self._say(200, b'<CompleteMultipartUploadResult><ETag>"whole"</ETag></CompleteMultipartUploadResult>')

    def do_GET(self) -> None:
        """Give an object, a range of one, or a list."""
        path, query, _ = self._read()
        if self.server.refuses:
            self._say(403)
        elif "list-type" in query:
            self._say(200, self._list(path, query.get("prefix", [""])[0]))
        elif path not in self.server.objects:
            self._say(404, b"<Error><Code>NoSuchKey</Code></Error>")
        else:
            self._give(self.server.objects[path])

    do_HEAD = do_GET

    def _give(self, content: bytes) -> None:
        stamp = {"ETag": '"whole"', "Last_Modified": formatdate(usegmt=True)}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._say(200, content, **stamp)
            return
        start, stop = int(asked[1]), min(int(asked[2] or len(content)) + 1, len(content))
        self._say(206, content[start:stop], Content_Range=f"bytes {start}-{stop - 1}/{len(content)}", **stamp)

    def _list(self, bucket: str, prefix: str) -> bytes:
        keys = [key.removeprefix(f"{bucket}/") for key in sorted(self.server.objects) if key.startswith(f"{bucket}/{prefix}")]
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>{STORED_AT}</LastModified><ETag>x</ETag><Size>1</Size></Contents>" for key in keys
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>".encode()


@contextmanager
def s3_stand_in() -> Iterator[S3StandIn]:
    """Yields one that listens."""
    server = S3StandIn()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
