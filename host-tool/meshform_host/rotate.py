"""New secrets in place of old ones, while everything runs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Protocol

from .acl import wait_until_usable
from .api import Api, api_of, consul_of, server_apis
from .basics import NotYet, Problem, say, wait_for
from .cluster import Cluster, cluster_of, secrets_of
from .federation import OtherDatacenters, own_engines, refuse_outside_primary
from .follow import AllHosts
from .host import Host
from .management import ManagementToken
from .rotate_ca import CaRotation
from .rotate_tokens import TokenRotation
from .tls import ConsulTls
from .turn import Turn


class Keyring(Protocol):
    """The gossip keys of all agents of an engine."""

    def change(self, operation: str, key: str) -> None:
        """Has every agent `install`, `use` or `remove` a key. Each may be repeated.

        @raises NotYet unless all have done so
        """


class ConsulKeyring:
    METHODS: Mapping[str, str] = {"install": "POST", "use": "PUT", "remove": "DELETE"}

    def __init__(self, api: Api) -> None:
        self._api = api

    def change(self, operation: str, key: str) -> None:
        self._api.call(self.METHODS[operation], "/v1/operator/keyring", {"Key": key})
        for pool in self._api.call("GET", "/v1/operator/keyring"):
            holders = (pool["PrimaryKeys"] if operation == "use" else pool["Keys"]).get(key, 0)
            expect_all(operation, holders, pool["NumNodes"], "WAN" if pool["WAN"] else "LAN")


class NomadKeyring:
    def __init__(self, api: Api) -> None:
        self._api = api

    def change(self, operation: str, key: str) -> None:
        self._api.call("PUT", f"/v1/agent/keyring/{operation}", {"Key": key})
        said = self._api.call("GET", "/v1/agent/keyring/list")
        expect_all(operation, said["Keys"].get(key, 0), said["NumNodes"], "server")


def expect_all(operation: str, holders: int, nodes: int, pool: str) -> None:
    wanted = 0 if operation == "remove" else nodes
    if holders != wanted:
        seen = f"{holders} of {nodes} agents in the {pool} pool hold the key after `{operation}`."
        raise NotYet(seen, "All must answer.")


KEYRINGS: Mapping[str, Callable[[Api], Keyring]] = {"consul": ConsulKeyring, "nomad": NomadKeyring}


class GossipRotation:
    """A new gossip key for an engine, in steps of which each leaves all agents able to understand each other.

    The store says how far it is, so a run that is interrupted finishes when it is repeated:

      primary                the rest
      primary, next          `next` is being given to everybody; hosts that boot now get both
      primary, previous      everybody uses `primary`; `previous` is being taken away
    """

    def __init__(self, host: Host, api: Api, cluster: Cluster, tls: ConsulTls, wait: float) -> None:
        self._api = api
        self._engine = api.engine
        self._keyring = KEYRINGS[api.engine.lower()](api)
        self._cluster = cluster
        self._tls = tls
        self._others = OtherDatacenters(host, cluster, wait)
        self._wait = wait

    def run(self) -> None:
        gossip = self._gossip()
        if gossip.keys() == {"primary"}:
            self._store({**gossip, "next": self._tls.keygen()}, instead_of=gossip)
            gossip = self._gossip()
        else:
            say(f"A rotation of {self._engine}'s gossip key was interrupted. This completes it.")
        if "next" in gossip:
            self._change("install", gossip["next"])
            self._change("use", gossip["next"])
            used = {"primary": gossip["next"], "previous": gossip["primary"]}
            self._store(used, instead_of=gossip)
            gossip = used
        self._change("remove", gossip["previous"])
        self._store({"primary": gossip["primary"]}, instead_of=gossip)
        say(f"All agents of {self._engine} use a new gossip key.")

    def _change(self, operation: str, key: str) -> None:
        def attempt() -> None:
            with self._api.explained(f"{operation} a gossip key"):
                self._keyring.change(operation, key)

        wait_for(f"all agents of {self._engine} to {operation} the key", self._wait, attempt)

    def _gossip(self) -> dict[str, str]:
        gossip: dict[str, str] = self._cluster.read()[self._engine.lower()]["gossip"]
        return gossip

    def _store(self, gossip: Mapping[str, str], instead_of: Mapping[str, str]) -> None:
        engine = self._engine.lower()

        self._cluster.go_on(
            "the gossip key",
            lambda cluster: bool(cluster[engine]["gossip"] == instead_of),
            lambda cluster: {**cluster, engine: {**cluster[engine], "gossip": dict(gossip)}},
        )
        self._others.share()


def rotate_keyring(host: Host, cluster: Cluster, limit: float) -> None:
    """Has Nomad encrypt variables and sign identities with a new key. What the old keys have signed stays valid."""
    if not host.is_server("nomad"):
        raise Problem("This host is not a Nomad server.", "Run this command on such a server.")
    api = api_of("nomad", host, cluster.read())
    wait_until_usable(api, limit)
    new = api.call("PUT", "/v1/operator/keyring/rotate?full")["Key"]["KeyID"]

    def encrypted_again() -> None:
        states = {key["KeyID"]: key["State"] for key in api.call("GET", "/v1/operator/keyring/keys")}
        busy = [key for key, state in states.items() if state == "rekeying"]
        if states.get(new) != "active" or busy:
            raise NotYet(f"{len(busy)} old keys still have variables.", "Look at Nomad's log.")

    wait_for("Nomad to encrypt its variables with the new key", limit, encrypted_again)
    say("Nomad uses a new key of its keyring.")


def rotate_certificates(host: Host, cluster: Cluster, limit: float) -> None:
    cluster.ensure(renew=True)
    try:
        AllHosts(host, cluster, limit).tell()
        say("Clients get new ones now, one after another. On servers, run `meshform-host secrets --renew`.")
    except NotYet as silence:
        say(f"{silence} So the hosts were not notified. Run this again when Consul answers.")


def rotate_management_tokens(host: Host, cluster: Cluster, limit: float) -> None:
    for api in own_apis(host, cluster, "management tokens"):
        wait_for(f"a leader of {api.engine}", limit, api.leader)
        with Turn(host, consul_of(host, *secrets_of(host)), limit):
            ManagementToken(host, cluster, api.engine.lower()).rotate(limit)


def rotate_gossip(host: Host, cluster: Cluster, limit: float) -> None:
    for api in own_apis(host, cluster, "gossip keys"):
        wait_until_usable(api, limit)
        GossipRotation(host, api, cluster, ConsulTls(), limit).run()


def own_apis(host: Host, cluster: Cluster, what: str) -> list[Api]:
    """Of the engines that this host is a server of, those whose secrets belong to its datacenter."""
    apis = [api for api in server_apis(host, cluster.read()) if api.engine.lower() in own_engines(host)]
    if not apis:
        refuse_outside_primary(host, what)
    return apis


def rotate_ca(host: Host, cluster: Cluster, arguments: argparse.Namespace) -> None:
    CaRotation(host, cluster, ConsulTls(), arguments.wait).run(arguments.keep_old)


def rotate_tokens(host: Host, cluster: Cluster, limit: float) -> None:
    refuse_outside_primary(host, "tokens")
    TokenRotation(host, cluster, limit).run()


# What each datacenter of a federation has of its own, also outside the primary.
OWN = ("certificates", "keyring")
# What is rotated, and by what.
ROTATIONS: Mapping[str, Callable[[Host, Cluster, argparse.Namespace], None]] = {
    "gossip": lambda host, cluster, said: rotate_gossip(host, cluster, said.wait),
    "certificates": lambda host, cluster, said: rotate_certificates(host, cluster, said.wait),
    "ca": rotate_ca,
    "tokens": lambda host, cluster, said: rotate_tokens(host, cluster, said.wait),
    "management-tokens": lambda host, cluster, said: rotate_management_tokens(host, cluster, said.wait),
    "keyring": lambda host, cluster, said: rotate_keyring(host, cluster, said.wait),
}


def rotate(host: Host, arguments: argparse.Namespace) -> None:
    cluster_of(host, arguments.wait)
    ROTATIONS[arguments.what](host, Cluster.of(host), arguments)
    if host.primary_store and arguments.what not in OWN:
        say("Those of Consul are shared by all datacenters: they are replaced on a server of the primary datacenter.")
