"""The ACL systems of both engines, and the well-known tokens of Consul."""

from __future__ import annotations

import argparse
import functools

from .api import Api, ApiError, server_apis
from .basics import Json, NotYet, Problem, say, wait_for
from .cluster import Cluster, cluster_of
from .host import Host
from .nodes import forget_replaced_nodes
from .recovery import Recovery, remember_cluster
from .store import Documents, open_store
from .tls import ConsulTls


def bootstrap_acl(host: Host, arguments: argparse.Namespace) -> None:
    cluster = cluster_of(host, arguments.wait)
    secrets = Cluster(host, Documents(open_store(host.store)), ConsulTls())
    for api in server_apis(host, cluster):
        Recovery(host, api, secrets).join(arguments.wait)
        wait_for(f"a leader of {api.engine}", arguments.wait, api.leader)
        wait_for(f"the ACL system of {api.engine}", arguments.wait, functools.partial(bootstrap, api, cluster))
        if api.engine == "Consul":
            for name, accessor in host.accessor_ids.items():
                ensure = WellKnownToken(api, name, accessor, cluster["tokens"][name]).ensure
                wait_for(f"token {name}", arguments.wait, ensure)
            wait_for("the catalog", arguments.wait, functools.partial(forget_replaced_nodes, api))
        remember_cluster(secrets, api.engine.lower())


def bootstrap(api: Api, cluster: Json) -> None:
    secret = cluster[api.engine.lower()]["managementToken"]
    try:
        api.call("PUT", "/v1/acl/bootstrap", {"BootstrapSecret": secret})
        say(f"Bootstrapped the ACL system of {api.engine}.")
    except ApiError as error:
        # Consul answers 403, Nomad 400; both also say so for other reasons.
        if "bootstrap no longer allowed" not in error.text and "bootstrap already done" not in error.text:
            raise api.explain("bootstrap its ACL system", error) from error
    check_management_token(api)


def check_management_token(api: Api) -> None:
    try:
        api.call("GET", "/v1/acl/token/self")
    except ApiError as error:
        # A follower may not have heard of the token yet.
        raise NotYet(
            f"{api.engine} does not know the management token of the secret store ({error}).",
            "If it was never bootstrapped, run `meshform-host acl`. If it was with another store, bring that back.",
        ) from error


def wait_until_usable(api: Api, limit: float) -> str:
    """Waits for a leader that heeds the management token.

    @returns the leader
    """
    leader = wait_for(f"a leader of {api.engine}", limit, api.leader)
    wait_for(f"the ACL system of {api.engine}", limit, functools.partial(check_management_token, api))
    return leader


class WellKnownToken:
    """A token of Consul that must exist; what it may do is nobody's business here."""

    def __init__(self, api: Api, name: str, accessor: str, secret: str) -> None:
        self._api = api
        self._name = name
        self._accessor = accessor
        self._secret = secret

    def ensure(self) -> None:
        known = self._read()
        if known is None:
            known = self._create()
        if known["SecretID"] != self._secret:
            raise Problem(
                f"Token {self._name} ({self._accessor}) of Consul has another secret than the store.",
                "Bring back the store that Consul was set up with, or delete the token and run this again.",
            )

    def _read(self) -> Json | None:
        try:
            token: Json = self._api.call("GET", f"/v1/acl/token/{self._accessor}")
            return token
        except ApiError as error:
            if error.status == 404 or "ACL not found" in error.text:
                return None
            raise self._api.explain(f"show token {self._name}", error) from error

    def _create(self) -> Json:
        body = {"AccessorID": self._accessor, "SecretID": self._secret, "Description": f"Meshform: {self._name}"}
        try:
            token: Json = self._api.call("PUT", "/v1/acl/token", body)
            say(f"Created token {self._name}.")
            return token
        except (ApiError, NotYet) as error:
            if "already in use" not in str(error):
                raise
            raise NotYet(f"Another server has just created token {self._name}.", "It must be readable soon.") from error
