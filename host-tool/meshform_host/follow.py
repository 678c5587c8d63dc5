"""All hosts follow the store: each takes what has changed, and says in Consul what its agents have read.

Two kinds of keys of Consul are for that: `meshform/rotation` has the revision of the document `client` that all are to
take, `meshform/hosts/<node>` the one that a host has taken. A revision tells nothing of what is in the document.
"""

from __future__ import annotations

import argparse
import base64
import time

from .api import Api, ApiError, api_of, consul_of
from .basics import DAY, NotYet, Problem, say, wait_for
from .cluster import Cluster, revision_of
from .host import Host
from .host_secrets import HostSecrets, bring_secrets
from .nodes import ALIVE

WANTED = "/v1/kv/meshform/rotation"
TAKEN = "/v1/kv/meshform/hosts"

POLL_SECONDS = 5
# How long Consul may say nothing until a host looks into the store unasked: its agent may have slept too long to be let in.
SILENCE_SECONDS = 60
# What has just been written to a store may take a while until all can read it.
READS = 6


def follow(host: Host, arguments: argparse.Namespace) -> None:
    Follower(host, arguments.wait).run()


class Follower:
    """Takes what is in the store: at once when a rotation says so, and each day."""

    def __init__(self, host: Host, limit: float) -> None:
        self._host = host
        self._limit = limit
        self._heard = ""
        self._reads = 0
        self._trouble = ""

    def run(self) -> None:
        while True:
            secrets = bring_secrets(self._host, self._limit)
            agents = secrets.agents(self._limit)
            agents.forget_what_none_has_read()
            agents.read_again()
            self._wait(secrets)

    def _wait(self, secrets: HostSecrets) -> None:
        """Until there may be something new in the store."""
        revision = revision_of(secrets.client)
        start = last_answer = time.monotonic()
        while time.monotonic() < start + DAY and time.monotonic() < last_answer + SILENCE_SECONDS:
            try:
                consul = consul_of(self._host, secrets.client, secrets.cluster)
                if self._is_called(report(consul, self._host, revision), revision):
                    return
                last_answer = time.monotonic()
                self._trouble = ""
            except (NotYet, ApiError) as problem:
                if str(problem) != self._trouble:
                    say(f"Cannot say in Consul which secrets this host has: {problem}")
                self._trouble = str(problem)
            time.sleep(POLL_SECONDS)

    def _is_called(self, wanted: str, revision: str) -> bool:
        if wanted != self._heard:
            self._heard, self._reads = wanted, 0
        self._reads += 1
        return wanted not in ("", revision) and self._reads <= READS


def report(consul: Api, host: Host, revision: str) -> str:
    """Says which revision this host has taken.

    @returns which one it is to take, or nothing
    """
    own = f"{TAKEN}/{host.node}"
    if read_texts(consul, own).get(host.node) != revision:
        consul.call("PUT", own, revision)
    return read_texts(consul, WANTED).get("rotation", "")


def read_texts(consul: Api, path: str) -> dict[str, str]:
    """The values of a key, or of those below it with `?recurse`, by the last part of their names."""
    try:
        entries = consul.call("GET", path)
    except ApiError as error:
        if error.status == 404:
            return {}
        raise
    return {entry["Key"].rsplit("/", 1)[-1]: decode(entry["Value"]) for entry in entries}


def decode(value: str | None) -> str:
    return base64.b64decode(value or "").decode(errors="replace").strip('"')


class AllHosts:
    """The hosts of a cluster whose agents are alive. The others take what is in the store before their agents start."""

    def __init__(self, host: Host, cluster: Cluster, limit: float) -> None:
        self._host = host
        self._cluster = cluster
        self._limit = limit

    def tell(self) -> str:
        """Has all hosts take what is in the store.

        @returns its revision
        @raises NotYet if Consul does not answer
        """
        revision = revision_of(self._cluster.read_client())
        try:
            self._consul().call("PUT", WANTED, revision)
        except ApiError as error:
            raise Problem(f"Consul does not take the key meshform/rotation, {error}.", "Look at its log.") from error
        return revision

    def take(self, what: str) -> None:
        """Waits until all have, as long as it goes on.

        @raises Problem with the names of those that have not
        """
        revision = wait_for("Consul", self._limit, self.tell)
        missing = self._missing(revision)
        while missing:
            known = missing

            def go_on(known: list[str] = known) -> list[str]:
                now = self._missing(revision)
                if now and len(now) >= len(known):
                    raise NotYet(
                        f"{', '.join(now)} did not say so yet.",
                        "Look there at `journalctl --unit meshform-renewal`, then run this once more.",
                    )
                return now

            missing = wait_for(f"all hosts to {what}", self._limit, go_on)
        say(f"All hosts {what}.")

    def _missing(self, revision: str) -> list[str]:
        def attempt() -> list[str]:
            consul = self._consul()
            try:
                members = consul.call("GET", "/v1/agent/members")
                taken = read_texts(consul, f"{TAKEN}?recurse")
            except ApiError as error:
                raise Problem(f"Consul does not say who has what, {error}.", "Look at its log.") from error
            alive = {member["Name"] for member in members if member["Status"] == ALIVE}
            return sorted(name for name in alive if taken.get(name) != revision)

        return wait_for("Consul", self._limit, attempt)

    def _consul(self) -> Api:
        return api_of("consul", self._host, self._cluster.read())
