"""This host as a client of Nomad."""

from __future__ import annotations

from .api import own_api
from .basics import OUTPUT, Json, NotYet
from .host import Host


class Node:
    """This host's node, asked with the node's own secret: it may be shown and drained with that, and no other node may."""

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
