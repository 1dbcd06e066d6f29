"""The supervisor as a process of its own: `supervise.py PLAN LOCK`, the descriptors of its plan and of the data folder's lock.

Whoever prepared the clinic becomes this one: it has imported the whole domain, which would stay in memory as long as the clinic runs.
Standard library only; runs with `python -I -S`.
"""

import os
import pickle
import sys
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ops.problems import Problem
from ops.supervisor import Plan, Supervisor


def become(plan: Plan, lock: int) -> NoReturn:
    """Replaces this process by the supervisor of `plan`: same id, same console, and it holds the lock."""
    # In memory: the words for the console hold passwords. The data folder is for whoever looks at the list of processes.
    descriptor = os.memfd_create("plan", 0)
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        pickle.dump(plan, file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.set_inheritable(lock, True)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-I", "-S", __file__, str(descriptor), str(lock), str(plan.data)])


def main() -> int:
    """Runs until a signal. Returns the exit code."""
    descriptor, lock = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(lock, False)
    with os.fdopen(descriptor, "rb") as file:
        plan = pickle.load(file)
    try:
        return Supervisor(plan, lock).run()
    except Problem as problem:
        print(f"\nCannot go on: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
