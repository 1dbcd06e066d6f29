"""Where a process begins that prints: `python -I -m web.printing.child`, HTML on its standard input, a PDF on its standard output.

The sole importer of WeasyPrint. It is given nothing but the page's own HTML: no environment, so no secret and no database's address. It leaves the
network before it reads a byte, opens no address that the HTML names, writes no file, starts nothing, and ends by itself when it takes too long.
"""

from __future__ import annotations

import logging
import resource
import sys
from typing import NoReturn

from web.media.confine import unable, without_network

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_SECONDS = 20
MOST_HTML_BYTES = 8 * 1024 * 1024
# It opens fonts when it needs them, so that it cannot be kept from files as web/media/child.py is; but it neither connects nor starts anything.
REFUSED = (
    "socket socketpair connect bind listen accept accept4 sendto sendmsg sendmmsg execve execveat fork vfork kill tkill tgkill ptrace "
    "process_vm_readv process_vm_writev mount setns unshare io_uring_setup bpf link linkat symlink symlinkat rename renameat renameat2 unlink unlinkat"
).split()


def _confine() -> None:
    """Take from this process what printing does not need, for good. Raises: OSError where the machine has no seccomp."""
    without_network()
    unable(REFUSED)
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0),
    ):  # fmt: skip
        resource.setrlimit(limit, (most, most))


def main() -> None:
    """Print what comes in."""
    _confine()
    logging.disable(logging.CRITICAL)  # its warnings quote what is printed
    html = sys.stdin.buffer.read(MOST_HTML_BYTES + 1)
    if len(html) > MOST_HTML_BYTES:
        sys.exit(2)
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    class Nothing(URLFetcher):
        """What opens addresses, and opens none: pages that are printed have everything within."""

        def fetch(self, *_address: object, **_more: object) -> NoReturn:
            raise ValueError("no address is opened")

    HTML(string=html.decode(), url_fetcher=Nothing()).write_pdf(sys.stdout.buffer, pdf_variant="pdf/ua-1")


if __name__ == "__main__":
    main()
