"""What processes use of the machine, read from /proc. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Bytes in RAM. rss: pages that processes share count once for each; pss: once in all; own: those that one process alone has."""

    rss: int = 0
    pss: int = 0
    own: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss + other.rss, self.pss + other.pss, self.own + other.own)


class Processes:
    """Some named processes, each with its children. `roots`: process ids by name."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self.names = {pid: name for name, pid in roots.items()}

    def memory_bytes(self) -> dict[str, int]:
        """Returns the resident memory under each name, its processes summed up. Pages that several share count for each."""
        page, found = os.sysconf("SC_PAGE_SIZE"), dict.fromkeys(self.names.values(), 0)
        for _, name, fields in self._stats():
            found[name] += int(fields[21]) * page
        return found

    def memory(self) -> dict[str, Memory]:
        """Returns the memory under each name, its processes summed up."""
        found = dict.fromkeys(self.names.values(), Memory())
        for pid, name, _ in self._stats():
            found[name] += _memory(pid)
        return found

    def generations(self, name: str) -> tuple[Memory, Memory]:
        """Returns the memory of the process of a name with its children, and that of what its children have started."""
        near, far = Memory(), Memory()
        for pid, whose, fields in self._stats():
            if whose == name:
                if {pid, int(fields[1])} & self.names.keys():
                    near += _memory(pid)
                else:
                    far += _memory(pid)
        return near, far

    def cpu_seconds(self) -> dict[str, float]:
        """Returns the processor time used under each name."""
        tick, found = os.sysconf("SC_CLK_TCK"), dict.fromkeys(self.names.values(), 0.0)
        for _, name, fields in self._stats():
            found[name] += (int(fields[11]) + int(fields[12])) / tick
        return found

    def _stats(self) -> list[tuple[int, str, list[str]]]:
        stats = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            if (fields := _stat(path)) is not None:
                stats[int(path.parent.name)] = fields
        return [(pid, name, fields) for pid, fields in stats.items() if (name := self._name(pid, stats)) is not None]

    def _name(self, pid: int, stats: Mapping[int, list[str]]) -> str | None:
        while pid not in self.names:
            if pid not in stats:
                return None
            pid = int(stats[pid][1])
        return self.names[pid]


def busy_seconds() -> float:
    """Returns the processor time that everything on this machine has used, this and other people's programs."""
    user, nice, system, _idle, _waiting, interrupts, soft_interrupts, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + interrupts + soft_interrupts) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int) -> Memory:
    """Returns the memory of a process; none when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return Memory()
    sizes = {name: int(size.split()[0]) * 1024 for name, _, size in (line.partition(":") for line in lines)}
    return Memory(sizes["Rss"], sizes["Pss"], sizes["Private_Clean"] + sizes["Private_Dirty"]) if sizes else Memory()


def _stat(path: Path) -> list[str] | None:
    """Returns what follows the name in a stat file, from the state on; None when the process is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return None
