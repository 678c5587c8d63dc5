"""The management tokens of both engines: new ones while everything runs, and those before them for older snapshots."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from .api import Api, ApiError, own_api
from .basics import OUTPUT, Json, NotYet, say, wait_for, without
from .cluster import Cluster
from .federation import OtherDatacenters
from .host import Host
from .snapshot_store import open_snapshots, snapshot_name, snapshots_of
from .tls import Authorities

# What `cluster` has of an engine's token besides `managementToken`: see ManagementToken.
ROTATION, FORMER = "managementRotation", "formerManagementTokens"


class ManagementToken:
    """The token with which servers manage an engine. `cluster` has for each engine:

      managementToken          its secret
      managementRotation       while it is being replaced: the name of the new token, by which another run finds it
      formerManagementTokens   the secrets before it and until when they were used, as long as a snapshot may know them

    A snapshot brings back the tokens of its time. If the engine knows a former token alone after a restore, that one is
    used again, and replaced: who has a former token must not keep what it allows.
    """

    def __init__(self, host: Host, cluster: Cluster, engine: str) -> None:
        self._host = host
        self._cluster = cluster
        self._engine = engine
        self._name = engine.capitalize()

    def take_known(self) -> None:
        """Uses a former token again if the engine knows no newer one.

        @raises NotYet if it knows none
        """
        own = self._own()
        if self._find(own["managementToken"]):
            return
        known = [it for it in own.get(FORMER, []) if self._find(it["secret"])]
        if not known:
            raise unknown_token(self._name)
        secret = known[-1]["secret"]

        def adopt(now: Json) -> Json:
            # Another server may have done so, or a rotation has ended.
            return self._replaced(now, secret, now.get(ROTATION, new_name())) if same(now, own) else now

        self._change(adopt)
        say(f"{self._name} knows only a former management token. It is used until there is a new one.")

    def is_settled(self) -> bool:
        """Whether the engine knows the token of the store, and no other that the store has."""
        own = self._own()
        return ROTATION not in own and not any(self._find(it["secret"]) for it in own.get(FORMER, []))

    def settle(self, limit: float) -> None:
        """Finishes what was interrupted, and deletes what a snapshot has brought back."""
        own = self._own()
        if ROTATION in own:
            self.rotate(limit)
        else:
            self._delete_former(own)

    def rotate(self, limit: float) -> None:
        """One run at a time: see Turn. Each step follows from what store and engine have, so any may be the last."""
        if ROTATION in self._own():
            say(f"A rotation of {self._name}'s management token was interrupted. It is continued.")
        else:
            self._change(lambda own: {**own, ROTATION: new_name()})
        others = OtherDatacenters(self._host, self._cluster, limit)
        wait_for(f"a new management token of {self._name}", limit, lambda: self._replace(others))
        say(
            f"{self._name} has a new management token. Anyone who applies access rules must fetch their document again."
        )

    def _replace(self, others: OtherDatacenters) -> None:
        self.take_known()
        own = self._own()
        if not self._is_new(own):
            new = self._find_or_create(own)
            found = self._find(new)
            if not found:
                raise NotYet("This server does not know the new one yet.", "Look at its log.")
            if self._engine == "consul":
                others.copy([found["AccessorID"]])
            self._go_on(own, self._replaced(own, new, own[ROTATION]))
            own = self._own()
        others.share()
        self._delete_former(own)
        kept = [it for it in own[FORMER] if self._may_be_in_snapshot(it["until"])]
        self._go_on(own, {**without(own, ROTATION), FORMER: kept})

    def _is_new(self, own: Json) -> bool:
        token = self._find(own["managementToken"])
        return token is not None and name_of(token) == own[ROTATION]

    def _find_or_create(self, own: Json) -> str:
        """@returns the secret of the new token, which both engines choose, and show to a management token"""
        api, name = self._api(own["managementToken"]), own[ROTATION]
        if found := self._named(api, name):
            token: Json = api.call("GET", f"/v1/acl/token/{found[0]['AccessorID']}")
        elif self._engine == "consul":
            policies = [{"Name": "global-management"}]
            token = api.call("PUT", "/v1/acl/token", {"Description": name, "Policies": policies})
        else:
            token = api.call("PUT", "/v1/acl/token", {"Name": name, "Type": "management", "Global": True})
        OUTPUT.hide(token)
        return str(token["SecretID"])

    def _delete_former(self, own: Json) -> None:
        """Those that were in use, and what another run has left of the name of the new one."""
        api = self._api(own["managementToken"])
        current = api.call("GET", "/v1/acl/token/self")["AccessorID"]
        former = [token for it in own.get(FORMER, []) if (token := self._find(it["secret"]))]
        left = self._named(api, own[ROTATION]) if ROTATION in own else []
        for accessor in {token["AccessorID"] for token in [*former, *left]} - {current}:
            api.call("DELETE", f"/v1/acl/token/{accessor}")
            say(f"Deleted the management token {accessor} of {self._name}.")

    def _named(self, api: Api, name: str) -> list[Json]:
        return [token for token in api.call("GET", "/v1/acl/tokens") if name_of(token) == name]

    def _may_be_in_snapshot(self, until: int) -> bool:
        """Whether the store has a snapshot from the time of a token, or may have one."""
        if self._host.snapshots is None:
            return True
        oldest = snapshots_of(open_snapshots(self._host), self._engine)[:1]
        return not oldest or oldest[0] <= snapshot_name(self._engine, until)

    def _find(self, secret: str) -> Json | None:
        """What the engine says of a token, or None if it does not know it."""
        try:
            token: Json = self._api(secret).call("GET", "/v1/acl/token/self")
            return token
        except ApiError as error:
            if error.status in (403, 404):
                return None
            raise

    def _api(self, secret: str) -> Api:
        return own_api(self._engine, self._host, secret, Authorities.of(self._own()).trusted)

    def _own(self) -> Json:
        own: Json = self._cluster.read()[self._engine]
        return own

    def _replaced(self, own: Json, secret: str, name: str) -> Json:
        others = [it for it in own.get(FORMER, []) if it["secret"] != secret]
        former = [*others, {"secret": own["managementToken"], "until": int(time.time())}]
        return {**own, "managementToken": secret, FORMER: former, ROTATION: name}

    def _change(self, change: Callable[[Json], Json]) -> None:
        engine = self._engine
        self._cluster.change(lambda cluster: {**cluster, engine: change(cluster[engine])})

    def _go_on(self, before: Json, after: Json) -> None:
        engine, tokens = self._engine, ("managementToken", ROTATION, FORMER)

        def go(cluster: Json) -> Json:
            changed = {name: after[name] for name in tokens if name in after}
            return {**cluster, engine: {**without(cluster[engine], *tokens), **changed}}

        self._cluster.go_on("the management tokens", lambda cluster: same(cluster[engine], before), go)


def same(own: Json, before: Json) -> bool:
    return own["managementToken"] == before["managementToken"] and own.get(ROTATION) == before.get(ROTATION)


def name_of(token: Json) -> str:
    return str(token.get("Description") or token.get("Name") or "")


def new_name() -> str:
    return f"Meshform: management, {uuid.uuid4()}"


def unknown_token(name: str) -> NotYet:
    return NotYet(
        f"{name} does not know the management token of the secret store.",
        "If it was never bootstrapped, run `meshform-host acl`. "
        "If it was bootstrapped with another store, use that store.",
    )


def check_management_token(api: Api) -> None:
    try:
        api.call("GET", "/v1/acl/token/self")
    except ApiError as error:
        # A follower may not have heard of the token yet.
        raise unknown_token(api.engine) from error
