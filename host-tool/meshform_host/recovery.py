"""New servers of a cluster that existed before: they never elect a leader over an empty state.

The store remembers for each engine that its servers have been set up. A server with an empty disk then starts with a
configuration that lets it join a cluster, but not begin one. If the other servers run, their leader adds it. If as many
such servers wait as the cluster has, nobody has the state: one of them, which the store selects, restores it from the
newest valid snapshot before there is any leader, and then adds the others. So no client ever sees an empty state.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import tarfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from .api import Api, api_of, own_api
from .basics import ENGINES, Json, NotYet, Problem, say, wait_for, without
from .cluster import Cluster, cluster_of
from .files import HostFiles, ids_of, private_directory
from .host import Host
from .processes import agents_of, end_agent
from .raft_files import place
from .snapshot_store import NoSnapshot, newest_good_snapshot, open_snapshots
from .tls import Authorities

# How long a new server looks for a leader before it says that it has found none.
GRACE_SECONDS = 15
# Both engines start at once.
START = time.monotonic()
# How long a server that restores Consul waits for the clients, which look for servers several times a minute.
MEET_SECONDS = 60
# How often a new server says that it waits, and for how long that counts.
REPORT_SECONDS = 600
FRESH_SECONDS = 900
# How long the server that restores may take, before another one does.
RESTORE_SECONDS = 1800

RAFT_FOLDERS = {"consul": "/opt/consul/raft", "nomad": "/opt/nomad/data/server/raft"}
NODE_IDS = {"consul": "/opt/consul/node-id", "nomad": "/opt/nomad/data/server/node-id"}
RPC_PORTS = {"consul": 8300, "nomad": 4647}


def agent_file(host: Host, engine: str) -> Path:
    return host.path(f"/etc/{engine}.d/{engine}.json")


def waiting_file(host: Host, engine: str) -> Path:
    """The agent's configuration as it was. It is here as long as this server has no state of the cluster."""
    return agent_file(host, engine).with_suffix(".json.waiting")


def recovery_file(host: Host, engine: str) -> Path:
    return host.path(f"/run/meshform/recovery-{engine}.json")


def recovery_of(host: Host) -> Json:
    """Of each engine for whose state this server waits, how far that is."""
    found: Json = {}
    for engine in ENGINES:
        try:
            found[engine] = json.loads(recovery_file(host, engine).read_text())
        except (FileNotFoundError, ValueError):
            continue
    return found


def write_join_only(host: Host, cluster: Json, files: HostFiles) -> None:
    """Before the agents start: lets a server that knows nothing of an existing cluster join it, and no more."""
    for engine in ENGINES:
        if not host.is_server(engine):
            continue
        is_new = waiting_file(host, engine).exists() or not host.path(RAFT_FOLDERS[engine]).exists()
        if not is_new or not cluster[engine].get("established"):
            stop_waiting(host, engine)
            continue
        agent = agent_file(host, engine)
        settings = json.loads(agent.read_text())
        # Unless a start before this one has already taken it out.
        if bootstrap_settings(engine, settings).pop("bootstrap_expect", None) is not None:
            if engine == "consul":
                # No other token is valid while there is no leader.
                tokens = settings.setdefault("acl", {}).setdefault("tokens", {})
                tokens["agent_recovery"] = str(uuid.uuid4())
            files.file(waiting_file(host, engine), agent.read_text(), 0o640, host.user(engine))
            files.file(agent, json.dumps(settings, indent=2) + "\n", 0o640, host.user(engine))


def bootstrap_settings(engine: str, settings: Json) -> Json:
    """Where an agent's configuration says how many servers begin a cluster."""
    place: Json = settings if engine == "consul" else settings["server"]
    return place


def stop_waiting(host: Host, engine: str) -> None:
    """From its next start on the agent has its whole configuration."""
    with contextlib.suppress(FileNotFoundError):
        waiting_file(host, engine).rename(agent_file(host, engine))


def remember_cluster(cluster: Cluster, engine: str) -> None:
    """From now on a server that knows nothing is a new one."""

    def change(document: Json) -> Json:
        return {**document, engine: {**without(document[engine], "waiting", "restorer"), "established": True}}

    if not cluster.read()[engine].get("established"):
        cluster.change(change)


class Recovery:
    """How a new server of an engine comes by the state of its cluster."""

    def __init__(self, host: Host, api: Api, cluster: Cluster) -> None:
        self._host = host
        self._api = api
        self._engine = api.engine.lower()
        self._cluster = cluster

    def join(self, limit: float) -> None:
        """Waits until this server is part of its cluster, and restores that where nobody else has its state."""
        if not self._is_new():
            return
        wait_for(f"a leader of {self._api.engine}", limit, self._attempt)
        recovery_file(self._host, self._engine).unlink(missing_ok=True)
        stop_waiting(self._host, self._engine)
        if self._host.node in (self._own().get("waiting") or {}):
            self._change(lambda own: {**own, "waiting": without(own.get("waiting") or {}, self._host.node)})

    def _attempt(self) -> None:
        try:
            self._api.leader()
            return
        except NotYet:
            # Once it has a state it is only a question of time.
            if time.monotonic() - START < GRACE_SECONDS or not self._is_new():
                raise
        own = self._own()
        if not own.get("established"):
            self._begin_empty()
        self._report(own)
        expected = self._expected()
        waiting = sorted(still_waiting(self._own(), time.time()))
        existed = (
            f"{self._api.engine} of this cluster existed before, but this server and {len(waiting) - 1} others do not "
            f"have its state, and there is no leader."
        )
        remedy = (
            "Start the servers that have its state, or run `meshform-host recover --snapshot` on one server, "
            "or `meshform-host recover --empty` to start with an empty state."
        )
        if len(waiting) < expected:
            self._say("waits for servers", existed)
            raise NotYet(existed, f"{remedy} {len(waiting)} of {expected} servers are new.")
        if self._host.recovery != "restore":
            self._say("waits for a decision", existed)
            raise NotYet(existed, remedy)
        self._restore_once(existed, remedy)

    def _say(self, state: str, reason: str) -> None:
        """For `status`, until this server is part of its cluster."""
        file = recovery_file(self._host, self._engine)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"state": state, "reason": reason}) + "\n")

    def _restore_once(self, existed: str, remedy: str) -> None:
        restorer = self._take_restore()
        if restorer != self._host.node:
            self._say("waits for another server", f"{restorer} restores a snapshot.")
            raise NotYet(existed, f"{restorer} restores a snapshot.")
        if self._host.snapshots is None:
            self._say("no snapshot", existed)
            raise NotYet(existed, f"No snapshots are saved. {remedy}")
        try:
            assert_met(self._host, self._engine, self._cluster.read())
            restore_offline(self._host, self._engine)
        except NoSnapshot as problem:
            self._say("no snapshot", f"{existed} {problem}")
            raise NotYet(f"{existed} {problem}", remedy) from problem
        except NotYet as problem:
            raise NotYet(f"{existed} {problem}", remedy) from problem
        raise NotYet(f"{self._api.engine} starts with the restored state.", "Look at its log.")

    def _is_new(self) -> bool:
        return waiting_file(self._host, self._engine).exists()

    def _begin_empty(self) -> None:
        """Somebody has said that the cluster is to start with an empty state."""
        stop_waiting(self._host, self._engine)
        say(f"{self._api.engine} starts with an empty state.")
        end_agents(self._host, self._engine)
        raise NotYet(f"{self._api.engine} restarts.", "Look at its log.")

    def _report(self, own: Json) -> None:
        last = (own.get("waiting") or {}).get(self._host.node, 0)
        if time.time() - last > REPORT_SECONDS:

            def report(current: Json) -> Json:
                waiting = {name: at for name, at in still_waiting(current, time.time()).items()}
                return {**current, "waiting": {**waiting, self._host.node: int(time.time())}}

            self._change(report)

    def _take_restore(self) -> str:
        """@returns the name of the server that restores"""

        def take(own: Json) -> Json:
            held = own.get("restorer")
            if held and held["until"] > time.time():
                return own
            return {**own, "restorer": {"host": self._host.node, "until": int(time.time() + RESTORE_SECONDS)}}

        return str(self._change(take)["restorer"]["host"])

    def _own(self) -> Json:
        own: Json = self._cluster.read()[self._engine]
        return own

    def _change(self, change: Callable[[Json], Json]) -> Json:
        engine = self._engine
        changed = self._cluster.change(lambda document: {**document, engine: change(document[engine])})
        own: Json = changed[engine]
        return own

    def _expected(self) -> int:
        settings = json.loads(waiting_file(self._host, self._engine).read_text())
        return int(bootstrap_settings(self._engine, settings)["bootstrap_expect"])


def still_waiting(own: Json, now: float) -> Json:
    return {name: at for name, at in (own.get("waiting") or {}).items() if now - at < FRESH_SECONDS}


def end_agents(host: Host, engine: str) -> None:
    for pid in agents_of(host, engine):
        end_agent(pid, engine)


def assert_met(host: Host, engine: str, cluster: Json) -> None:
    """Consul's new leader removes every node from the restored catalog that is no member of its gossip, and with it the
    node's services until its agent registers them again. So the clients must have found this server before it leads.

    @raises NotYet until one has, as that one knows all others
    """
    if engine != "consul" or time.monotonic() - START > MEET_SECONDS:
        return
    token = json.loads(agent_file(host, engine).read_text())["acl"]["tokens"]["agent_recovery"]
    api = own_api(engine, host, token, Authorities.of(cluster[engine]).trusted)
    with api.explained("show its members"):
        roles = {member["Tags"].get("role") for member in api.call("GET", "/v1/agent/members")}
    if "node" not in roles:
        raise NotYet("No client has found this server yet.", f"It waits for one for at most {MEET_SECONDS} s.")


def restore_offline(host: Host, engine: str) -> None:
    """Gives this server the state of the newest good snapshot, and restarts its agent, which then leads."""
    assert_new(host, engine)
    with private_directory() as folder:
        name, file = newest_good_snapshot(open_snapshots(host), engine, folder)
        node_id = host.path(NODE_IDS[engine]).read_text().strip()
        address = f"{min(host.addresses())}:{RPC_PORTS[engine]}"
        with file.open("rb") as snapshot:
            as_user(host, host.user(engine), lambda: place(snapshot, host.path(RAFT_FOLDERS[engine]), node_id, address))
    say(f"Restored {name} for {engine.capitalize()}, which restarts with that state.")
    stop_waiting(host, engine)
    end_agents(host, engine)


def assert_new(host: Host, engine: str) -> None:
    if not waiting_file(host, engine).exists():
        fix = "Use `meshform-host restore`, which asks the leader."
        raise Problem(f"This server of {engine.capitalize()} already has a state, which is not replaced.", fix)


def as_user(host: Host, user: str, action: Callable[[], None]) -> None:
    """Does something in a process of that user's, to whom the folders belong, and with no more rights than theirs."""
    uid, gid = ids_of(host.root, user)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(gid)
            os.setuid(uid)
            action()
            code = 0
        except (OSError, ValueError, KeyError, tarfile.TarError, Problem) as error:
            say(f"As user {user}: {error}")
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status != 0:
        raise NotYet(f"User {user} cannot write the restored files.", "Check the free disk space.")


def recover(host: Host, arguments: argparse.Namespace) -> None:
    """What a person decides where servers wait: for a snapshot, or for an empty cluster."""
    document = cluster_of(host, arguments.wait)
    cluster = Cluster.of(host)
    engines = [engine for engine in ENGINES if host.is_server(engine) and waiting_file(host, engine).exists()]
    if not engines:
        raise Problem("No server on this host is waiting for a recovery.", "There is nothing to recover.")
    for engine in engines:
        if has_leader(api_of(engine, host, document)):
            fix = "Let this server join it."
            raise Problem(f"{engine.capitalize()} has a leader.", fix)
        if arguments.snapshot:
            meet = functools.partial(assert_met, host, engine, document)
            wait_for("the clients", arguments.wait + MEET_SECONDS, meet)
            restore_offline(host, engine)
        else:

            def forget(document: Json, engine: str = engine) -> Json:
                return {**document, engine: without(document[engine], "established", "waiting", "restorer")}

            cluster.change(forget)
            say(f"All new {engine.capitalize()} servers start with an empty state within a minute.")


def has_leader(api: Api) -> bool:
    try:
        return bool(api.leader())
    except NotYet:
        return False
