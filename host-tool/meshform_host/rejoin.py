"""A client whose servers are gone finds the new ones, which may have other addresses.

Consul's agent looks for servers only when it starts. From then on it knows those that it has met, and asks them for
ever, even if all of them were lost at once. To restart it would not help its Envoys: they keep what they have as long
as no server tells the agent more, but an agent that has forgotten everything tells them half of it first.
"""

from __future__ import annotations

import contextlib
import json
import random
import socket
import time
import urllib.parse
from collections.abc import Iterable, Sequence

from .api import Api, ApiError, own_api
from .basics import OUTPUT, Json, NotYet, Problem, say
from .files import private_directory
from .host import Host
from .nodes import ALIVE
from .processes import lines_of

# Servers that restart, or whose network fails for a moment, come back at their own addresses.
LOST_SECONDS = 30
# How often to look for new ones. A new server that restores a snapshot waits for a minute to be found.
PAUSE_SECONDS = 15
LOOKUP_SECONDS = 20
# The name, in Consul's settings, of a token that an agent accepts by itself.
RECOVERY = "agent_recovery"


def recovery_token(host: Host) -> str | None:
    """What this host's Consul agent accepts without asking a server: to show its members, and to join others."""
    try:
        secrets = json.loads(host.path("/etc/consul.d/secrets.json").read_text())
        return str(secrets["acl"]["tokens"][RECOVERY])
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


class Rejoin:
    """Has the agent of a client join servers again once it has known none that is alive for some time.

    What is alive is up to its gossip, so a cluster that only has no leader is left alone. Servers have their own ways.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lost: float | None = None
        self._next = 0.0
        self._trouble = ""

    def forget(self) -> None:
        """A server answers: a later loss is another one."""
        self._lost, self._trouble = None, ""

    def attempt(self, authority: str) -> None:
        """@param authority the CA of Consul's agents"""
        token = recovery_token(self._host)
        if token is None or self._host.is_server("consul"):
            return
        OUTPUT.hide(token)
        try:
            self._attempt(own_api("consul", self._host, token, authority))
        except (Problem, ApiError, OSError, ValueError) as problem:
            self._say(f"Cannot look for servers of Consul: {problem}")

    def _attempt(self, consul: Api) -> None:
        if knows_server(consul):
            self.forget()
            return
        now = time.monotonic()
        self._lost = now if self._lost is None else self._lost
        if now < max(self._lost + LOST_SECONDS, self._next):
            return
        self._next = now + PAUSE_SECONDS
        addresses = look_up(self._host)
        if joined := join_server(consul, addresses):
            say(f"All servers that Consul knew here are gone. Its agent has joined {joined}.")
        else:
            found = ", ".join(addresses) or "none"
            self._say(f"All servers that Consul knew here are gone. There are no others yet. Addresses found: {found}.")

    def _say(self, sentence: str) -> None:
        if sentence != self._trouble:
            say(sentence)
        self._trouble = sentence


def knows_server(consul: Api) -> bool:
    """Whether a server is alive, as far as the gossip of the agent tells."""
    members = consul.call("GET", "/v1/agent/members")
    return any(member["Status"] == ALIVE and member["Tags"].get("role") == "consul" for member in members)


def join_server(consul: Api, addresses: Sequence[str]) -> str | None:
    """@returns the address that has led to a server"""
    for address in random.SystemRandom().sample(addresses, k=len(addresses)):
        with contextlib.suppress(NotYet, ApiError):
            consul.call("PUT", f"/v1/agent/join/{urllib.parse.quote(address, safe=':[]')}")
            if knows_server(consul):
                return address
    return None


def look_up(host: Host) -> list[str]:
    """The addresses that the agent would join if it started now, whatever cloud it finds them in.

    A second agent tells them, which joins nobody: it has no key for the gossip, its own address is the loopback one,
    and it ends as soon as it has found them.
    """
    with private_directory() as folder:
        settings = {
            "data_dir": str(folder / "data"),
            "node_name": "lookup",
            "bind_addr": "127.0.0.1",
            "ports": {**dict.fromkeys(("dns", "http", "https", "grpc", "grpc_tls", "serf_wan"), -1), **free_port()},
            "retry_join": joins_of(host),
            "disable_update_check": True,
            "log_json": True,
        }
        (folder / "agent.json").write_text(json.dumps(settings))
        arguments = ["agent", f"-config-file={folder / 'agent.json'}"]
        with contextlib.closing(lines_of("consul", arguments, folder, LOOKUP_SECONDS)) as lines:
            return addresses_in(lines)


def joins_of(host: Host) -> list[str]:
    """What the files of the agent say where to find others: addresses, names, and how to ask a cloud."""
    found: list[str] = []
    for file in sorted(host.path("/etc/consul.d").glob("*.json")):
        said = json.loads(file.read_text()).get("retry_join") or []
        found += [said] if isinstance(said, str) else said
    return found


def addresses_in(lines: Iterable[str]) -> list[str]:
    """@param lines the log of an agent that starts, as JSON"""
    problem = ""
    for line in lines:
        said: Json = {}
        with contextlib.suppress(ValueError):
            said = json.loads(line)
        message = said.get("@message")
        if message == "(LAN) joining":
            return [str(address) for address in said["lan_addresses"]]
        if message == "Cannot discover address":
            problem = str(said.get("error"))
        elif message == "Join cluster failed, will retry":
            break
    if problem:
        raise NotYet(f"Consul cannot look up {problem}.", "This host must be allowed to ask its cloud.")
    return []


def free_port() -> dict[str, int]:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return {"serf_lan": int(asked.getsockname()[1])}
