"""Allocations that came back without their identity are replaced."""

from __future__ import annotations

import argparse
import time
import urllib.parse

from .acl import wait_until_usable
from .api import Api, ApiError, api_of, leads
from .basics import Json, NotYet, say
from .cluster import cluster_of
from .host import Host

MEND_SECONDS = 10


def repair(host: Host, arguments: argparse.Namespace) -> None:
    """Replaces allocations that came back with a booted host as strangers.

    Nomad starts their tasks again, but does not bring back the tokens of their identities, which were in memory, so
    Consul tells their Envoys nothing (Nomad's issue 27824). New allocations log in again.
    """
    api = api_of("nomad", host, cluster_of(host, arguments.wait))
    wait_until_usable(api, arguments.wait)
    while True:
        try:
            if leads(api):
                replace_strangers(api)
        except (ApiError, NotYet) as error:
            say(f"Tries again, since Nomad cannot be asked: {error}")
        if arguments.once:
            return
        time.sleep(MEND_SECONDS)


def replace_strangers(api: Api) -> None:
    for allocation in api.call("GET", "/v1/allocations?namespace=*&task_states=true"):
        if is_stranger(allocation):
            query = urllib.parse.urlencode({"namespace": allocation["Namespace"]})
            api.call("PUT", f"/v1/allocation/{allocation['ID']}/stop?{query}", {})
            named = f"{allocation['ID']} of {allocation['JobID']}"
            say(f"Replaces allocation {named}: its host was booted, and its identity lost.")


def is_stranger(allocation: Json) -> bool:
    """Whether an Envoy of it runs again after its host was booted. Nomad names those tasks `connect-…`."""
    if allocation["DesiredStatus"] != "run" or allocation["ClientStatus"] not in ("pending", "running"):
        return False
    states = (allocation["TaskStates"] or {}).items()
    envoys = [state for name, state in states if name.startswith("connect-")]
    events = [event["Type"] for state in envoys for event in state["Events"] or ()]
    return "Failed Restoring Task" in events
