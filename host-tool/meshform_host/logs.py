"""Sends the journal of this host to a store of logs of the cloud, in order, and after an interruption from where it stopped."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import shutil

# Only journalctl is run, with arguments that come from this program.
import subprocess  # nosec B404
import time
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple, Protocol

from .basics import Json, NotYet, Problem, say
from .clouds import LOG_STORES, open_by_type
from .host import Host

# How long an entry waits for others.
FLUSH_SECONDS = 5.0
# What one request takes at most, with a margin: CloudWatch takes 10,000 events and 1 MiB of a day.
BATCH_EVENTS = 5000
BATCH_BYTES = 900_000
# Of the first event: others may be before or after it.
BATCH_MILLISECONDS = 11 * 60 * 60 * 1000
# What an event takes in addition to its text.
EVENT_BYTES = 26
# A longer message is cut off: an event has 256 KiB at most.
MESSAGE_CHARACTERS = 50_000
RETRY_SECONDS = 30
INFO = "6"


class Event(NamedTuple):
    milliseconds: int
    text: str


class LogStore(Protocol):
    def put(self, stream: str, events: list[Event]) -> None: ...


class Batch:
    """Entries of the journal that one request takes."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.cursor = ""
        self._since = time.monotonic()
        self._bytes = 0

    def add(self, event: Event, cursor: str) -> bool:
        """@returns whether there was room for it"""
        size = len(event.text.encode()) + EVENT_BYTES
        times = [it.milliseconds for it in (*self.events[:1], event)]
        is_full = len(self.events) >= BATCH_EVENTS or self._bytes + size > BATCH_BYTES
        if self.events and (is_full or max(times) - min(times) > BATCH_MILLISECONDS):
            return False
        if not self.events:
            self._since = time.monotonic()
        self.events.append(event)
        self.cursor = cursor
        self._bytes += size
        return True

    @property
    def is_due(self) -> bool:
        return bool(self.events) and time.monotonic() >= self._since + FLUSH_SECONDS


def send_logs(host: Host, arguments: argparse.Namespace) -> None:
    """Sends what the journal has since the boot, or since it last did, and then what is added to it."""
    if host.logs is None:
        raise Problem("host.json has no store of logs.", 'Set "logs" in it.')
    store: LogStore = open_by_type("store of logs", host.logs, LOG_STORES)
    try:
        send(host, store, follows=not arguments.once)
    except SystemExit:
        # The agents have written their last lines when this is stopped.
        send(host, store, follows=False)
        raise


def send(host: Host, store: LogStore, *, follows: bool) -> None:
    batch = Batch()
    with contextlib.closing(entries(host, follows=follows)) as found:
        for entry in found:
            if entry is not None:
                event, cursor = event_of(entry), str(entry["__CURSOR"])
                if not batch.add(event, cursor):
                    deliver(host, store, batch, patient=follows)
                    batch = Batch()
                    batch.add(event, cursor)
            if batch.is_due:
                deliver(host, store, batch, patient=follows)
                batch = Batch()
    if batch.events:
        deliver(host, store, batch, patient=False)


def deliver(host: Host, store: LogStore, batch: Batch, *, patient: bool) -> None:
    told = ""
    while True:
        try:
            # The clock may have been set back meanwhile, and a request has its events in order.
            store.put(host.node, sorted(batch.events, key=lambda event: event.milliseconds))
            break
        except NotYet as error:
            if not patient:
                raise
            # The journal keeps what follows. What is said here is sent, too.
            if told != str(error):
                told = str(error)
                say(told)
        time.sleep(RETRY_SECONDS)
    cursor = cursor_file(host)
    fresh = cursor.with_suffix(".new")
    fresh.write_text(batch.cursor)
    fresh.rename(cursor)


def cursor_file(host: Host) -> Path:
    return host.path("/var/lib/meshform/logs/sent")


def entries(host: Host, *, follows: bool) -> Generator[Json | None, None, None]:
    """@returns None after a second without an entry"""
    program = shutil.which("journalctl", path=f"{os.environ.get('PATH', os.defpath)}:/usr/bin")
    if program is None:
        raise Problem("journalctl is not installed.", "Logs are read from the journal of systemd.")
    options = [
        "--output=json",
        "--all",
        "--quiet",
        f"--priority={INFO}",
        *position(host),
        *(FOLLOWING if follows else []),
    ]
    if host.root != Path("/"):
        options.append(f"--directory={host.path('/var/log/journal')}")
    with subprocess.Popen([program, *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as journal:  # nosec B603
        try:
            yield from parsed(journal)
        finally:
            journal.terminate()
    if follows or journal.returncode != 0:
        raise Problem(f"journalctl ended with {journal.returncode}.", "Run it manually: `journalctl --output=json`.")


FOLLOWING = ["--follow", "--no-tail"]


def position(host: Host) -> list[str]:
    try:
        return [f"--after-cursor={cursor_file(host).read_text()}"]
    except FileNotFoundError:
        return ["--boot"] if host.root == Path("/") else []


def parsed(journal: subprocess.Popen[bytes]) -> Generator[Json | None, None, None]:
    if journal.stdout is None:
        raise Problem("journalctl has no output.", "Start this again.")
    output = journal.stdout.fileno()
    rest = b""
    while True:
        if not select.select([output], [], [], 1.0)[0]:
            yield None
            continue
        read = os.read(output, 65536)
        if not read:
            return
        *lines, rest = (rest + read).split(b"\n")
        for line in lines:
            yield json.loads(line)


def event_of(entry: Json) -> Event:
    """As JSON, whose fields CloudWatch finds by itself."""
    message = entry.get("MESSAGE", "")
    if isinstance(message, list):
        # What is not text comes as numbers.
        message = bytes(byte for byte in message if isinstance(byte, int)).decode(errors="replace")
    unit = entry.get("_SYSTEMD_UNIT") or entry.get("SYSLOG_IDENTIFIER") or entry.get("_TRANSPORT")
    about = {"unit": unit, "priority": int(entry.get("PRIORITY", INFO)), "message": str(message)[:MESSAGE_CHARACTERS]}
    return Event(int(entry["__REALTIME_TIMESTAMP"]) // 1000, json.dumps(about, ensure_ascii=False))
