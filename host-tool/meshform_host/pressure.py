"""What endangers this host before anything fails: a clock that is off, disks that fill, memory that runs out.

None of it makes a host unready; each is said, with its value and what to do.
"""

from __future__ import annotations

import dataclasses
import email.utils
import itertools
import os
import re
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .api import Api, ApiError
from .basics import ENGINES, NotYet, Problem
from .host import Host
from .processes import run_program

# Consul and Nomad allow for a minute: the certificates of services and the identities of jobs begin to be valid one
# minute before they are made, or are accepted that much later. Half of it leaves time to act.
CLOCK_SECONDS = 30.0
FREE_PERCENT = 10.0
MEMORY_PERCENT = 10.0
# Of the last minute, during which a process waited for memory.
STALLED_PERCENT = 10.0
KILLS_SECONDS = 3600.0
PROC = Path("/proc")
# Which ports of the servers a client reaches is up to their network.
ANSWER_SECONDS = 2.0
ASKED = 2


@dataclasses.dataclass(frozen=True)
class Pressure:
    """Something that somebody should look at soon."""

    name: str
    # A sentence with the value, and one with what to do.
    reason: str


def pressures_of(host: Host, servers: Callable[[], Iterable[Api]]) -> list[Pressure]:
    """@param servers those of Consul, to compare clocks; called only once"""
    uptime = float((PROC / "uptime").read_text().split()[0])
    return [
        *clock_pressures(servers),
        *disk_pressures(data_folders(host)),
        *memory_pressures(PROC),
        *kill_pressures(Path("/dev/kmsg"), uptime),
    ]


def clock_pressures(servers: Callable[[], Iterable[Api]]) -> Iterator[Pressure]:
    """Compares this host's clock with that of another host's server, else asks systemd whether anybody sets it."""
    try:
        for server in itertools.islice(servers(), ASKED):
            try:
                offset = offset_of(server)
            except Problem:
                continue
            yield from clock_pressure(offset, server.base)
            return
    except (ApiError, Problem):
        pass
    if is_synchronized() is False:
        fix = "Start a time service, such as chrony."
        yield Pressure("clock", f"Nothing sets the clock of this host, and no other server tells its time. {fix}")


def clock_pressure(offset: float, whose: str) -> Iterator[Pressure]:
    """@param offset how many seconds the other clock is ahead"""
    if abs(offset) >= CLOCK_SECONDS:
        order = "behind" if offset > 0 else "ahead of"
        yield Pressure(
            "clock",
            f"The clock of this host is {abs(offset):.0f} s {order} that of {whose}: from 60 s on, certificates and "
            "tokens are refused. Correct it: `chronyc tracking` or `timedatectl` says who sets it.",
        )


def offset_of(server: Api) -> float:
    """How many seconds the clock of a server is ahead of this host's, to about a second.

    @raises NotYet if it does not answer
    """
    before = time.time()
    date = server.date(ANSWER_SECONDS)
    after = time.time()
    try:
        told = email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError) as error:
        raise NotYet(f"{server.base} did not report its time.", "Look at its log.") from error
    # It tells whole seconds, rounded down.
    return told + 0.5 - (before + after) / 2


def is_synchronized() -> bool | None:
    """Whether systemd knows of somebody who sets the clock; None where it cannot tell."""
    try:
        said = run_program("timedatectl", ["show", "--property=NTPSynchronized", "--value"], Path("/"))
    except Problem:
        return None
    return {"yes": True, "no": False}.get(said.strip())


def other_servers(host: Host, own: Api) -> Iterator[Api]:
    """Consul's servers on other hosts, at the port at which this host's own agent answers."""
    peers, addresses = own.call("GET", "/v1/status/peers"), host.addresses()
    port = urllib.parse.urlsplit(own.base).port or 443
    for peer in peers:
        address = str(peer).rpartition(":")[0]
        if address not in addresses:
            yield own.at(f"https://{address}:{port}", f"server.{host.place('consul')}")


def data_folders(host: Host) -> dict[str, str]:
    """Folder → who writes there."""
    folders = {str(host.path(f"/opt/{engine}")): engine.capitalize() for engine in ENGINES if host.runs(engine)}
    if "nomad-client" in host.roles:
        folders[str(host.path("/opt/nomad/data/alloc"))] = "Tasks of Nomad"
    store = (host.snapshots or {}).get("store") or {}
    if host.is_server() and store.get("type") == "directory":
        folders[str(store["path"])] = "Snapshots"
    return folders


def disk_pressures(folders: dict[str, str]) -> Iterator[Pressure]:
    """One for each file system that is nearly full, or has nearly no inodes left."""
    told: set[int] = set()
    for folder, who in folders.items():
        try:
            device, found = os.stat(folder).st_dev, os.statvfs(folder)
        except OSError:
            continue
        if device in told:
            continue
        told.add(device)
        fix = f"{who} cannot write when it is full: delete files that are not needed, or enlarge the disk."
        free = percent(found.f_bavail, found.f_blocks)
        if free < FREE_PERCENT:
            left = f"{found.f_bavail * found.f_frsize / 2**20:.1f} MiB"
            yield Pressure("disk", f"The disk of {folder} has {left} left, {free:.0f} % of it. {fix}")
        # Some file systems have no fixed number.
        if found.f_files and (inodes := percent(found.f_favail, found.f_files)) < FREE_PERCENT:
            yield Pressure(
                "disk", f"The disk of {folder} has {found.f_favail} inodes left, {inodes:.0f} % of them. {fix}"
            )


def memory_pressures(proc: Path) -> Iterator[Pressure]:
    sizes = numbers(proc / "meminfo", r"^(\w+):\s+(\d+) kB")
    if sizes.get("MemTotal") and (free := percent(sizes.get("MemAvailable", 0), sizes["MemTotal"])) < MEMORY_PERCENT:
        left = f"{sizes.get('MemAvailable', 0) / 1024:.0f} MiB"
        fix = "Move jobs to other hosts, or take larger ones."
        yield Pressure("memory", f"{left} of memory are available, {free:.0f} % of it. {fix}")
    # Not every kernel tells.
    stalled = numbers(proc / "pressure/memory", r"^(some) .*\bavg60=([\d.]+)").get("some", 0.0)
    if stalled >= STALLED_PERCENT:
        fix = "See which process grows, for example with `systemd-cgtop --order=memory`."
        yield Pressure("memory", f"Processes waited for memory during {stalled:.0f} % of the last minute. {fix}")


def kill_pressures(log: Path, uptime: float) -> Iterator[Pressure]:
    """What the kernel has killed lately for lack of memory: of the host, or of what a task may use.

    @param log records of the kernel, as /dev/kmsg has them
    @param uptime seconds since it started, which it counts by
    """
    found = re.findall(
        r"^\d+,\d+,(\d+),.*[Oo]ut of memory: Killed process \d+ \((.*?)\)", records_of(log), re.MULTILINE
    )
    names = sorted({name for microseconds, name in found if uptime - int(microseconds) / 1e6 < KILLS_SECONDS})
    if names:
        fix = "Give them more, or move jobs to other hosts: `journalctl --dmesg --grep 'Killed process'`."
        yield Pressure(
            "memory", f"The kernel has killed {', '.join(names)} for lack of memory within the last hour. {fix}"
        )


def records_of(log: Path) -> str:
    """All that is there now. The kernel gives one record at a time, and no end."""
    text = b""
    try:
        handle = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        while block := os.read(handle, 1 << 16):
            text += block
    except OSError:
        # There is no more for now.
        pass
    finally:
        os.close(handle)
    return text.decode(errors="replace")


def numbers(file: Path, pattern: str) -> dict[str, float]:
    """Name → number of each line that has such a pair; nothing where there is no such file."""
    try:
        text = file.read_text()
    except OSError:
        return {}
    return {name: float(number) for name, number in re.findall(pattern, text, re.MULTILINE)}


def percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 100.0
