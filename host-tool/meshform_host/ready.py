"""Whether this host does its part in its cluster, and what it lacks."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import socket
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator

from .acl import has_grants
from .api import Api, ApiError, api_of, consul_of
from .basics import ENGINES, Json, NotYet, Problem, say
from .cluster import secrets_of
from .host import Host
from .lifecycle import expect_healthy_servers
from .management import check_management_token
from .nodes import ALIVE, Node
from .pressure import Pressure, other_servers, pressures_of
from .recovery import NODE_IDS, recovery_of

GRPC_PORT = 8503


@dataclasses.dataclass(frozen=True)
class Part:
    """One thing that must be as it should."""

    name: str
    ready: bool
    # A sentence.
    reason: str


def ready(host: Host, arguments: argparse.Namespace) -> None:
    end = time.monotonic() + arguments.limit
    told: list[Part] = []
    while True:
        parts = parts_of(host)
        missing = [part for part in parts if not part.ready]
        for part in missing:
            if part not in told:
                say(f"{part.name} is not ready: {part.reason}")
        if not missing:
            warn(host)
            say(f"{host.node} is ready: {', '.join(part.name for part in parts)}.")
            return
        if time.monotonic() >= end:
            warn(host)
            waited = f" after {arguments.limit:.0f} s" if arguments.limit else ""
            names = ", ".join(part.name for part in missing)
            raise Problem(f"{host.node} is not ready{waited}: {names}.", "See the reasons above.")
        told = missing
        time.sleep(1)


def warn(host: Host) -> None:
    for pressure in Parts(host).pressures():
        say(f"Warning, {pressure.name}: {pressure.reason}")


def status(host: Host, arguments: argparse.Namespace) -> None:
    known = Parts(host)
    pressures = known.pressures()
    endangered = {
        "warnings": [dataclasses.asdict(pressure) for pressure in pressures],
        "recovery": recovery_of(host),
    }
    if arguments.warnings_only:
        print(json.dumps(endangered, indent=2))
        return
    parts = list(known.look())
    found = {
        "node": host.node,
        "roles": sorted(host.roles),
        "boot": boot_of(host),
        "left": host.left_file.exists(),
        "ready": all(part.ready for part in parts),
        "parts": [dataclasses.asdict(part) for part in parts],
        **endangered,
    }
    if arguments.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{host.node} ({', '.join(sorted(host.roles))}) is {'ready' if found['ready'] else 'not ready'}.")
    for part in parts:
        print(f"  {part.name}: {part.reason}")
    for pressure in pressures:
        print(f"  warning, {pressure.name}: {pressure.reason}")


def boot_of(host: Host) -> Json | None:
    """What the boot script last said; None on a host that another program boots."""
    try:
        boot: Json = json.loads(host.path("/run/meshform/boot.json").read_text())
        return boot
    except (FileNotFoundError, ValueError):
        return None


def parts_of(host: Host) -> list[Part]:
    """All that this host is made of. What cannot be asked is not ready either."""
    return list(Parts(host).look())


class Parts:
    """The parts of a host, all asked with secrets that are fetched once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: tuple[Json, Json | None] | None = None

    def look(self) -> Iterator[Part]:
        host = self._host
        yield look("boot", self._boot)
        for engine in ENGINES:
            if host.is_server(engine):
                yield look(f"{engine}-server", functools.partial(self._server, engine))
            elif host.runs(engine):
                yield look(f"{engine}-client", self._consul_client if engine == "consul" else self._node)
        if host.runs("consul"):
            yield look("consul-grpc", self._grpc)

    def pressures(self) -> list[Pressure]:
        """What endangers the host, though it may do its part now."""
        return pressures_of(self._host, self._other_servers)

    def _other_servers(self) -> Iterator[Api]:
        return other_servers(self._host, self._consul())

    def _consul(self) -> Api:
        return consul_of(self._host, *self._secrets())

    def _secrets(self) -> tuple[Json, Json | None]:
        if self._known is None:
            self._known = secrets_of(self._host)
        return self._known

    def _boot(self) -> str:
        if self._host.left_file.exists():
            raise Problem("This host has left its cluster permanently.", "Boot it to join again.")
        boot = boot_of(self._host)
        if boot and boot["state"] != "done":
            at = f"Attempt {boot['attempt']} to prepare this host is at {boot['stage']}, {boot['state']}."
            raise NotYet(f"{at} {boot['reason']}".strip(), "See `journalctl --unit meshform-boot`.")
        return "The host is prepared."

    def _server(self, engine: str) -> str:
        api = api_of(engine, self._host, self._secrets()[1] or {})
        leader = api.leader()
        check_management_token(api)
        expect_vote(api)
        if engine == "consul":
            expect_own_name(api, self._host)
        expect_healthy_servers(api)
        return f"It has its vote, all servers are healthy, and {leader} leads."

    def _consul_client(self) -> str:
        host, api = self._host, self._consul()
        leader = api.leader()
        if not has_grants(api):
            return f"It has joined, and registers itself once the access rules (AccessStack) are applied; the leader is {leader}."
        alive = {member["Name"] for member in api.call("GET", "/v1/agent/members") if member["Status"] == ALIVE}
        if host.node not in alive:
            fix = "It must reach port 8301 of the others."
            raise NotYet(f"{host.node} is not an alive member of Consul.", fix)
        expect_own_name(api, host)
        return f"It has joined, and the leader is {leader}."

    def _node(self) -> str:
        client, _ = self._secrets()
        node = Node(self._host, client).read()
        if node["Status"] != "ready":
            raise NotYet(f"The status of this node in Nomad is {node['Status']}.", "Look at Nomad's log.")
        if int(node["Attributes"].get("consul.grpc", -1)) <= 0:
            if not has_grants(self._consul()):
                return "Nomad places jobs with sidecars here once the access rules (AccessStack) are applied."
            raise NotYet("Nomad has not found Consul's gRPC port here.", "It checks every 15 seconds at first.")
        if node["DrainStrategy"]:
            return "The node is draining: Nomad migrates its allocations."
        if node["SchedulingEligibility"] != "eligible":
            return "Nomad places nothing here, as somebody wants it: the node is ineligible."
        return "Nomad places jobs here."

    def _grpc(self) -> str:
        """Envoys reach their agent there."""
        client, _ = self._secrets()
        address = urllib.parse.urlsplit(self._host.consul_api).hostname or "127.0.0.1"
        context = ssl.create_default_context(cadata=client["consul"]["ca"])
        try:
            with socket.create_connection((address, GRPC_PORT), timeout=10) as plain:
                context.wrap_socket(plain, server_hostname=self._host.agent_name("consul")).close()
        except OSError as error:
            problem = f"Consul's gRPC port {GRPC_PORT} does not answer at {address}: {error}."
            raise NotYet(problem, "Look at Consul's log.") from error
        return f"Consul's gRPC port {GRPC_PORT} answers by TLS."


def look(name: str, probe: Callable[[], str]) -> Part:
    try:
        return Part(name, True, probe())
    except (Problem, ApiError) as error:
        return Part(name, False, str(error))


def own_id(api: Api) -> str:
    """By which the servers of an engine know this one."""
    said = {name.lower(): value for name, value in api.call("GET", "/v1/agent/self").items()}
    return str(said["member"]["Tags"]["id"])


def voters(api: Api) -> list[Json]:
    """The servers that an engine's elections count."""
    servers: list[Json] = api.call("GET", "/v1/operator/raft/configuration")["Servers"]
    return [server for server in servers if server["Voter"]]


def expect_own_name(api: Api, host: Host) -> None:
    """@raises NotYet while Consul's catalog has another identity under the name: it takes nothing of this host then"""
    own = host.path(NODE_IDS["consul"]).read_text().strip()
    found = api.call("GET", f"/v1/catalog/node/{host.node}")
    known = found["Node"]["ID"] if found else None
    if known != own:
        whose = f"is another host's in the catalog, {known}" if known else "is not in the catalog"
        raise NotYet(f"The name {host.node} {whose}.", "The servers remove a lost host within seconds.")


def expect_vote(api: Api) -> None:
    """@raises NotYet on a server that is alive, but not yet counted: the others decide without it"""
    if own_id(api) not in {server["ID"] for server in voters(api)}:
        raise NotYet(
            f"This server of {api.engine} is not a voter yet.",
            "It becomes one after it has been healthy for some time.",
        )
