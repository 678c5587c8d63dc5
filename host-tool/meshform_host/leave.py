"""This host hands over what it does, for a reboot or for good, and takes it again."""

from __future__ import annotations

import argparse
import functools
import os
import signal
from pathlib import Path

from .api import Api, ApiError, consul_of, leads, server_apis
from .basics import Json, NotYet, Problem, say, wait_for
from .cluster import secrets_of
from .host import Host
from .lifecycle import autopilot_health, expect_healthy_servers
from .nodes import Node
from .processes import agents_of
from .ready import own_id, voters
from .turn import Turn

# How long another server may take to lead, and an agent to end.
HANDOVER_SECONDS = 30
# How long the others leave a server in peace that has left: until they have removed it.
REMOVAL_SECONDS = 30


def leave(host: Host, arguments: argparse.Namespace) -> None:
    """Leaves nothing undone that others wait for: jobs run elsewhere, and another server leads.

    A server stays in the clusters of its engines unless it leaves for good: it comes back from a reboot with what it
    knows, and until then the others count it as one of them.
    """
    client, cluster = wait_for("the secrets of this host", arguments.wait, lambda: secrets_of(host))
    apis = server_apis(host, cluster) if cluster else []
    if not arguments.for_good:
        for api in apis:
            hand_over(api)
        drain(host, client)
        return
    for api in apis:
        if len(voters(api)) < 2:
            fix = "Add a server first, or switch the host off without leaving."
            raise Problem(f"This is the only server of {api.engine}: its state would be lost.", fix)
        wait_for(f"the servers of {api.engine}", arguments.wait, functools.partial(expect_healthy_servers, api))
    if not apis:
        drain(host, client)
        go(host, apis)
        return
    with Turn(host, consul_of(host, client, cluster), arguments.wait) as turn:
        for api in apis:
            # Another one may have left in the meantime.
            wait_for(f"the servers of {api.engine}", arguments.wait, functools.partial(expect_healthy_servers, api))
            hand_over(api)
        drain(host, client)
        turn.end_in(REMOVAL_SECONDS)
        go(host, apis)


def hand_over(api: Api) -> None:
    """Has another server lead, which takes no election."""
    try:
        if not leads(api):
            return
        own = own_id(api)
        heirs = [
            it["ID"] for it in autopilot_health(api)["Servers"] if it["Healthy"] and it["Voter"] and it["ID"] != own
        ]
        if not heirs:
            say(f"No other server of {api.engine} can become leader. There is no leader until this host is back.")
            return
        if api.engine == "Consul":
            api.call("POST", f"/v1/operator/raft/transfer-leader?id={heirs[0]}")
        else:
            api.call("PUT", f"/v1/operator/raft/transfer-leadership?id={heirs[0]}")
    except (ApiError, NotYet) as error:
        # The others elect one when they miss this one.
        say(f"{api.engine} cannot transfer its leadership: {error}")
        return

    def is_led_by_another() -> None:
        if leads(api) or not api.leader():
            raise NotYet("This server is still the leader.", "Others must be healthy.")

    wait_for(f"another server of {api.engine} to become leader", HANDOVER_SECONDS, is_led_by_another)
    say(f"Another server of {api.engine} is the leader now.")


def drain(host: Host, client: Json) -> None:
    if "nomad-client" not in host.roles:
        return
    try:
        node = Node(host, client)
        found = node.read()
        if found["SchedulingEligibility"] == "eligible":
            # What an operator has made ineligible stays so.
            drained_file(host).write_text("")
        if not found["DrainStrategy"]:
            node.drain(host.drain_seconds)
    except (ApiError, NotYet) as error:
        say(f"This node cannot be drained, so its allocations stop with it: {error}")
        return

    def is_drained() -> None:
        if node.read()["DrainStrategy"]:
            raise NotYet("Its allocations are still stopping.", "Nomad stops all of them at the deadline of the drain.")

    wait_for("this node to be drained", host.drain_seconds + HANDOVER_SECONDS, is_drained)
    say("All allocations on this host have stopped.")


def go(host: Host, apis: list[Api]) -> None:
    """The agents leave, Nomad first, since it uses Consul; and stay down until the host is booted again."""
    host.left_file.parent.mkdir(exist_ok=True)
    host.left_file.write_text("")
    for pid in agents_of(host, "nomad"):
        # Only a server leaves by SIGTERM. A client has nothing left to leave.
        os.kill(pid, signal.SIGTERM if host.is_server("nomad") else signal.SIGINT)
    wait_for("Nomad to leave", HANDOVER_SECONDS, functools.partial(expect_ended, host, "nomad"))
    for api in apis:
        if api.engine == "Consul":
            api.call("PUT", "/v1/agent/leave")
    if not host.is_server("consul"):
        for pid in agents_of(host, "consul"):
            os.kill(pid, signal.SIGTERM)
    wait_for("Consul to leave", HANDOVER_SECONDS, functools.partial(expect_ended, host, "consul"))
    say(f"{host.node} has left the cluster permanently. It can be shut down.")


def expect_ended(host: Host, engine: str) -> None:
    if agents_of(host, engine):
        raise NotYet("Its process is still running.", f"Look at its log: `journalctl --unit {engine}`.")


def resume(host: Host, arguments: argparse.Namespace) -> None:
    """Takes back what `leave` has said for a reboot."""
    file = drained_file(host)
    if not file.exists():
        return
    client, _ = wait_for("the secrets of this host", arguments.wait, lambda: secrets_of(host))

    def take_jobs() -> None:
        node = Node(host, client)
        if node.read()["Status"] != "ready":
            raise NotYet("The node is not ready in Nomad yet.", "Look at Nomad's log.")
        node.take_jobs()

    wait_for("this node to be ready for jobs", arguments.wait, take_jobs)
    file.unlink()
    say("The node is eligible again.")


def drained_file(host: Host) -> Path:
    """There from the drain for a reboot until jobs are taken again."""
    return host.path("/etc/meshform/drained")
