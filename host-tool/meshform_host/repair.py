"""Allocations that came back without their identity are replaced, a few at a time, as long as that helps."""

from __future__ import annotations

import argparse
import dataclasses
import time
import urllib.parse
from collections.abc import Iterable, Sequence

from .acl import wait_until_usable
from .api import Api, ApiError, api_of, leads, server_apis
from .basics import ENGINES, Json, NotYet, say
from .cluster import cluster_of
from .host import Host
from .nodes import forget_replaced_nodes

PAUSE_SECONDS = 10
# How many allocations may be without a replacement that runs.
AT_ONCE = 3
# How long a replacement may take to run: images are fetched, other allocations stop first.
PATIENCE_SECONDS = 300


def repair(host: Host, arguments: argparse.Namespace) -> None:
    """What goes wrong in a cluster and would stay so is put right, by the server that leads.

    Allocations that came back with a booted host as strangers are replaced. Nomad starts their tasks again, but does
    not bring back the tokens of their identities, which were in memory, so Consul tells their Envoys nothing (Nomad's
    issue 27824). New allocations log in again.

    Nodes of Consul's catalog whose names are other hosts' by now are forgotten.
    """
    cluster = cluster_of(host, arguments.wait)
    for api in server_apis(host, cluster):
        wait_until_usable(api, arguments.wait)
    told: str | None = None
    while True:
        for engine in filter(host.is_server, ENGINES):
            try:
                api = api_of(engine, host, cluster)
                if not leads(api):
                    continue
                if api.engine == "Consul":
                    forget_replaced_nodes(api)
                else:
                    told = replace_some(api, told)
            except (ApiError, NotYet) as error:
                say(f"{engine.capitalize()} does not answer, trying again: {error}")
                # What it is asked with may have been rotated.
                cluster = cluster_of(host, arguments.wait)
        if arguments.once:
            return
        time.sleep(PAUSE_SECONDS)


def replace_some(api: Api, told: str | None) -> str | None:
    """@returns why nothing more is replaced, which is said once"""
    allocations = api.call("GET", "/v1/allocations?namespace=*&task_states=true")
    jobs = api.call("GET", "/v1/jobs?namespace=*")
    plan = plan_repair(allocations, jobs, time.time())
    if plan.obstacle is not None and plan.obstacle != told:
        say(plan.obstacle)
    for allocation in plan.replace:
        query = urllib.parse.urlencode({"namespace": allocation["Namespace"]})
        api.call("PUT", f"/v1/allocation/{allocation['ID']}/stop?{query}", {})
        say(f"Replacing {named(allocation)}: its host was rebooted, and its identity is lost.")
    return plan.obstacle


@dataclasses.dataclass(frozen=True)
class Repair:
    """What to do now. All of it follows from what Nomad says, so that another leader goes on in the middle."""

    replace: Sequence[Json]
    # Why nothing is replaced, as a sentence, though there are strangers.
    obstacle: str | None = None


def plan_repair(allocations: Sequence[Json], jobs: Iterable[Json], now: float) -> Repair:
    by_id = {allocation["ID"]: allocation for allocation in allocations}
    wanted = {(job["Namespace"], job["ID"]) for job in jobs if not job["Stop"]}
    lost = [it for it in allocations if has_lost_identity(it) and (it["Namespace"], it["JobID"]) in wanted]
    strangers = [it for it in lost if runs(it) and not is_told_to_go(it)]
    # Those that were stopped for other reasons too, since no more must be missing than a few.
    missing = [it for it in lost if is_told_to_go(it) and not is_replaced(it, by_id)]
    if not strangers:
        return Repair([])
    late = [it for it in missing if now - it["ModifyTime"] / 1e9 > PATIENCE_SECONDS]
    if late:
        return Repair([], obstacle_of(late[0], by_id, len(strangers)))
    free = max(0, AT_ONCE - len(missing))
    return Repair(sorted(strangers, key=lambda it: (str(it["JobID"]), str(it["ID"])))[:free])


def has_lost_identity(allocation: Json) -> bool:
    """Whether an Envoy of it ran again after its host was booted. Nomad names those tasks `connect-…`."""
    states = (allocation["TaskStates"] or {}).items()
    envoys = [state for name, state in states if name.startswith("connect-")]
    events = [event["Type"] for state in envoys for event in state["Events"] or ()]
    return "Failed Restoring Task" in events


def runs(allocation: Json) -> bool:
    return allocation["DesiredStatus"] == "run" and allocation["ClientStatus"] in ("pending", "running")


def is_told_to_go(allocation: Json) -> bool:
    return bool((allocation["DesiredTransition"] or {}).get("Migrate"))


def is_replaced(allocation: Json, by_id: dict[str, Json]) -> bool:
    """Whether the last of those that came after it runs, or is no longer wanted."""
    last = last_after(allocation, by_id)
    if last is allocation:
        # Nomad does not always say which came after it, but a group has each name once.
        return any(
            it["Namespace"] == allocation["Namespace"] and it["Name"] == allocation["Name"]
            for it in by_id.values()
            if runs(it) and it["ClientStatus"] == "running" and not is_told_to_go(it)
        )
    return last["ClientStatus"] in ("running", "complete") or last["DesiredStatus"] == "stop"


def last_after(allocation: Json, by_id: dict[str, Json]) -> Json:
    last = allocation
    while (following := by_id.get(last["NextAllocation"])) is not None:
        last = following
    return last


def obstacle_of(allocation: Json, by_id: dict[str, Json], strangers: int) -> str:
    last = last_after(allocation, by_id)
    if last is allocation:
        why = f"Nomad has not placed a replacement within {PATIENCE_SECONDS} s"
        fix = f"Look at `nomad job status -namespace {allocation['Namespace']} {allocation['JobID']}`"
    else:
        said = last.get("ClientDescription") or "no reason given"
        why = f"{named(last)}, its replacement, is {last['ClientStatus']} ({said})"
        fix = f"Look at `nomad alloc status {last['ID']}`"
    more = f"{strangers} more allocations without identity are not replaced until that one runs"
    return f"Replacing {named(allocation)} has not helped: {why}. So {more}. {fix}."


def named(allocation: Json) -> str:
    return f"allocation {allocation['ID']} of {allocation['JobID']}"
