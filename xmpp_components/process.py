"""The process of the threads component: reads its place from the environment and serves until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from clinic import Database
from clinic.config import Config
from xmpp_components.component import Threads


async def serve(config: Config) -> bool:
    """Run the component until SIGTERM or SIGINT. Returns: whether that was the end of it."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)
    return await Threads(config, db).run(stop)


def main() -> int:
    """Returns: the exit status."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s threads %(levelname)s %(message)s")
    return 0 if asyncio.run(serve(Config.from_environ())) else 1
