"""What this host gets to know of the cluster's secrets, and where its agents look for it."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from .basics import Json, say, wait_for
from .cluster import Cluster
from .files import HostFiles, Unread
from .host import Host
from .lifecycle import Agents
from .recovery import write_join_only
from .store import Documents, open_store
from .tls import Certificates, ConsulTls, KeyPair


class HostSecrets:
    """What this host gets to know, and where its agents look for it."""

    def __init__(self, host: Host, client: Json, cluster: Json | None, certificates: Certificates) -> None:
        self._host = host
        self._client = client
        self._cluster = cluster
        self._certificates = certificates
        self.files = HostFiles(host.root, self._note)

    def write(self) -> None:
        if self._host.runs("consul"):
            self._write_consul()
        if self._host.runs("nomad"):
            self._write_nomad()
        if self._cluster:
            write_join_only(self._host, self._cluster, self.files)

    def _note(self, path: Path) -> None:
        """Certificates are all that a running agent can read again."""
        if path.parent.name == "tls":
            Unread(self._host).add(path)

    def _write_consul(self) -> None:
        token = self._client["tokens"]["consul-agent"]
        gossip = self._client["consul"]["gossip"]
        # The agent's token for its own work and to answer DNS. Not as the default: then all on this host would have it.
        self._write_secrets("consul", {"encrypt": gossip["primary"], "acl": {"tokens": {"agent": token, "dns": token}}})
        self._write_pair("consul", "ca", "agent", self._client["consul"]["ca"], self._agent_pair("consul"))
        self._repair_keyring("consul", "/opt/consul/serf/local.keyring", gossip)
        if self._host.is_server("consul"):
            self._repair_keyring("consul", "/opt/consul/serf/remote.keyring", gossip)

    def _write_nomad(self) -> None:
        secrets: Json = {"consul": {"token": self._client["tokens"]["nomad-client"]}}
        if self._cluster and self._host.is_server("nomad"):
            gossip = self._cluster["nomad"]["gossip"]
            secrets = {
                "consul": {"token": self._cluster["tokens"]["nomad-server"]},
                "server": {"encrypt": gossip["primary"]},
            }
            self._repair_keyring("nomad", "/opt/nomad/data/server/serf.keyring", gossip)
        self._write_secrets("nomad", secrets)
        self._write_pair("nomad", "ca", "agent", self._client["nomad"]["ca"], self._agent_pair("nomad"))
        self._write_pair(
            "nomad", "consul-ca", "consul", self._client["consul"]["ca"], KeyPair.of(self._client["consul"])
        )

    def _agent_pair(self, engine: str) -> KeyPair:
        """A server has a certificate of its own, clients share one."""
        if self._cluster is None or not self._host.is_server(engine):
            return KeyPair.of(self._client[engine])
        names = self._host.server_names(engine) | {"localhost"}
        addresses = self._host.addresses() | {"127.0.0.1"}
        authority = KeyPair.of(self._cluster[engine]["ca"])
        return self._certificates.keep_or_issue("server", engine, self._held(engine), authority, names, addresses)

    def _held(self, engine: str) -> KeyPair | None:
        tls = self._host.path(f"/etc/{engine}.d/tls")
        try:
            pair = [(tls / name).read_text(errors="replace") for name in ("agent.pem", "agent-key.pem")]
            return KeyPair(*pair)
        except FileNotFoundError:
            return None

    def _write_pair(self, engine: str, ca_name: str, name: str, ca: str, pair: KeyPair) -> None:
        user = self._host.user(engine)
        tls = self._host.path(f"/etc/{engine}.d/tls")
        self.files.directory(tls, 0o750, user)
        self.files.file(tls / f"{ca_name}.pem", ca, 0o640, user)
        self.files.file(tls / f"{name}.pem", pair.certificate, 0o640, user)
        self.files.file(tls / f"{name}-key.pem", pair.key, 0o600, user)

    def _write_secrets(self, engine: str, secrets: Json) -> None:
        directory = self._host.path(f"/etc/{engine}.d")
        self.files.directory(directory, 0o750, self._host.user(engine))
        content = json.dumps(secrets, indent=2, sort_keys=True) + "\n"
        self.files.file(directory / "secrets.json", content, 0o600, self._host.user(engine))

    def _repair_keyring(self, engine: str, path: str, gossip: Mapping[str, str]) -> None:
        """An agent that has a keyring heeds no `encrypt`, so one that slept through a rotation is told here.

        While a rotation goes on the host must understand both keys.
        """
        wanted = [gossip["primary"], *(gossip[other] for other in ("next", "previous") if other in gossip)]
        file = self._host.path(path)
        if not file.exists() and len(wanted) == 1:
            return
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            held = json.loads(file.read_text())
            if held[:1] == wanted[:1] and set(held) == set(wanted):
                return
        user = self._host.user(engine)
        if not file.parent.is_dir():
            self.files.directory(file.parent, 0o700, user)
        self.files.file(file, json.dumps(wanted), 0o600, user)


def write_secrets(host: Host, arguments: argparse.Namespace) -> None:
    documents = Documents(open_store(host.store))
    tls = ConsulTls()
    renew: bool = arguments.renew

    def attempt() -> tuple[HostSecrets, Json, Json | None] | None:
        cluster = Cluster(host, documents, tls).ensure() if host.is_server() else None
        if arguments.only_store:
            return None
        client = documents.need("client")
        secrets = HostSecrets(host, client, cluster, Certificates(host, tls, renew))
        secrets.write()
        return secrets, client, cluster

    written = wait_for("the secrets of this host", arguments.wait, attempt)
    if written is None:
        say("The store has every secret.")
        return
    secrets, client, cluster = written
    for path in secrets.files.changed:
        say(f"Wrote {path}.")
    if not secrets.files.changed:
        say("Every file of this host is as it should be.")
    agents = Agents(host, client, cluster, arguments.wait)
    agents.forget_what_none_has_read()
    if renew or arguments.reload:
        agents.read_again()
