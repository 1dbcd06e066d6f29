"""Settings of gunicorn: processes of 32 threads, each process with one engine; loopback and a unix socket. Most of the threads may carry files
at once (carrying.py), so that eight are always there for pages.

The app is loaded in the worker (no preload): the database's locks must not be opened before the fork. Any process answers any
request: what must outlast one is in the database or in the cookie.
"""

import os
from pathlib import Path

from gunicorn.arbiter import Arbiter

from web.connections import PatientWorker

_run = Path(os.environ["BEDSIDE_DATA"]).absolute() / "run"
_run.mkdir(mode=0o700, parents=True, exist_ok=True)

bind = [f"127.0.0.1:{os.environ.get('BEDSIDE_BASE_PORT', '8600')}", f"unix:{_run / 'web.sock'}"]
worker_class = PatientWorker
workers = int(os.environ.get("BEDSIDE_WEB_PROCESSES", "1"))
threads = 32
control_socket_disable = True
umask = 0o077
timeout = 60
graceful_timeout = 10
keepalive = 15
preload_app = False
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None
limit_request_line = 8190
proc_name = "bedside-web"
errorlog = "-"
# Addresses of pages hold tokens (invitations) and are nobody's business: no access log.
accesslog = None


def worker_exit(_arbiter: Arbiter, worker: PatientWorker) -> None:
    """Close what the worker's app holds open, once its last request is answered."""
    app = getattr(worker, "wsgi", None)
    if app is not None:  # None where it has not come to load one
        from web.db import close  # here, as the process that starts workers loads no app

        close(app)
