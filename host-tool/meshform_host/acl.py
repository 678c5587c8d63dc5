"""The ACL systems of both engines, and the well-known tokens of Consul."""

from __future__ import annotations

import argparse
import functools
import hashlib
from collections.abc import Collection

from .api import Api, ApiError, consul_of, read_token, server_apis
from .basics import Json, NotYet, Problem, say, wait_for
from .cluster import Cluster, cluster_of, secrets_of
from .host import Host
from .management import ManagementToken, check_management_token
from .nodes import forget_replaced_nodes
from .recovery import Recovery, remember_cluster
from .turn import Turn


def bootstrap_acl(host: Host, arguments: argparse.Namespace) -> None:
    cluster = cluster_of(host, arguments.wait)
    secrets = Cluster.of(host)
    for api in server_apis(host, cluster):
        Recovery(host, api, secrets).join(arguments.wait)
        wait_for(f"a leader of {api.engine}", arguments.wait, api.leader)
        token = ManagementToken(host, secrets, api.engine.lower())
        is_replicated = api.engine == "Consul" and host.primary_store is not None
        start = functools.partial(bootstrap, api, cluster, token)
        what = f"the ACL system of {api.engine}"
        wait_for(what, arguments.wait, functools.partial(expect_replicated, api) if is_replicated else start)
        if not wait_for(f"the management token of {api.engine}", arguments.wait, token.is_settled):
            with Turn(host, consul_of(host, *secrets_of(host)), arguments.wait):
                token.settle(arguments.wait)
        if api.engine == "Consul":
            rotated = cluster.get("tokenRotation", {}).get("standIns", {})
            former = cluster.get("formerTokens", [])
            for name, accessor in host.accessor_ids.items():
                if name not in rotated:
                    known = WellKnownToken(api, name, accessor, cluster["tokens"][name])
                    ensure = known.expect if is_replicated else functools.partial(known.ensure, former)
                    wait_for(f"token {name}", arguments.wait, ensure)
            wait_for("the catalog", arguments.wait, functools.partial(forget_replaced_nodes, api))
        remember_cluster(secrets, api.engine.lower())


def bootstrap(api: Api, cluster: Json, token: ManagementToken) -> None:
    secret = cluster[api.engine.lower()]["managementToken"]
    with api.explained("bootstrap its ACL system"):
        try:
            api.call("PUT", "/v1/acl/bootstrap", {"BootstrapSecret": secret})
            say(f"Bootstrapped the ACL system of {api.engine}.")
        except ApiError as error:
            # Consul answers 403, Nomad 400; both also say so for other reasons.
            if "bootstrap no longer allowed" not in error.text and "bootstrap already done" not in error.text:
                raise
    token.take_known()


def expect_replicated(api: Api) -> None:
    """Outside the primary of a WAN federation, Consul copies the tokens of the primary."""
    try:
        api.call("GET", "/v1/acl/token/self")
    except ApiError as error:
        raise NotYet(
            "Consul does not know the management token of the primary datacenter yet.",
            "Its servers copy it when they reach the primary through the mesh gateways there. Look at its log.",
        ) from error


def wait_until_usable(api: Api, limit: float) -> str:
    """Waits for a leader that heeds the management token.

    @returns the leader
    """
    leader = wait_for(f"a leader of {api.engine}", limit, api.leader)
    wait_for(f"the ACL system of {api.engine}", limit, functools.partial(check_management_token, api))
    return leader


# What a token may do, as Consul shows it.
GRANTS = ("Policies", "Roles", "ServiceIdentities", "NodeIdentities", "TemplatedPolicies")


class WellKnownToken:
    """A token of Consul that must exist; what it may do is nobody's business here."""

    def __init__(self, api: Api, name: str, accessor: str, secret: str) -> None:
        self._api = api
        self.name = name
        self._accessor = accessor
        self.secret = secret

    def ensure(self, former: Collection[str] = ()) -> None:
        """@param former hashes of secrets that were rotated: a restored snapshot may have brought one back"""
        known = self.read()
        if known is None:
            known = self.create({})
        if digest_of_secret(known["SecretID"]) in former:
            self.delete()
            known = self.create(grants_of(known))
        if known["SecretID"] != self.secret:
            raise Problem(
                f"Token {self.name} ({self._accessor}) of Consul has another secret than the store.",
                "Use the store with which Consul was bootstrapped, or delete the token and run this again.",
            )

    def expect(self) -> None:
        """@raises NotYet unless the token is there, as Consul copies it from the primary datacenter"""
        known = self.read()
        if known is None or known["SecretID"] != self.secret:
            raise NotYet(f"Consul has not copied token {self.name} from the primary datacenter.", "Look at its log.")

    def read(self) -> Json | None:
        with self._api.explained(f"show token {self.name}"):
            return read_token(self._api, self._accessor)

    def create(self, grants: Json) -> Json:
        body = {"AccessorID": self._accessor, "SecretID": self.secret, "Description": f"Meshform: {self.name}"}
        try:
            token: Json = self._api.call("PUT", "/v1/acl/token", {**body, **grants})
            say(f"Created token {self.name}.")
            return token
        except (ApiError, NotYet) as error:
            if "already in use" not in str(error):
                raise
            raise NotYet(f"Another server has just created token {self.name}.", "It becomes readable soon.") from error

    def delete(self) -> None:
        self._api.call("DELETE", f"/v1/acl/token/{self._accessor}")


def grants_of(token: Json) -> Json:
    return {name: token[name] for name in GRANTS if token.get(name)}


def has_grants(api: Api) -> bool:
    """Whether the token of a caller may do anything.

    The access rules are applied from outside, once there is a cluster. A host does its part before that.
    """
    return bool(grants_of(api.call("GET", "/v1/acl/token/self")))


def digest_of_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
