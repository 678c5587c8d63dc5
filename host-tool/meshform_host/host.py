"""What /etc/meshform/host.json says of this host, and where things are on it."""

from __future__ import annotations

import dataclasses
import fcntl
import ipaddress
import json
import socket
import struct
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .basics import ENGINES, NotYet, Problem


@dataclasses.dataclass(frozen=True)
class Host:
    """What /etc/meshform/host.json says."""

    store: Mapping[str, str]
    roles: frozenset[str]
    accessor_ids: Mapping[str, str]
    datacenter: str
    region: str
    node: str
    address: str | None
    consul_api: str
    nomad_api: str
    snapshots: Mapping[str, Any] | None
    health_metrics: Mapping[str, str] | None
    logs: Mapping[str, str] | None
    recovery: str
    federation: Mapping[str, Any] | None
    ca_days: int
    certificate_days: int
    renewal_days: int
    drain_seconds: float
    certificate_names: Sequence[str]
    root: Path

    ROLES = frozenset({"consul-server", "consul-client", "nomad-server", "nomad-client"})

    @staticmethod
    def read(root: Path) -> Host:
        path = root / "etc/meshform/host.json"
        try:
            said = json.loads(path.read_text())
            certificates = said.get("certificates", {})
            host = Host(
                store=said["store"],
                roles=frozenset(said["roles"]),
                accessor_ids=said["accessorIds"],
                datacenter=said["consulDatacenter"],
                region=said["nomadRegion"],
                node=said.get("node") or node_name(root) or socket.gethostname(),
                address=said.get("address"),
                consul_api=said.get("consulApi", "https://127.0.0.1:8501"),
                nomad_api=said.get("nomadApi", "https://127.0.0.1:4646"),
                snapshots=said.get("snapshots"),
                health_metrics=said.get("healthMetrics"),
                logs=said.get("logs"),
                recovery=said.get("recovery", "restore"),
                federation=said.get("federation"),
                ca_days=certificates.get("caDays", 3650),
                certificate_days=certificates.get("days", 365),
                renewal_days=certificates.get("renewalDays", 30),
                certificate_names=said.get("certificateNames", []),
                drain_seconds=said.get("drainSeconds", 300),
                root=root,
            )
        except OSError as error:
            fix = "Configure this host, then try again."
            raise Problem(f"{path} cannot be read: {error.strerror}.", fix) from error
        except KeyError as error:
            raise Problem(f"{path} has no {error}.", "Add it.") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise Problem(f"{path} is not the configuration of a host: {error}.", "Write it again.") from error
        for api in (host.consul_api, host.nomad_api):
            if urllib.parse.urlsplit(api).scheme != "https":
                fix = "Use its HTTPS port, e.g. https://127.0.0.1:8501 for Consul."
                raise Problem(
                    f"{path} sets {api} as the address of an agent, to which tokens would be sent in plain text.", fix
                )
        unknown = host.roles - Host.ROLES
        if unknown or not host.roles:
            named = ", ".join(sorted(unknown)) or "none"
            raise Problem(f"{path} names unknown roles: {named}.", f"Known roles: {', '.join(sorted(Host.ROLES))}.")
        return host

    @property
    def primary_store(self) -> Mapping[str, str] | None:
        """The secret store of the primary datacenter, if this host is in another one of its WAN federation."""
        if self.federation is None or self.federation["primaryDatacenter"] == self.datacenter:
            return None
        store: Mapping[str, str] = self.federation["primarySecretStore"]
        return store

    def is_server(self, engine: str | None = None) -> bool:
        return any(f"{name}-server" in self.roles for name in ([engine] if engine else ENGINES))

    def runs(self, engine: str) -> bool:
        return any(role.startswith(f"{engine}-") for role in self.roles)

    def user(self, engine: str) -> str:
        """Nomad's clients must be root."""
        return "root" if engine == "nomad" and "nomad-client" in self.roles else engine

    def place(self, engine: str) -> str:
        """What the names in an engine's certificates are made of, e.g. `dc1.consul` of `server.dc1.consul`."""
        return f"{self.datacenter}.consul" if engine == "consul" else f"{self.region}.nomad"

    def agent_name(self, engine: str) -> str:
        """The name that is in the certificate of the host's own agent, and in that of no other kind of agent."""
        return f"{'server' if self.is_server(engine) else 'client'}.{self.place(engine)}"

    def api(self, engine: str) -> str:
        return self.consul_api if engine == "consul" else self.nomad_api

    def server_names(self, engine: str) -> set[str]:
        names = {f"server.{self.place(engine)}", *(name for name in self.certificate_names if not is_address(name))}
        return names | {f"{self.node}.server.{self.place(engine)}"} if engine == "consul" else names

    def client_names(self, engine: str) -> set[str]:
        """Of a certificate of its own."""
        return client_names(self.node, self.place(engine))

    def addresses(self) -> set[str]:
        own = {self.address} if self.address else private_addresses()
        return own | set(filter(is_address, self.certificate_names))

    @property
    def left_file(self) -> Path:
        """While it is there this host has left its cluster for good, and its agents stay down."""
        return self.path("/run/meshform/left")

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def client_names(node: str, place: str) -> set[str]:
    return {f"client.{place}", f"{node}.client.{place}", "localhost"}


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def node_name(root: Path) -> str | None:
    """The name that this machine has made for its agents at boot, if nothing else names them."""
    try:
        return (root / "etc/meshform/node-name").read_text().strip()
    except FileNotFoundError:
        return None


def private_addresses() -> set[str]:
    """The private IPv4 addresses of the interfaces with a default route, as the agents' own `GetPrivateIP` has it."""
    routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    with_default = {interface for interface, destination, *_ in routes if destination == "00000000"}
    found = {address for name in with_default if (address := address_of(name))}
    private = {address for address in found if ipaddress.ip_address(address).is_private}
    if not private:
        raise NotYet(
            "This host has no private IPv4 address on an interface with a default route.",
            'Give it one, or set "address" in /etc/meshform/host.json.',
        )
    return private


def address_of(interface: str) -> str | None:
    get_address = 0x8915  # SIOCGIFADDR
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            answer = fcntl.ioctl(asked.fileno(), get_address, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


def tls_folder(host: Host, engine: str) -> Path:
    return host.path(f"/etc/{engine}.d/tls")
