"""New CAs of the agents in place of the old ones, while everything runs."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Sequence

from .api import Api, api_of
from .basics import Json, say, wait_for, without
from .cluster import CA_FIELDS, Cluster, another_rotation, only
from .federation import OtherDatacenters, own_engines
from .follow import AllHosts
from .host import Host
from .tls import Authorities, ConsulTls, KeyPair


class CaRotation:
    """New CAs for the engines, in steps of which each leaves all agents able to prove themselves to each other.

    The store says how far it is (see Authorities), so a run that is interrupted goes on when it is repeated. No step
    begins before all hosts that are alive have taken the one before. A host that is off reads the store when it starts.
    """

    def __init__(
        self, host: Host, cluster: Cluster, tls: ConsulTls, limit: float, engines: Sequence[str] | None = None
    ) -> None:
        """@param engines (default: all whose CA belongs to this datacenter)"""
        self._host = host
        self._cluster = cluster
        self._tls = tls
        self._hosts = AllHosts(host, cluster, limit)
        self._others = OtherDatacenters(host, cluster, limit)
        self._limit = limit
        self._engines = engines or own_engines(host)

    def run(self, keep_old: bool) -> None:
        if any(self._is_at(step) for step in ("nextCa", "previousCa", "formerCa")):
            say("A rotation of the CAs was interrupted. It is continued.")
        else:
            self._change(self._with_next)
        if self._is_at("nextCa"):
            self._take("trust both CAs")
            self._change(self._with_new, "nextCa")
        if self._is_at("previousCa"):
            self._take("show certificates of the new CAs")
            if keep_old:
                say("The old CAs are trusted until this is run again without --keep-old.")
                return
            self._change(self._with_former, "previousCa")
        self._take("trust the new CAs alone")
        self._change(lambda _, own: without(own, "formerCa"))
        self._others.share()
        names = " and ".join(engine.capitalize() for engine in self._engines)
        say(f"All agents use new CAs of {names}.")
        say("People, Prometheus and anyone who applies access rules must fetch their documents.")

    def _is_at(self, step: str) -> bool:
        cluster = self._cluster.read()
        return any(step in cluster[engine] for engine in self._engines)

    def _with_next(self, engine: str, own: Json) -> Json:
        return {**own, "nextCa": self._tls.authority(engine, self._host.ca_days).document()}

    def _with_new(self, _: str, own: Json) -> Json:
        new, old = KeyPair.of(own["nextCa"]), KeyPair.of(own["ca"])
        bridges = [self._tls.bridge(new, old, self._host.ca_days), *own.get("bridges", [])]
        return {**without(own, "nextCa"), "ca": new.document(), "previousCa": old.document(), "bridges": bridges}

    def _with_former(self, _: str, own: Json) -> Json:
        return {**without(own, "previousCa"), "formerCa": own["previousCa"]}

    def _change(self, step: Callable[[str, Json], Json], at: str | None = None) -> None:
        """@param at field of the engines that are at this step (default: all take it)"""
        before = self._cluster.read()
        engines = [engine for engine in self._engines if at is None or at in before[engine]]
        if not engines:
            raise another_rotation("the CAs")
        after = {engine: step(engine, before[engine]) for engine in engines}

        def change(cluster: Json) -> Json:
            changed = {
                engine: {**without(cluster[engine], *CA_FIELDS), **only(after[engine], CA_FIELDS)} for engine in engines
            }
            return {**cluster, **changed}

        def is_there(cluster: Json) -> bool:
            return all(only(cluster[engine], CA_FIELDS) == only(before[engine], CA_FIELDS) for engine in engines)

        self._cluster.go_on("the CAs", is_there, change)

    def _take(self, what: str) -> None:
        self._hosts.take(what)
        wait_for("Consul", self._limit, self._tell_auth_methods)

    def _tell_auth_methods(self) -> None:
        """Consul reads the keys of workloads' identities from Nomad. Each auth method has a CA of its own for that."""
        cluster = self._cluster.read()
        trusted = Authorities.of(cluster["nomad"]).trusted
        known = trusted + cluster["nomad"].get("formerCa", {}).get("certificate", "")
        consul = api_of("consul", self._host, cluster)
        with consul.explained("update the CA of an auth method"):
            for listed in consul.call("GET", "/v1/acl/auth-methods"):
                trust_in_method(consul, str(listed["Name"]), known, trusted)


def trust_in_method(consul: Api, name: str, known: str, trusted: str) -> None:
    """Has an auth method that trusts one of the known CAs trust these."""
    path = f"/v1/acl/auth-method/{urllib.parse.quote(name, safe='')}"
    method = consul.call("GET", path)
    held = str((method["Config"] or {}).get("JWKSCACert") or "")
    if certificates_in(held) & certificates_in(known) and certificates_in(held) != certificates_in(trusted):
        consul.call("PUT", path, {**method, "Config": {**method["Config"], "JWKSCACert": trusted}})
        say(f"Auth method {name} of Consul now trusts Nomad's new CA.")


def certificates_in(pem: str) -> set[str]:
    end = "-----END CERTIFICATE-----"
    return {"".join(part.split()) for part in pem.split(end) if part.strip()}
