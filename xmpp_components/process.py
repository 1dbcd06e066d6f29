"""A process of the threads component: reads its place from the environment and serves until told to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from dataclasses import replace

from clinic import Database
from clinic.config import Config
from xmpp_components.component import Threads


async def serve(config: Config) -> bool:
    """Run the component until SIGTERM or SIGINT. Returns: whether that was the end of it."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    db = Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)
    try:
        return await Threads(config, db).run(stop)
    finally:
        db.close()


def main(number: int) -> int:
    """Serve as one of the component's processes; ``number``: which, from 1 on. Returns: the exit status."""
    config = replace(Config.from_environ(), component=number)
    if not 1 <= number <= config.components:
        raise SystemExit(f"There is no process {number} of the threads component: BEDSIDE_COMPONENTS is {config.components}.")
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=f"%(asctime)s {config.component_name} %(levelname)s %(message)s")
    return 0 if asyncio.run(serve(config)) else 1
