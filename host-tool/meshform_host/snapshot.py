"""Snapshots of what the servers know."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from .acl import bootstrap_acl, wait_until_usable
from .api import Api, ApiError, api_of, leads, server_apis
from .basics import ENGINES, Problem, say, wait_for
from .cluster import cluster_of
from .files import remove_leftovers
from .host import Host
from .nodes import forget_replaced_nodes
from .processes import run_program


@dataclasses.dataclass(frozen=True)
class SnapshotKind:
    """How an engine keeps snapshots."""

    api_path: str
    inspect: Sequence[str]

    def check(self, engine: str, file: Path) -> None:
        """@raises Problem unless the engine's own command finds the file whole"""
        run_program(engine, [*self.inspect, str(file.absolute())], file.absolute().parent)


SNAPSHOTS = {
    "consul": SnapshotKind("/v1/snapshot", ("snapshot", "inspect")),
    "nomad": SnapshotKind("/v1/operator/snapshot", ("operator", "snapshot", "inspect")),
}


def save_snapshots(host: Host, arguments: argparse.Namespace) -> None:
    if not host.snapshots:
        raise Problem("host.json names no directory for snapshots.", 'Set "snapshots" in it.')
    directory, retain = host.path(str(host.snapshots["directory"])), int(host.snapshots["retain"])
    cluster = cluster_of(host, arguments.wait)
    for api in server_apis(host, cluster):
        leader = wait_until_usable(api, arguments.wait)
        if not arguments.force and not leads(api):
            say(f"{api.engine} is led by {leader}, which saves the snapshot. This server has nothing to do.")
            continue
        wait_for(f"a snapshot of {api.engine}", arguments.wait, functools.partial(save_snapshot, api, directory))
        keep_newest(directory, api.engine.lower(), retain)


def save_snapshot(api: Api, directory: Path) -> None:
    """The file gets its name when it is complete and known to be good."""
    engine = api.engine.lower()
    directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    directory.chmod(0o700)
    remove_leftovers(directory, f".{engine}.*")
    file = directory / time.strftime(f"{engine}-%Y%m%dT%H%M%SZ.snap", time.gmtime())
    handle, partial = tempfile.mkstemp(prefix=f".{engine}.", dir=directory)
    try:
        with os.fdopen(handle, "wb") as target, api.open("GET", SNAPSHOTS[engine].api_path) as source:
            shutil.copyfileobj(source, target)
            target.flush()
            os.fsync(target.fileno())
        SNAPSHOTS[engine].check(engine, Path(partial))
        Path(partial).rename(file)
    except ApiError as error:
        raise api.explain("save a snapshot", error) from error
    finally:
        Path(partial).unlink(missing_ok=True)
    say(f"Saved {file}, {file.stat().st_size} bytes.")


def keep_newest(directory: Path, engine: str, retain: int) -> None:
    for old in sorted(directory.glob(f"{engine}-*.snap"))[: -max(retain, 1)]:
        old.unlink()
        say(f"Removed {old}, older than the {retain} that are kept.")


def restore_snapshots(host: Host, arguments: argparse.Namespace) -> None:
    files: dict[str, Path] = {engine: file for engine in ENGINES if (file := getattr(arguments, engine))}
    if not files:
        raise Problem("There is nothing to restore.", "Name a file with --consul or --nomad.")
    for engine, file in files.items():
        if not host.is_server(engine):
            raise Problem(f"This host is no server of {engine.capitalize()}.", "Run this command on one.")
        if not file.is_file():
            raise Problem(f"There is no file {file}.", "Name a snapshot that `meshform-host snapshot` has saved.")
        SNAPSHOTS[engine].check(engine, file)
    cluster = cluster_of(host, arguments.wait)
    for engine, file in files.items():
        api = api_of(engine, host, cluster)
        wait_until_usable(api, arguments.wait)
        restore_snapshot(api, file)
        wait_until_usable(api, arguments.wait)
        if engine == "consul":
            wait_for("the catalog", arguments.wait, functools.partial(forget_replaced_nodes, api))
            say("Now run `meshform-host restart consul` on each client host, which holds to what it was told before.")
    bootstrap_acl(host, arguments)


def restore_snapshot(api: Api, file: Path) -> None:
    headers = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}
    try:
        with file.open("rb") as body, api.open("PUT", SNAPSHOTS[api.engine.lower()].api_path, body, headers):
            say(f"{api.engine} has restored {file}.")
    except ApiError as error:
        raise api.explain(f"restore {file}", error) from error
