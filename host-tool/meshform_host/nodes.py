"""What the engines know of hosts: the nodes of Consul's catalog, and this host's own node of Nomad."""

from __future__ import annotations

from .api import Api, ApiError, own_api
from .basics import OUTPUT, Json, NotYet, say
from .host import Host

# As Serf numbers the states of its members.
ALIVE = 1
# What Consul answers when what was to change has changed before.
CONFLICT = 409


def forget_replaced_nodes(api: Api) -> None:
    """Makes room in the catalog for hosts that have the name, but not the identity, of one that is gone.

    Consul refuses to register such a host as long as it believes the old one to be well, and it does so for ever: the
    name is alive in its gossip, and the catalog says under which identity only if one asks. In the gossip a name is
    that of one agent alone, so where an agent of it is alive, the catalog's is gone.
    """
    alive = {
        member["Name"]: member["Tags"].get("id")
        for member in api.call("GET", "/v1/agent/members")
        if member["Status"] == ALIVE
    }
    for node in api.call("GET", "/v1/catalog/nodes"):
        name, known = node["Node"], node["ID"]
        if alive.get(name, known) == known:
            continue
        # Only this one: the new one may have got in by now.
        old = {"Verb": "delete-cas", "Node": {"Node": name, "ID": known, "ModifyIndex": node["ModifyIndex"]}}
        try:
            api.call("PUT", "/v1/txn", [{"Node": old}])
        except ApiError as error:
            if error.status != CONFLICT:
                raise
            # Another server has forgotten it, or the new host has got in.
            continue
        say(f"Removed the node {name} with the id {known} from the catalog: another host has its name, {alive[name]}.")


def alive_in(consul: Api, query: str) -> list[str]:
    """The nodes of a datacenter whose agents are alive, as its servers see them."""
    checks = consul.call("GET", f"/v1/health/state/passing?{query}")
    return [str(check["Node"]) for check in checks if check["CheckID"] == "serfHealth"]


class Node:
    """This host's node, asked with the node's own secret: it may be shown and drained with that, and no other may."""

    def __init__(self, host: Host, client: Json) -> None:
        state = host.path("/opt/nomad/data/client")
        try:
            self.id = (state / "client-id").read_text().strip()
            secret = (state / "secret-id").read_text().strip()
        except FileNotFoundError as error:
            raise NotYet("This host has never been a node of Nomad.", "Start Nomad.") from error
        OUTPUT.hide(secret)
        self._api = own_api("nomad", host, secret, client["nomad"]["ca"])

    def read(self) -> Json:
        node: Json = self._api.call("GET", f"/v1/node/{self.id}")
        return node

    def drain(self, seconds: float) -> None:
        """Nomad starts what runs here elsewhere, and stops it here: what is left after these seconds all at once."""
        spec = {"Deadline": int(seconds * 1e9), "IgnoreSystemJobs": False}
        self._api.call("PUT", f"/v1/node/{self.id}/drain", {"DrainSpec": spec, "Meta": {"message": "leaves"}})

    def take_jobs(self) -> None:
        self._api.call("PUT", f"/v1/node/{self.id}/drain", {"DrainSpec": None, "MarkEligible": True})
