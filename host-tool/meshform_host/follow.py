"""All hosts follow the store: each takes what has changed, and says in Consul what its agents have read.

Two kinds of keys of Consul are for that: `meshform/rotation` has the revision of the document `client` that all are to
take, `meshform/hosts/<node>` the one that a host has taken. A revision tells nothing of what is in the document.
"""

from __future__ import annotations

import argparse
import time

from .api import Api, ApiError, api_of, consul_of, leads
from .basics import DAY, NotYet, say, wait_for
from .cluster import Cluster, revision_of
from .federation import OtherDatacenters, take_shared
from .host import Host
from .host_certificates import OwnCertificates, sign_for_hosts
from .host_secrets import HostSecrets, bring_secrets
from .keys import HOSTS, WANTED, read_texts
from .lifecycle import Agents
from .nodes import ALIVE
from .rejoin import Rejoin
from .tls import ConsulTls

POLL_SECONDS = 5
# A client that has no certificate of its own yet needs each new one of those that all share: see JOINING.
READ_SECONDS = DAY / 4
# How long Consul may say nothing until a host looks into the store unasked: its agent may have slept too long.
SILENCE_SECONDS = 60
# What has just been written to a store may take a while until all can read it.
READS = 6


def follow(host: Host, arguments: argparse.Namespace) -> None:
    Follower(host, arguments.wait).run()


class Follower:
    """Takes what is in the store: at once when a rotation says so, and four times a day.

    A client that reaches no server looks for new ones.
    """

    def __init__(self, host: Host, limit: float) -> None:
        self._host = host
        self._limit = limit
        self._heard = ""
        self._reads = 0
        self._trouble = ""
        self._tls = ConsulTls()
        self._cluster = Cluster.of(host)
        self._rejoin = Rejoin(host)

    def run(self) -> None:
        called, before = False, ""
        while True:
            secrets = bring_secrets(self._host, self._limit)
            agents = secrets.agents(self._limit)
            agents.forget_what_none_has_read()
            agents.read_again()
            revision = revision_of(secrets.client)
            own = OwnCertificates(self._host, secrets, self._tls, renew=called and revision != before)
            called, before = self._wait(secrets, revision, own, agents), revision

    def _wait(self, secrets: HostSecrets, revision: str, own: OwnCertificates, agents: Agents) -> bool:
        """Until there may be something new in the store.

        @returns whether a rotation says so
        """
        start = last_answer = time.monotonic()
        while time.monotonic() < start + READ_SECONDS and time.monotonic() < last_answer + SILENCE_SECONDS:
            try:
                consul = consul_of(self._host, secrets.client, secrets.cluster)
                if self._is_called(report(consul, self._host, revision), revision):
                    return True
                if own.take(consul):
                    agents.read_again()
                agents.reload_what_has_started()
                if self._host.is_server("consul") and leads(consul):
                    take_shared(self._host, consul, self._cluster)
                    sign_for_hosts(self._host, consul, self._cluster, self._tls)
                last_answer = time.monotonic()
                self._trouble = ""
                self._rejoin.forget()
            except (NotYet, ApiError) as problem:
                if str(problem) != self._trouble:
                    say(f"Cannot report to Consul which secrets this host has: {problem}")
                self._trouble = str(problem)
                self._rejoin.attempt(secrets.client["consul"]["ca"])
            time.sleep(POLL_SECONDS)
        return False

    def _is_called(self, wanted: str, revision: str) -> bool:
        if wanted != self._heard:
            self._heard, self._reads = wanted, 0
        self._reads += 1
        return wanted not in ("", revision) and self._reads <= READS


def report(consul: Api, host: Host, revision: str) -> str:
    """Says which revision this host has taken.

    @returns which one it is to take, or nothing
    """
    own = f"{HOSTS}/{host.node}"
    if read_texts(consul, own).get(host.node) != revision:
        consul.call("PUT", own, revision)
    return read_texts(consul, WANTED).get("rotation", "")


class AllHosts:
    """The hosts of a cluster whose agents are alive. The others take what is in the store before their agents start.

    From the primary of a WAN federation, also those of the other datacenters.
    """

    def __init__(self, host: Host, cluster: Cluster, limit: float) -> None:
        self._host = host
        self._cluster = cluster
        self._others = OtherDatacenters(host, cluster, limit)
        self._limit = limit

    def tell(self) -> str:
        """Has all hosts take what is in the store.

        @returns its revision
        @raises NotYet if Consul does not answer
        """
        revision = revision_of(self._cluster.read_client())
        consul = self._consul()
        with consul.explained("write the key meshform/rotation"):
            consul.call("PUT", WANTED, revision)
        return revision

    def take(self, what: str) -> None:
        """Waits until all have taken what follows from the store, as long as it goes on.

        @raises Problem with the names of those that have not
        """
        self._others.share()
        revision = wait_for("Consul", self._limit, self.tell)
        missing = self._missing(revision)
        while missing:
            known = missing

            def go_on(known: list[str] = known) -> list[str]:
                now = self._missing(revision)
                if now and len(now) >= len(known):
                    raise NotYet(
                        f"{', '.join(now)} did not report it yet.",
                        "Look at `journalctl --unit meshform-renewal` there, then run this again.",
                    )
                return now

            missing = wait_for(f"all hosts to {what}", self._limit, go_on)
        say(f"All hosts {what}.")

    def _missing(self, revision: str) -> list[str]:
        def attempt() -> list[str]:
            consul = self._consul()
            with consul.explained("say which host has which secrets"):
                members = consul.call("GET", "/v1/agent/members")
                taken = read_texts(consul, f"{HOSTS}/?recurse")
            alive = {member["Name"] for member in members if member["Status"] == ALIVE}
            return sorted([*self._others.missing(), *(name for name in alive if taken.get(name) != revision)])

        return wait_for("Consul", self._limit, attempt)

    def _consul(self) -> Api:
        return api_of("consul", self._host, self._cluster.read())
