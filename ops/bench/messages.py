"""`bedside bench messages`: durable group messages a second and what they take, of a clinic and of Prosody's own rooms in turn.

Everybody in a room has a message before it counts, and it counts once it is in a database on the disk. Systems take turns in
rounds, since the machine is not the same from minute to minute; a figure is the median of the rounds.
"""

import json
import time
from collections.abc import Callable
from statistics import median

import click

from ops.bench.machine import busy_seconds
from ops.bench.systems import NAMES, PEERS, USUAL, System, running
from ops.bench.traffic import archived_numbers, quantile
from ops.problems import Problem

WARM_SECONDS = 2.0
MEASURING = ("generator", "others")
"""What uses the machine beside the system: what measures, and whatever else runs here (systems that wait for their turn too)."""
MOST_CORES = {"generator": 0.7, "others": 0.2}
"""Where they use more, it may be they that are measured."""
MOST_SECONDS_HELD_UP = 0.5
COUNTS = ("refused", "lost", "doubled", "not_archived", "archived_twice")
"""Each must be 0, or the run says nothing."""


class Measurement:
    """One run. `samples`: name of a figure → its unit and what each round found."""

    def __init__(self, systems: list[System], sessions: int, outstanding: int, seconds: float, rounds: int) -> None:
        self.systems, self.sessions, self.outstanding, self.seconds, self.rounds = systems, sessions, outstanding, seconds, rounds
        self.warm = min(WARM_SECONDS, seconds / 4)
        self.samples: dict[str, tuple[str, list[float]]] = {}

    def rooms_of(self, size: int, rates: list[int]) -> None:
        """Measures rooms of one size."""
        opened = []
        try:
            for system in self.systems:
                tell(f"rooms of {size}: {system.name}: {self.sessions // size * size} people log in and join")
                opened.append(system.crowd(self.sessions // size, size))
                system.traffic.enter(opened[-1])
            for number in range(self.rounds):
                turn = number % len(self.systems)
                for system in self.systems[turn:] + self.systems[:turn]:
                    self._closed(system, f"rooms_of_{size}")
                for rate in rates:
                    for system in self.systems[turn:] + self.systems[:turn]:
                        self._steady(system, f"rooms_of_{size}_at_{rate}", rate)
        finally:
            for crowd in opened:
                crowd.close()

    def _closed(self, system: System, name: str) -> None:
        usage = Usage(system)
        found = system.traffic.closed(self.outstanding, self.warm, self.seconds, usage.mark)
        if not found:
            raise Problem(f"{system.name} relayed nothing in the time that was measured: {system.traffic.refused} refused, {system.traffic.lost} lost.")
        self._sample(system, name, found, "1/s")
        cores = usage.cores()
        for part, used in cores.items():
            self._sample(system, f"{name}_cpu_{part}", used, "cores")
        cost = sum(used for part, used in cores.items() if part not in MEASURING) / found
        self._sample(system, f"{name}_cost", cost * 1e6, "us")
        for part, size in system.processes.memory_bytes().items():
            self._sample(system, f"{name}_memory_{part}", size / 1e6, "MB")
        tell(f"{name}: {system.name}: {found:.0f} messages/s, {cost * 1e6:.0f} us each; {usage.shown()}")

    def _steady(self, system: System, name: str, rate: int) -> None:
        usage = Usage(system)
        took = system.traffic.steady(rate, self.warm, self.seconds, usage.mark)
        for percent in (50, 99):
            self._sample(system, f"{name}_p{percent}", quantile(took, percent) * 1000, "ms")
        for part in MEASURING:
            self._sample(system, f"{name}_cpu_{part}", usage.cores()[part], "cores")
        tell(f"{name}: {system.name}: p50 {quantile(took, 50) * 1000:.1f} ms, p99 {quantile(took, 99) * 1000:.1f} ms; {usage.shown()}")

    def _sample(self, system: System, name: str, value: float, unit: str) -> None:
        self.samples.setdefault(_name(system.name, name), (unit, []))[1].append(value)

    def figures(self) -> list[dict[str, object]]:
        """Returns the medians of the rounds, with the ratio to the peer where that was measured."""
        found: list[dict[str, object]] = []
        for name, (unit, values) in self.samples.items():
            figure: dict[str, object] = {"name": name, "value": round(median(values), 2), "unit": unit}
            if (other := self._peer(name)) is not None and unit in ("1/s", "us", "ms") and median(other):
                figure["ratio"] = round(median(values) / median(other), 2)
            found.append(figure)
        return found

    def _peer(self, name: str) -> list[float] | None:
        for system, peer in PEERS.items():
            if name.startswith(start := _name(system, "")):
                return self.samples.get(_name(peer, name.removeprefix(start)), ("", None))[1]
        return None


class Usage:
    """What the processes of a system and the generator use between two marks."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.marks: list[tuple[float, dict[str, float]]] = []

    def mark(self) -> None:
        """Notes what has been used up to now."""
        used = {**self.system.processes.cpu_seconds(), "generator": time.process_time()}
        self.marks.append((time.perf_counter(), {**used, "others": busy_seconds() - sum(used.values())}))

    def cores(self) -> dict[str, float]:
        """Returns the cores that each used."""
        (start, before), (end, after) = self.marks
        return {part: max(0.0, used - before[part]) / (end - start) for part, used in after.items()}

    def shown(self) -> str:
        """Returns the cores in one line."""
        return ", ".join(f"{part} {cores:.2f}" for part, cores in self.cores().items() if cores >= 0.005)


def counts(system: System) -> dict[str, int]:
    """Returns how many messages were sent, and how many of them came back wrong or are not in the database."""
    traffic, numbers = system.traffic, archived_numbers(system.archived())
    return {
        "sent": traffic.sent,
        "refused": traffic.refused,
        "lost": traffic.lost,
        "doubled": traffic.doubled,
        "not_archived": len(set(range(traffic.sent)) - set(numbers)),
        "archived_twice": len(numbers) - len(set(numbers)),
    }


def tell(words: str) -> None:
    """Says on stderr how far the measurement is."""
    click.echo(words, err=True)


def _name(system: str, rest: str) -> str:
    return f"messages_{system.replace('-', '_')}_{rest}"


def numbers(least: int, most: int) -> Callable[[click.Context, click.Parameter, str], list[int]]:
    """Returns a reader of options like 5,10,50."""

    def read(_context: click.Context, _option: click.Parameter, value: str) -> list[int]:
        found = [int(part) for part in value.split(",") if part.strip().isdecimal()]
        if len(found) != len(list(filter(None, value.split(",")))) or not all(least <= one <= most for one in found):
            raise click.BadParameter(f"Write numbers from {least} to {most} with commas between.")
        return found

    return read


def systems(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    """Reads the option of the same name."""
    found = value.split(",")
    if unknown := [name for name in found if name not in NAMES]:
        raise click.BadParameter(f"There is no system {', '.join(unknown)}. Choose from: {', '.join(NAMES)}.")
    return list(dict.fromkeys(found))


@click.command("messages")
@click.option("--seconds", type=click.FloatRange(1, 120), default=10, show_default=True, help="How long each phase is measured.")
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="How often the systems take turns.")
@click.option("--sizes", callback=numbers(2, 100), default="5,10,50", show_default=True, help="People in a room.")
@click.option("--rates", callback=numbers(1, 5000), default="50,200,300", show_default=True, help="Fixed rates, messages a second; none if empty.")
@click.option("--systems", "names", callback=systems, default=",".join(USUAL), show_default=True, help="What is measured.")
@click.option("--sessions", type=click.IntRange(2, 1000), default=200, show_default=True, help="People in all.")
@click.option("--outstanding", type=click.IntRange(1, 2000), default=100, show_default=True, help="Messages on their way at once in the closed loop.")
def command(seconds: float, rounds: int, sizes: list[int], rates: list[int], names: list[str], sessions: int, outstanding: int) -> None:
    """Durable messages a second and what they take, beside Prosody's own rooms on the same engine.

    \b
    Systems: sqlite, postgres                   the clinic, complete, on each engine
             prosody-sqlite, prosody-postgres   Prosody's muc and muc_mam with mod_storage_sql (SQLite as it comes: a rollback
                                                journal, synchronous=FULL); the peer for the ratio
             prosody-wal                        SQLite with a write-ahead log, which takes setting up by hand
    \b
    Figures: messages_SYSTEM_rooms_of_SIZE                      1/s, closed loop: in the database, and with all people of the room
             messages_SYSTEM_rooms_of_SIZE_cost                 us of processor time a message there, all its processes
             messages_SYSTEM_rooms_of_SIZE_at_RATE_p50, _p99    ms, from sending (when it was due) to the last person
             messages_SYSTEM_rooms_of_SIZE_cpu_PROCESS          cores in the closed loop; `generator` is what measures,
                                                                `others` is everything else on the machine
             messages_SYSTEM_rooms_of_SIZE_memory_PROCESS       MB at its end
             messages_SYSTEM_rooms_of_SIZE_at_RATE_cpu_generator, _cpu_others
             messages_SYSTEM_held_up                            ms, the longest that the generator itself could not go on
             messages_SYSTEM_sent; _refused, _lost, _doubled, _not_archived, _archived_twice (all 0 if the run is valid)
    """
    if sessions < max(sizes, default=sessions + 1):
        raise click.UsageError("--sizes must name a size, and --sessions be at least the largest.")
    with running(names) as found:
        measurement = Measurement(found, sessions, outstanding, seconds, rounds)
        for size in sizes:
            measurement.rooms_of(size, rates)
        counted = {system.name: counts(system) for system in found}
    for figure in measurement.figures():
        click.echo(json.dumps(figure))
    for system in found:
        for what, value in counted[system.name].items():
            click.echo(json.dumps({"name": _name(system.name, what), "value": value, "unit": "1"}))
        click.echo(json.dumps({"name": _name(system.name, "held_up"), "value": round(system.traffic.held_up * 1000, 2), "unit": "ms"}))
    judge(measurement, counted)


def judge(measurement: Measurement, counted: dict[str, dict[str, int]]) -> None:
    """Says where the machine was not the system's own. Raises Problem when a message is missing or was doubled."""
    for name, (_, values) in measurement.samples.items():
        for part, most in MOST_CORES.items():
            if name.endswith(f"_cpu_{part}") and median(values) > most:
                tell(f"{name} is {median(values):.2f}: what was measured there may be more than the system.")
    for system in measurement.systems:
        if system.traffic.held_up > MOST_SECONDS_HELD_UP:
            tell(f"The machine stood still for {system.traffic.held_up:.1f} s while {system.name} was measured.")
    wrong = [f"{name}: {of_system[what]} {what.replace('_', ' ')}" for name, of_system in counted.items() for what in COUNTS if of_system[what]]
    if wrong:
        raise Problem(f"Messages went wrong, so the figures say nothing. {'; '.join(wrong)}.")
