"""The other datacenters of a WAN federation.

The document `federation` has what all share. When the primary has changed it, it writes its revision to the key
`meshform/federation/wanted` of each other datacenter. The server that leads Consul there takes the document, has the
hosts there follow, and writes its revision to `meshform/federation/taken`.
"""

from __future__ import annotations

import functools
import urllib.parse
from collections.abc import Iterable

from .api import Api, api_of, read_token
from .basics import ENGINES, Json, NotYet, Problem, say, wait_for
from .cluster import Cluster, revision_of
from .host import Host
from .keys import FEDERATION, HOSTS, WANTED, read_texts
from .nodes import alive_in


class OtherDatacenters:
    """Those that follow this one: none, unless it is the primary."""

    def __init__(self, host: Host, cluster: Cluster, limit: float) -> None:
        self._host = host
        self._cluster = cluster
        self._limit = limit
        self._can_be = host.federation is not None and host.primary_store is None

    def share(self) -> None:
        """Waits until the stores of all have what follows from that of this one: what boots there then reads that."""
        self._cluster.ensure()
        if not self._can_be:
            return

        def attempt() -> None:
            consul, names = self._look()
            revision = revision_of(self._cluster.read_shared())
            for name in names:
                with consul.explained(f"write keys in {name}"):
                    said = read_texts(consul, f"{FEDERATION}/?recurse&{query_of(name)}")
                    if said.get("federation/wanted") != revision:
                        consul.call("PUT", f"{FEDERATION}/wanted?{query_of(name)}", revision)
                if said.get("federation/taken") != revision:
                    raise NotYet(
                        f"The servers of {name} have not read the secret federation yet.",
                        "Look at `journalctl --unit meshform-renewal` on the one that leads Consul there.",
                    )

        wait_for("the other datacenters to take the secrets that all share", self._limit, attempt)

    def missing(self) -> list[str]:
        """Which of their hosts that are alive have not taken what their store has."""
        if not self._can_be:
            return []
        missing = []
        consul, names = self._look()
        for name in names:
            with consul.explained(f"say which host of {name} has which secrets"):
                wanted = read_texts(consul, f"{WANTED}?{query_of(name)}").get("rotation")
                taken = read_texts(consul, f"{HOSTS}/?recurse&{query_of(name)}")
                alive = alive_in(consul, query_of(name))
            missing += [f"{node} of {name}" for node in alive if taken.get(node) != wanted]
        return missing

    def copy(self, accessors: Iterable[str]) -> None:
        """Waits until all have copied these tokens, and that others were deleted.

        Consul compares tokens without their secrets. So if one is deleted and created again before that is copied, its
        former secret stays valid elsewhere, and its new one is not.
        """
        for accessor in accessors if self._can_be else ():
            wait_for("the other datacenters to copy a token", self._limit, functools.partial(self._copy, accessor))

    def _copy(self, accessor: str) -> None:
        consul, names = self._look()
        with consul.explained("show a token"):
            wanted = secret_of(read_token(consul, accessor))
            for name in names:
                if secret_of(read_token(consul, accessor, query_of(name))) != wanted:
                    problem = f"{name} has not copied the token {accessor} from the primary datacenter yet."
                    raise NotYet(problem, "Look at the log of its Consul.")

    def _look(self) -> tuple[Api, list[str]]:
        consul = api_of("consul", self._host, self._cluster.read())
        known = consul.call("GET", "/v1/catalog/datacenters")
        return consul, sorted(name for name in known if name != self._host.datacenter)


def take_shared(host: Host, consul: Api, cluster: Cluster) -> None:
    """Outside the primary: takes what that has changed, and has the hosts of the datacenter follow."""
    if host.primary_store is None:
        return
    said = read_texts(consul, f"{FEDERATION}/?recurse")
    if said.get("federation/wanted", "") in ("", said.get("federation/taken")):
        return
    revision = revision_of(cluster.take_shared())
    cluster.ensure()
    consul.call("PUT", WANTED, revision_of(cluster.read_client()))
    consul.call("PUT", f"{FEDERATION}/taken", revision)
    say("The store has the secrets that the primary datacenter has changed. The hosts of this datacenter follow.")


def own_engines(host: Host) -> tuple[str, ...]:
    """The engines whose secrets belong to this datacenter: outside the primary of a federation, Consul's do not."""
    return tuple(engine for engine in ENGINES if engine == "nomad" or host.primary_store is None)


def refuse_outside_primary(host: Host, what: str) -> None:
    if host.primary_store and host.federation:
        primary = host.federation["primaryDatacenter"]
        raise Problem(
            f"All datacenters of a WAN federation share the {what} of Consul, which the primary replaces.",
            f"Run this command on a server of {primary}.",
        )


def query_of(datacenter: str) -> str:
    return f"dc={urllib.parse.quote(datacenter, safe='')}"


def secret_of(token: Json | None) -> str | None:
    return str(token["SecretID"]) if token else None
