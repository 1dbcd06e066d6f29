"""``python -m xmpp_components [NUMBER]``: starts the threads component, or one process of it; fast, as people wait for it after a crash."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Returns: the exit status."""
    # Collecting garbage while importing finds none and costs a fifth of the time until somebody is served again.
    gc.disable()
    from xmpp_components import process

    gc.freeze()
    gc.enable()
    # Each message makes some hundred objects and no circle: looking for circles after every 700 costs a tenth of the time.
    gc.set_threshold(20_000, 20, 20)
    return process.main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)


if __name__ == "__main__":
    sys.exit(main())
