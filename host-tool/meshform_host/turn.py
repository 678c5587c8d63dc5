"""Restarts take turns."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import time

from .api import Api, ApiError
from .basics import Json, NoAnswer, NotYet, say, wait_for
from .host import Host

# How long a service that starts may take to listen.
SILENCE_SECONDS = 60
# The key that says whose turn it is, and until when.
TURN = "/v1/kv/meshform/turn"


def end_turn_of(node: str, consul: Api, query: str = "") -> None:
    """Lets others have the turn of a host, if that has it.

    @param query the datacenter of the host, if it is another one
    """
    held = read_turn(consul, query)
    if held and held[1]["host"] == node:
        consul.call("DELETE", f"{TURN}?{query}&cas={held[0]}")


def read_turn(consul: Api, query: str = "") -> tuple[int, Json] | None:
    """The index of the key, and who has the turn."""
    try:
        (entry,) = consul.call("GET", f"{TURN}?{query}")
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    held = json.loads(base64.b64decode(entry["Value"] or ""))
    return entry["ModifyIndex"], held


class Turn:
    """The right to restart or reload agents, which one host of a cluster has at a time.

    A key in Consul with the host's name and until when it may keep it: a host that goes down in the middle does not
    keep the others waiting for longer. A session would not do, since it ends when the Consul agent of its host leaves.
    """

    def __init__(self, host: Host, consul: Api, limit: float) -> None:
        self._node = host.node
        self._lock = host.path("/etc/meshform/turn.lock")
        self._consul = consul
        self._limit = limit
        self._taken = False

    def __enter__(self) -> Turn:
        what = "this host's turn to restart or reload agents"
        # One run of this program on a host at a time: the first that ends gives the turn of the host away.
        self._alone = self._lock.open("w")
        wait_for(what, self._limit, self._take_lock)
        try:
            wait_for(what, self._limit, self._take, SILENCE_SECONDS)
            self._taken = True
        except NoAnswer as silence:
            say(f"{silence} No checks can fail now, so this host does not wait for its turn.")
        return self

    def __exit__(self, *_: object) -> None:
        with self._alone:
            self._give()

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotYet(
                "Another run of this program on this host has the turn.", "It waits until that one ends."
            ) from error

    def _give(self) -> None:
        if not self._taken:
            return
        with contextlib.suppress(ApiError, NotYet):
            end_turn_of(self._node, self._consul)

    def end_in(self, seconds: float) -> None:
        """Keeps the turn for so long, whatever happens to this host."""
        held = read_turn(self._consul)
        if self._taken and held:
            entry = {"host": self._node, "until": time.time() + seconds}
            self._consul.call("PUT", f"{TURN}?cas={held[0]}", entry)
            self._taken = False

    def _take(self) -> None:
        try:
            self._take_if_allowed()
        except ApiError as error:
            # An agent remembers for a while what a token may not do.
            raise NotYet(
                f"Consul refused to write the key meshform/turn, {error}.",
                "Apply the access rules (AccessStack): they let agents do so.",
            ) from error

    def _take_if_allowed(self) -> None:
        held = read_turn(self._consul)
        now = time.time()
        if held and held[1]["host"] != self._node and held[1]["until"] > now:
            end = time.strftime("%H:%M:%S UTC", time.gmtime(held[1]["until"]))
            raise NotYet(f"{held[1]['host']} restarts or reloads its agents, until {end} at most.", "Hosts take turns.")
        entry = {"host": self._node, "until": now + self._limit}
        if not self._consul.call("PUT", f"{TURN}?cas={held[0] if held else 0}", entry):
            raise NotYet("Another host was faster.", "Hosts take turns.")
