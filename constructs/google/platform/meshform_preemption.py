#!/usr/bin/env python3
"""Has this host leave its cluster for good when Compute Engine preempts it.

It waits for a change of `instance/preempted` at the metadata server. The machine may be told to shut down at the same
moment: then systemd stops this program, which asks once more whether that is a preemption, and ends when the host has
left. After any other shutdown the host comes back, so it does not leave for good.
"""

from __future__ import annotations

import json
import signal

# It runs the host tool, by its absolute path and without a shell.
import subprocess  # nosec B404
import sys
import time
import urllib.request
from pathlib import Path
from types import FrameType

PREEMPTED = "http://169.254.169.254/computeMetadata/v1/instance/preempted"
SETTINGS = Path("/etc/meshform/preemption.json")
# How long the metadata server may hold a request back.
CHANGE_SECONDS = 60
# Of the time that a preemption leaves: to end the host tool.
MARGIN_SECONDS = 2


class Stopped(Exception):
    """systemd stops this program while it waits."""


class Shutdown:
    """Whether systemd has told this program to stop. Waiting ends then, but not what follows a preemption."""

    def __init__(self) -> None:
        self.is_told, self.interrupts = False, True
        signal.signal(signal.SIGTERM, self._tell)

    def _tell(self, _: int, __: FrameType | None) -> None:
        self.is_told = True
        if self.interrupts:
            self.interrupts = False
            raise Stopped


class Preemption:
    """What the metadata server says."""

    def __init__(self) -> None:
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._etag = ""

    def is_now(self) -> bool:
        return self._ask("", 2)

    def comes(self) -> bool:
        """Waits until it is not what it was before, or for CHANGE_SECONDS."""
        if self._etag == "":
            return self.is_now()
        query = f"?wait_for_change=true&timeout_sec={CHANGE_SECONDS}&last_etag={self._etag}"
        return self._ask(query, CHANGE_SECONDS + 5)

    def _ask(self, query: str, seconds: float) -> bool:
        request = urllib.request.Request(PREEMPTED + query, headers={"Metadata-Flavor": "Google"})
        with self._opener.open(request, timeout=seconds) as answer:
            self._etag = str(answer.headers.get("ETag", ""))
            return str(answer.read().decode()).strip() == "TRUE"


def wait_for(preemption: Preemption) -> None:
    reachable = True
    while True:
        try:
            if preemption.comes():
                return
            reachable = True
        except OSError as error:
            if reachable:
                say(f"The metadata server does not answer: {error}.")
            reachable = False
            time.sleep(1)


def leave(tool: str, seconds: float) -> None:
    say("This instance is preempted.")
    command = [tool, "--wait", str(int(seconds)), "leave", "--for-good"]
    try:
        process = subprocess.Popen(command)  # nosec B603
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            say(f"This host has not left after {seconds:.0f} s.")
            process.kill()
    except OSError as error:
        say(f"{tool} does not start: {error}.")


def say(sentence: str) -> None:
    print(sentence, flush=True)


def main() -> None:
    settings = json.loads((Path(sys.argv[1]) if len(sys.argv) > 1 else SETTINGS).read_text())
    shutdown, preemption = Shutdown(), Preemption()
    try:
        wait_for(preemption)
        shutdown.interrupts = False
    except Stopped:
        try:
            if not preemption.is_now():
                return
        except OSError as error:
            say(f"The metadata server does not answer: {error}.")
            return
    leave(settings["tool"], settings["seconds"] - MARGIN_SECONDS)
    # If it ended before, systemd would start it again.
    while not shutdown.is_told:
        time.sleep(1)


if __name__ == "__main__":
    main()
