"""Excludes a host whose disk, or root access, somebody else may have: what lets a host in is new for all others."""

from __future__ import annotations

import argparse
import functools
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

from .api import Api, ApiError, api_of
from .basics import ENGINES, Json, NotYet, Problem, T, say, wait_for, without
from .cluster import Cluster, cluster_of
from .federation import query_of
from .host import Host
from .keys import FEDERATION, HOSTS, read_texts
from .nodes import ALIVE, alive_in
from .rotate import GossipRotation
from .rotate_ca import CaRotation
from .rotate_tokens import TokenRotation
from .tls import ConsulTls
from .turn import end_turn_of

SWITCH_OFF = "Switch it off, or cut it off from the other hosts and from the secret store, for good."
# The services under which Nomad's servers are in Consul's catalog.
NOMAD_SERVERS = "/v1/catalog/service/nomad"


def exclude(host: Host, arguments: argparse.Namespace) -> None:
    cluster_of(host, arguments.wait)
    if not host.is_server("nomad"):
        raise Problem("This host is not a Nomad server.", "Run this command on such a server.")
    if arguments.datacenter in (None, host.datacenter):
        Exclusion(host, arguments.node, arguments.wait).run()
    elif host.federation and host.primary_store is None:
        ExclusionElsewhere(host, arguments.node, arguments.datacenter, arguments.wait).run()
    else:
        raise Problem(
            f"{host.datacenter} is not the primary datacenter of a WAN federation.",
            "Omit --datacenter, or run this command on a server of the primary.",
        )


class Exclusion:
    """New secrets for all hosts but one, which is off or cut off. What is not replaced is in docs/secrets.md.

    The store says what is left to do, in `exclusion` of `cluster`, so a run that is interrupted goes on when it is
    repeated. The agents that hold the old gossip key are told the new one, so nothing begins while the host is alive.

    Outside the primary of a federation, Consul's are replaced first: see ExclusionElsewhere.
    """

    def __init__(self, host: Host, node: str, limit: float, engines: Sequence[str] | None = None) -> None:
        self._host = host
        self._node = node
        # As the command has it.
        self._what = node
        self._datacenter = host.datacenter
        self._limit = limit
        self._cluster = Cluster.of(host)
        tls = ConsulTls()
        ca = CaRotation(host, self._cluster, tls, limit, engines)
        self._rotations: Mapping[str, Callable[[], None]] = {"ca": lambda: ca.run(keep_old=False)}
        if host.primary_store is None:
            self._rotations = {
                "gossip": lambda: GossipRotation(host, self._api("consul"), self._cluster, tls, limit).run(),
                "tokens": lambda: TokenRotation(host, self._cluster, limit).run(),
                **self._rotations,
            }

    @property
    def _query(self) -> str:
        return query_of(self._datacenter)

    def run(self) -> None:
        self._expect_known_client()
        self._wait_until_off()
        # If it went down while it had it, the others would wait for 15 minutes.
        self._ask(lambda: end_turn_of(self._node, self._api("consul"), self._query))
        self._ask(self._leave_catalog)
        self._cluster.change(self._begin)
        for what, rotate in self._rotations.items():
            if what in self._cluster.read()["exclusion"]["left"]:
                self._wait_until_off()
                rotate()
                self._cluster.change(functools.partial(without_step, what))
        self._wait_until_off()
        self._forget()
        self._cluster.change(lambda cluster: without(cluster, "exclusion"))
        self._report()

    def _report(self) -> None:
        say(f"{self._node} is excluded: its gossip key, tokens and certificates are refused.")
        say("People, Prometheus and anyone who applies access rules must fetch their documents again.")

    def _begin(self, cluster: Json) -> Json:
        begun = cluster.get("exclusion")
        if begun and begun["node"] != self._what:
            raise Problem(f"The exclusion of {begun['node']} has not ended.", f"Run `exclude {begun['node']}` first.")
        if begun:
            say(f"The exclusion of {self._node} was interrupted. It is continued.")
            return cluster
        # The host may know what such a rotation was about to bring.
        for what, is_going_on in (
            ("gossip", any(len(cluster[engine]["gossip"]) > 1 for engine in ENGINES)),
            ("tokens", "tokenRotation" in cluster),
            ("ca", any(cluster[engine].keys() & {"nextCa", "previousCa", "formerCa"} for engine in ENGINES)),
        ):
            if is_going_on:
                problem = f"A rotation has not ended, and {self._node} may know the new secrets."
                raise Problem(problem, f"Run `meshform-host rotate {what}`, then run this again.")
        return {**cluster, "exclusion": {"node": self._what, "left": list(self._rotations)}}

    def _expect_known_client(self) -> None:
        roles = self._ask(lambda: {member["Name"]: member["Tags"].get("role") for member in self._members()})
        taken = self._ask(lambda: read_texts(self._api("consul"), f"{HOSTS}/?recurse"))
        nodes = [str(node["Name"]) for node in self._ask(self._nodes)]
        if roles.get(self._node) == "consul" or self._node in self._ask(self._servers_of_nomad):
            raise known_server(self._node)
        if self._node not in {*roles, *taken, *nodes}:
            raise Problem(f"There is no host named {self._node}.", "See `consul members` and `nomad node status`.")
        if self._host.primary_store and not self._ask(lambda: read_texts(self._api("consul"), excluded(self._node))):
            here, primary = self._host.datacenter, (self._host.federation or {}).get("primaryDatacenter")
            raise Problem(
                f"{self._node} knows secrets of Consul that all datacenters of the WAN federation share.",
                f"First run `meshform-host exclude {self._node} --datacenter {here}` on a server of {primary}.",
            )

    def _wait_until_off(self) -> None:
        def is_off() -> None:
            if any(it["Name"] == self._node and it["Status"] == ALIVE for it in self._members()):
                raise still_alive(self._node)
            if any(it["Name"] == self._node and it["Status"] == "ready" for it in self._nodes()):
                raise NotYet(f"{self._node} is a ready node of Nomad.", SWITCH_OFF)

        wait_for(f"{self._node} to be off", self._limit, is_off)

    def _leave_catalog(self) -> None:
        """Ends requests to what ran there: callers in the mesh gateway mode `remote` do not see that a gateway is critical."""
        node = {"Node": self._node, "Datacenter": self._datacenter}
        self._api("consul").call("PUT", "/v1/catalog/deregister", node)

    def _forget(self) -> None:
        """What runs elsewhere by now is not on that host, and its node is unknown to both engines."""
        name = urllib.parse.quote(self._node, safe="")

        def forget() -> None:
            consul, nomad = self._api("consul"), self._api("nomad")
            consul.call("PUT", f"/v1/agent/force-leave/{name}?prune")
            self._leave_catalog()
            consul.call("DELETE", f"{HOSTS}/{name}")
            consul.call("DELETE", f"{HOSTS}/{name}/?recurse")
            consul.call("DELETE", excluded(self._node))
            for node in self._nodes():
                if node["Name"] == self._node:
                    nomad.call("PUT", f"/v1/node/{node['ID']}/purge")

        self._ask(forget)

    def _ask(self, question: Callable[[], T]) -> T:
        def attempt() -> T:
            try:
                return question()
            except ApiError as error:
                raise Problem(f"An agent on this host refused a request, {error}.", "Look at its log.") from error

        return wait_for("the agents of this host", self._limit, attempt)

    def _api(self, engine: str) -> Api:
        return api_of(engine, self._host, self._cluster.read())

    def _members(self) -> list[Json]:
        members: list[Json] = self._api("consul").call("GET", "/v1/agent/members")
        return members

    def _nodes(self) -> list[Json]:
        nodes: list[Json] = self._api("nomad").call("GET", "/v1/nodes")
        return nodes

    def _servers_of_nomad(self) -> list[str]:
        """A member's name ends with its region."""
        members = self._api("nomad").call("GET", "/v1/agent/members")["Members"]
        return [str(member["Name"]).removesuffix(f".{self._host.region}") for member in members]


class ExclusionElsewhere(Exclusion):
    """In the primary of a federation: new secrets of Consul, which a host of another datacenter knows.

    Those of Nomad are replaced there, and the host is forgotten there: a key in the Consul of that datacenter says that
    this is next.
    """

    def __init__(self, host: Host, node: str, datacenter: str, limit: float) -> None:
        super().__init__(host, node, limit, ("consul",))
        self._datacenter = datacenter
        self._what = f"{node} --datacenter {datacenter}"

    def _expect_known_client(self) -> None:
        nodes = self._ask(lambda: self._names("/v1/catalog/nodes"))
        taken = self._ask(lambda: read_texts(self._api("consul"), f"{HOSTS}/?recurse&{self._query}"))
        servers = self._ask(lambda: [*self._names("/v1/catalog/service/consul"), *self._names(NOMAD_SERVERS)])
        if self._node in servers:
            raise known_server(self._node)
        if self._node not in {*nodes, *taken}:
            fix = f"See `consul members` on a server of {self._datacenter}."
            raise Problem(f"There is no host named {self._node} in {self._datacenter}.", fix)

    def _names(self, path: str) -> list[str]:
        return [str(found["Node"]) for found in self._api("consul").call("GET", f"{path}?{self._query}")]

    def _wait_until_off(self) -> None:
        def is_off() -> None:
            if self._node in alive_in(self._api("consul"), self._query):
                raise still_alive(self._node)

        wait_for(f"{self._node} to be off", self._limit, is_off)

    def _forget(self) -> None:
        self._ask(
            lambda: self._api("consul").call("PUT", f"{excluded(self._node)}?{self._query}", self._host.datacenter)
        )

    def _report(self) -> None:
        say(f"The gossip key, tokens and certificates of Consul that {self._node} has are refused.")
        say(f"Now run `meshform-host exclude {self._node}` on a server of {self._datacenter}.")


def excluded(node: str) -> str:
    """The key that says that the primary has replaced the secrets of Consul that a host knows."""
    return f"{FEDERATION}/excluded/{urllib.parse.quote(node, safe='')}"


def known_server(node: str) -> Problem:
    return Problem(
        f"{node} is a server, which knows all tokens, Nomad's signing keys and the key of the mesh CA.",
        "Not all of these can be replaced: set up a new cluster with a new secret store (docs/secrets.md).",
    )


def still_alive(node: str) -> NotYet:
    return NotYet(f"{node} is an alive member of Consul, and would get the new secrets.", SWITCH_OFF)


def without_step(step: str, cluster: Json) -> Json:
    left = [it for it in cluster["exclusion"]["left"] if it != step]
    return {**cluster, "exclusion": {**cluster["exclusion"], "left": left}}
