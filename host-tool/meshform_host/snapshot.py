"""Snapshots of what the servers know: the leader saves them in a store, and any server brings them back from there."""

from __future__ import annotations

import argparse
import functools
import os
import shutil
from pathlib import Path

from .acl import bootstrap_acl, wait_until_usable
from .api import Api, api_of, leads, server_apis
from .basics import ENGINES, Problem, say, wait_for
from .cluster import Cluster, cluster_of
from .files import private_directory
from .host import Host
from .management import ManagementToken
from .nodes import forget_replaced_nodes
from .snapshot_store import SNAPSHOTS, SnapshotStore, newest_good_snapshot, open_snapshots, snapshot_name, snapshots_of


def save_snapshots(host: Host, arguments: argparse.Namespace) -> None:
    store = open_snapshots(host)
    retain = int((host.snapshots or {})["retain"])
    cluster = cluster_of(host, arguments.wait)
    for api in server_apis(host, cluster):
        leader = wait_until_usable(api, arguments.wait)
        if not arguments.force and not leads(api):
            say(f"{api.engine} is led by {leader}, which saves the snapshot. This server has nothing to do.")
            continue
        wait_for(f"a snapshot of {api.engine}", arguments.wait, functools.partial(save_snapshot, api, store))
        keep_newest(store, api.engine.lower(), retain)


def save_snapshot(api: Api, store: SnapshotStore) -> None:
    """It gets its name when it is complete and known to be good."""
    engine = api.engine.lower()
    with private_directory() as folder:
        file = folder / "snapshot"
        with api.explained("save a snapshot"), file.open("wb") as target:
            with api.open("GET", SNAPSHOTS[engine].api_path) as source:
                shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        SNAPSHOTS[engine].check(engine, file)
        place = store.save(snapshot_name(engine), file)
        say(f"Saved {place}, {file.stat().st_size} bytes.")


def keep_newest(store: SnapshotStore, engine: str, retain: int) -> None:
    for old in snapshots_of(store, engine)[: -max(retain, 1)]:
        store.remove(old)
        say(f"Removed {old}, older than the {retain} that are kept.")


def restore_snapshots(host: Host, arguments: argparse.Namespace) -> None:
    wanted: dict[str, str] = {engine: name for engine in ENGINES if (name := getattr(arguments, engine))}
    if not wanted:
        wanted = {engine: "newest" for engine in ENGINES if host.is_server(engine)}
    for engine in wanted:
        if not host.is_server(engine):
            raise Problem(f"This host is not a {engine.capitalize()} server.", "Run this command on such a server.")
    with private_directory() as folder:
        files = {engine: good_snapshot(host, engine, name, folder) for engine, name in wanted.items()}
        cluster = cluster_of(host, arguments.wait)
        for engine, (name, file) in files.items():
            api = api_of(engine, host, cluster)
            wait_until_usable(api, arguments.wait)
            restore_snapshot(api, name, file)
            wait_for(f"a leader of {api.engine}", arguments.wait, api.leader)
            token = ManagementToken(host, Cluster.of(host), engine)
            wait_for(f"the ACL system of {api.engine}", arguments.wait, token.take_known)
            if engine == "consul":
                wait_for("the catalog", arguments.wait, functools.partial(forget_replaced_nodes, api))
                say("Now run `meshform-host restart consul` on each client host: its agent still has the former state.")
    bootstrap_acl(host, arguments)


def good_snapshot(host: Host, engine: str, name: str, folder: Path) -> tuple[str, Path]:
    """A snapshot by its name in the store, as a file of this host, or the newest good one; whole in any case."""
    if name == "newest":
        return newest_good_snapshot(open_snapshots(host), engine, folder)
    file = Path(name)
    if "/" not in name:
        if name not in open_snapshots(host).names():
            raise Problem(
                f"There is no snapshot {name} in the store.", "Name one that `meshform-host snapshot` has saved."
            )
        file = open_snapshots(host).fetch(name, folder)
    if not file.is_file():
        raise Problem(f"There is no file {file}.", "Name a snapshot that `meshform-host snapshot` has saved.")
    SNAPSHOTS[engine].check(engine, file)
    return name, file


def restore_snapshot(api: Api, name: str, file: Path) -> None:
    headers = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}
    with api.explained(f"restore {name}"), file.open("rb") as body:
        with api.open("PUT", SNAPSHOTS[api.engine.lower()].api_path, body, headers):
            say(f"{api.engine} has restored {name}.")
