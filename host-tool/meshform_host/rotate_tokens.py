"""New secrets for the well-known tokens of Consul, while everything runs."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from .acl import WellKnownToken, digest_of_secret, grants_of
from .api import Api, api_of, read_token
from .basics import Json, say, wait_for, without
from .cluster import Cluster
from .federation import OtherDatacenters
from .follow import AllHosts
from .host import Host


class TokenRotation:
    """New secrets for all well-known tokens. Their accessor ids stay, since Terraform attaches policies to those.

    Consul never changes the secret of a token. So another token stands in for each while it is made anew. The store
    says how far it is, so a run that is interrupted goes on when it is repeated. `tokenRotation` of `cluster` has the
    step:

      prepare     the tokens that stand in are made, and may do what the others may
      stand-in    agents are being told to use them
      replace     nobody uses the others: they are deleted and made again, with new secrets
      settle      agents are being told to use these; then those that stood in are deleted

    People and Prometheus are told nothing: theirs is replaced, and they fetch it again.
    """

    def __init__(self, host: Host, cluster: Cluster, limit: float) -> None:
        self._host = host
        self._cluster = cluster
        self._hosts = AllHosts(host, cluster, limit)
        self._others = OtherDatacenters(host, cluster, limit)
        self._limit = limit

    def run(self) -> None:
        if self._step():
            say("A rotation of the tokens was interrupted. It is continued.")
        else:
            self._begin()
        if self._step() == "prepare":
            self._with_each(copy_grants)
            self._others.copy(stand_in["accessorId"] for stand_in in self._stand_ins().values())
            self._go_to("stand-in")
        if self._step() == "stand-in":
            self._hosts.take("use tokens that stand in for theirs")
            self._go_to("replace", with_new_secrets)
        if self._step() == "replace":
            self._with_each(delete)
            self._others.copy(self._accessors())
            self._with_each(create)
            self._others.copy(self._accessors())
            self._go_to("settle")
        self._hosts.take("use their new tokens")
        self._with_each(delete_stand_in)
        self._cluster.change(lambda cluster: without(cluster, "tokenRotation"))
        self._others.share()
        say("All tokens have new secrets. People and Prometheus must fetch their documents again.")

    def _step(self) -> str:
        return step_of(self._cluster.read())

    def _stand_ins(self) -> Json:
        stand_ins: Json = self._cluster.read()["tokenRotation"]["standIns"]
        return stand_ins

    def _accessors(self) -> list[str]:
        return [self._host.accessor_ids[name] for name in self._stand_ins()]

    def _begin(self) -> None:
        stand_ins = {
            name: {"accessorId": str(uuid.uuid4()), "secret": str(uuid.uuid4())} for name in self._host.accessor_ids
        }

        rotation = {"step": "prepare", "standIns": stand_ins}
        self._change("", lambda cluster: {**cluster, "tokenRotation": rotation})

    def _go_to(self, step: str, change: Callable[[Json], Json] = lambda cluster: cluster) -> None:
        def go(cluster: Json) -> Json:
            return {**change(cluster), "tokenRotation": {**cluster["tokenRotation"], "step": step}}

        self._change(self._step(), go)

    def _change(self, before: str, change: Callable[[Json], Json]) -> None:
        self._cluster.go_on("the tokens", lambda cluster: step_of(cluster) == before, change)

    def _with_each(self, act: Callable[[Api, WellKnownToken, Json], None]) -> None:
        cluster = self._cluster.read()
        consul = api_of("consul", self._host, cluster)
        for name, stand_in in cluster["tokenRotation"]["standIns"].items():
            token = WellKnownToken(consul, name, self._host.accessor_ids[name], cluster["tokens"][name])

            def attempt(token: WellKnownToken = token, stand_in: Json = stand_in) -> None:
                with consul.explained(f"rotate token {token.name}"):
                    act(consul, token, stand_in)

            wait_for(f"token {name}", self._limit, attempt)


def step_of(cluster: Json) -> str:
    return str(cluster.get("tokenRotation", {}).get("step", ""))


def with_new_secrets(cluster: Json) -> Json:
    """What was in use is remembered by its hash: a snapshot that is restored may have it."""
    former = {*cluster.get("formerTokens", []), *map(digest_of_secret, cluster["tokens"].values())}
    tokens = {name: str(uuid.uuid4()) for name in cluster["tokens"]}
    return {**cluster, "tokens": tokens, "formerTokens": sorted(former)}


def copy_grants(consul: Api, token: WellKnownToken, stand_in: Json) -> None:
    """Lets what stands in for a token do what the token may."""
    known = token.read()
    if known is None:
        return
    body = {"AccessorID": stand_in["accessorId"], "SecretID": stand_in["secret"], **grants_of(known)}
    body["Description"] = f"Meshform: stands in for {token.name}"
    path = f"/v1/acl/token/{stand_in['accessorId']}"
    consul.call("PUT", path if read_token(consul, stand_in["accessorId"]) else "/v1/acl/token", body)


def delete(consul: Api, token: WellKnownToken, stand_in: Json) -> None:
    """Deletes a token, unless it has its new secret."""
    known = token.read()
    if known is not None and known["SecretID"] != token.secret:
        copy_grants(consul, token, stand_in)
        token.delete()


def create(consul: Api, token: WellKnownToken, stand_in: Json) -> None:
    if token.read() is None:
        token.create(grants_of(read_token(consul, stand_in["accessorId"]) or {}))


def delete_stand_in(consul: Api, _: WellKnownToken, stand_in: Json) -> None:
    if read_token(consul, stand_in["accessorId"]):
        consul.call("DELETE", f"/v1/acl/token/{stand_in['accessorId']}")
