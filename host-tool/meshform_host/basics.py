"""What every module of the host tool uses: problems, what it says, and waiting."""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
Json = dict[str, Any]

ENGINES = ("consul", "nomad")
DAY = 24 * 60 * 60


@dataclasses.dataclass(frozen=True)
class Stored:
    """The text of a secret in a store, and which version of it that is."""

    text: str
    version: str


class Problem(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem} {fix}")


class NotYet(Problem):
    """A problem that may pass with time."""


class NoAnswer(NotYet):
    """Nobody answers, or somebody who cannot prove to be the agent."""


# What in a document of the store has names of hosts, which people must see, and no secret.
HOSTS_NAMED = ("exclusion", "restorer")


class Output:
    """Standard error, one sentence a line. Nothing known to be secret gets out, not even in an engine's error."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def hide(self, document: object) -> None:
        """Takes every text in a document of the store for secret; hiding a public certificate does no harm."""
        if isinstance(document, dict):
            for name, value in document.items():
                if name not in HOSTS_NAMED:
                    self.hide(value)
        elif isinstance(document, list):
            for value in document:
                self.hide(value)
        elif isinstance(document, str) and len(document) >= 16:
            self._secrets.add(document)

    def say(self, sentence: str) -> None:
        for secret in self._secrets:
            sentence = sentence.replace(secret, "[hidden]")
        print(sentence, file=sys.stderr, flush=True)


OUTPUT = Output()


def say(sentence: str) -> None:
    OUTPUT.say(sentence)


def wait_for(what: str, limit: float, probe: Callable[[], T], silence: float | None = None) -> T:
    """Repeats a probe until it no longer says NotYet, and tells what it is waiting for.

    @param silence for how many seconds to accept NoAnswer (default: as long as anything else)
    """
    start = time.monotonic()
    end = start + limit
    told: str | None = None
    pause = 0.1
    while True:
        try:
            return probe()
        except NotYet as reason:
            if silence is not None and isinstance(reason, NoAnswer) and time.monotonic() >= start + min(silence, limit):
                raise
            if time.monotonic() >= end:
                raise Problem(f"Timed out after {limit:.0f} s waiting for {what}.", str(reason)) from reason
            if told != str(reason):
                told = str(reason)
                say(f"Waiting for {what}: {told}")
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def without(document: Json, *names: str) -> Json:
    return {key: value for key, value in document.items() if key not in names}
