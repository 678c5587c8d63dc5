"""What this host gets to know of the cluster's secrets, and where its agents look for it."""

from __future__ import annotations

import argparse
import contextlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path

from .basics import Json, say, wait_for, without
from .cluster import Cluster, secrets_of, token_of
from .files import HostFiles, Unread
from .host import Host, tls_folder
from .lifecycle import Agents
from .recovery import write_join_only
from .rejoin import RECOVERY, recovery_token
from .tls import Certificates, ConsulTls, KeyPair, first_of


class HostSecrets:
    """What this host gets to know, and where its agents look for it."""

    def __init__(self, host: Host, client: Json, cluster: Json | None, certificates: Certificates) -> None:
        self._host = host
        self.client = client
        self.cluster = cluster
        self._certificates = certificates
        self._nomads: KeyPair | None = None
        self.files = HostFiles(host.root, self._note)

    def write(self) -> None:
        if self._host.runs("consul"):
            self._write_consul()
        if self._host.runs("nomad"):
            self._write_nomad()
        if self.cluster:
            write_join_only(self._host, self.cluster, self.files)

    def agents(self, limit: float) -> Agents:
        return Agents(self._host, self.client, self.cluster, limit)

    def _note(self, path: Path) -> None:
        """Certificates are all that a running agent can read again."""
        if path.parent.name == "tls":
            Unread(self._host).add(path)

    def _write_consul(self) -> None:
        token = self.client["tokens"]["consul-agent"]
        gossip = self.client["consul"]["gossip"]
        # The agent's token for its own work and to answer DNS. Not as the default: then all on this host would have it.
        tokens = {"agent": token, "dns": token}
        if self.cluster and self._host.is_server("consul") and self._host.primary_store:
            tokens["replication"] = token_of(self.cluster, "consul-replication")
        self._write_pair("consul", "agent", self._agent_pair("consul", tokens))
        if not self._host.is_server("consul"):
            # Only this agent knows it, and needs no server to accept it: with it, this program has the agent join.
            tokens = {**tokens, RECOVERY: recovery_token(self._host) or str(uuid.uuid4())}
        self._write_secrets("consul", {"encrypt": gossip["primary"], "acl": {"tokens": tokens}})
        self._write_ca("consul", "ca", self.client["consul"]["ca"])
        nomads = self._nomads_pair().certificate if self._host.runs("nomad") else ""
        self._write_ca("consul", "callers", self.client["consul"]["ca"] + nomads)
        self._repair_keyring("consul", "/opt/consul/serf/local.keyring", gossip)
        if self._host.is_server("consul"):
            self._repair_keyring("consul", "/opt/consul/serf/remote.keyring", gossip)

    def _write_nomad(self) -> None:
        secrets: Json = {"consul": {"token": self.client["tokens"]["nomad-client"]}}
        if self.cluster and self._host.is_server("nomad"):
            gossip = self.cluster["nomad"]["gossip"]
            secrets = {
                "consul": {"token": token_of(self.cluster, "nomad-server")},
                "server": {"encrypt": gossip["primary"]},
            }
            self._repair_keyring("nomad", "/opt/nomad/data/server/serf.keyring", gossip)
        if not self._knows("nomad", secrets["consul"]):
            # Nomad reads its token for Consul only when it starts.
            self._note(tls_folder(self._host, "nomad") / "consul.pem")
        self._write_pair("nomad", "agent", self._agent_pair("nomad", secrets["consul"]))
        self._write_pair("nomad", "consul", self._nomads_pair())
        self._write_secrets("nomad", secrets)
        self._write_ca("nomad", "ca", self.client["nomad"]["ca"])
        self._write_ca("nomad", "consul-ca", self.client["consul"]["ca"])

    def _agent_pair(self, engine: str, tokens: Json) -> KeyPair:
        """A server issues its own certificate. A client joins with one that all clients share, until it has its own.

        Both are replaced when a CA or a token changes. The CA and the tokens are written after it, so a run that was
        interrupted replaces it again.
        """
        held = self.held(engine) if self._knows(engine, tokens) else None
        if self.cluster is None or not self._host.is_server(engine):
            return held if held and self.is_own(engine, held, 1) else KeyPair.of(self.client[engine])
        names = self._host.server_names(engine) | {"localhost"}
        addresses = self._host.addresses() | {"127.0.0.1"}
        return self._certificates.keep_or_issue("server", engine, held, self.cluster[engine], names, addresses)

    def is_own(self, engine: str, pair: KeyPair, days_left: float) -> bool:
        """Whether only this client has the certificate, and the CA that issues certificates now has signed it."""
        names, issuer = self._host.client_names(engine), first_of(self.client[engine]["ca"])
        return self._certificates.is_good(pair, issuer, names, {"127.0.0.1"}, days_left)

    def take(self, engine: str, pair: KeyPair) -> None:
        self._write_pair(engine, "agent", pair)

    def _nomads_pair(self) -> KeyPair:
        """What Nomad shows to the Consul agent of this host: no other agent accepts it, so it need not be replaced."""
        if self._nomads is None:
            self._nomads = self._certificates.keep_or_self_sign(self.held("nomad", "consul"), "nomad")
        return self._nomads

    def held(self, engine: str, name: str = "agent") -> KeyPair | None:
        tls = tls_folder(self._host, engine)
        try:
            pair = [(tls / file).read_text(errors="replace") for file in (f"{name}.pem", f"{name}-key.pem")]
            return KeyPair(*pair)
        except FileNotFoundError:
            return None

    def _knows(self, engine: str, tokens: Json) -> bool:
        """Whether the files of the agent have no other CA, and no other tokens for Consul."""
        with contextlib.suppress(FileNotFoundError):
            if (tls_folder(self._host, engine) / "ca.pem").read_text(errors="replace") != self.client[engine]["ca"]:
                return False
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            secrets = json.loads(self._host.path(f"/etc/{engine}.d/secrets.json").read_text())
            held = without(secrets["acl"]["tokens"], RECOVERY) if engine == "consul" else secrets["consul"]
            return bool(held == tokens)
        return True

    def _write_pair(self, engine: str, name: str, pair: KeyPair) -> None:
        user, tls = self._host.user(engine), tls_folder(self._host, engine)
        self.files.directory(tls.parent, 0o750, user)
        self.files.directory(tls, 0o750, user)
        self.files.file(tls / f"{name}.pem", pair.certificate, 0o640, user)
        self.files.file(tls / f"{name}-key.pem", pair.key, 0o600, user)

    def _write_ca(self, engine: str, name: str, ca: str) -> None:
        self.files.file(tls_folder(self._host, engine) / f"{name}.pem", ca, 0o640, self._host.user(engine))

    def _write_secrets(self, engine: str, secrets: Json) -> None:
        directory = self._host.path(f"/etc/{engine}.d")
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
    if arguments.only_store:
        if host.is_server():
            wait_for("the secrets of the cluster", arguments.wait, Cluster.of(host).ensure)
        say("The store has every secret.")
        return
    secrets = bring_secrets(host, arguments.wait, arguments.renew)
    if not secrets.files.changed:
        say("All files of this host are up to date.")
    agents = secrets.agents(arguments.wait)
    agents.forget_what_none_has_read()
    if arguments.renew or arguments.reload:
        agents.read_again()


def bring_secrets(host: Host, limit: float, renew: bool = False) -> HostSecrets:
    """Writes this host's files, as the store has them now."""
    cluster = Cluster.of(host)

    def attempt() -> HostSecrets:
        if host.is_server():
            cluster.ensure()
        secrets = HostSecrets(host, *secrets_of(host), Certificates(host, ConsulTls(), renew))
        secrets.write()
        return secrets

    secrets = wait_for("the secrets of this host", limit, attempt)
    for path in secrets.files.changed:
        say(f"Wrote {path}.")
    return secrets
