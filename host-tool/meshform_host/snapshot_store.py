"""Where snapshots are kept: files of a directory, or objects of a bucket. Each is there whole, or not at all."""

from __future__ import annotations

import calendar
import dataclasses
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from .basics import NotYet, Problem, say
from .clouds import SNAPSHOT_STORES, open_by_type
from .files import remove_leftovers
from .host import Host
from .processes import run_program

# When a snapshot was saved, as its name has it.
STAMP = "%Y%m%dT%H%M%SZ"


class NoSnapshot(NotYet):
    """The store has none that is good."""


class SnapshotStore(Protocol):
    def names(self) -> list[str]:
        """What is there, e.g. `consul-20260101T000000Z.snap`."""

    def save(self, name: str, file: Path) -> str:
        """Keeps a copy of a file, and says where.

        @raises NotYet if there is one of this name, which is left as it is, or the copy is not the same
        """

    def fetch(self, name: str, folder: Path) -> Path:
        """A copy of a snapshot."""

    def remove(self, name: str) -> None: ...


class DirectorySnapshots:
    """A directory that only root may enter; where servers share it, a new one finds what another saved."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        return sorted(file.name for file in self._path.glob("*.snap"))

    def save(self, name: str, file: Path) -> str:
        self._path.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._path.chmod(0o700)
        remove_leftovers(self._path, ".meshform-*")
        handle, partial = tempfile.mkstemp(prefix=".meshform-", dir=self._path)
        try:
            with os.fdopen(handle, "wb") as target, file.open("rb") as source:
                shutil.copyfileobj(source, target)
                target.flush()
                os.fsync(target.fileno())
            os.link(partial, self._path / name)
        except FileExistsError as error:
            raise NotYet(
                f"The snapshot {self._path / name} already exists.", "Names contain the time in seconds: try again."
            ) from error
        finally:
            Path(partial).unlink(missing_ok=True)
        return str(self._path / name)

    def fetch(self, name: str, folder: Path) -> Path:
        return Path(shutil.copy(self._path / name, folder / name))

    def remove(self, name: str) -> None:
        (self._path / name).unlink(missing_ok=True)


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


def open_snapshots(host: Host) -> SnapshotStore:
    if host.snapshots is None:
        raise Problem("host.json has no snapshot store.", 'Set "snapshots" in it.')
    openers = {"directory": lambda its: DirectorySnapshots(Path(its["path"])), **SNAPSHOT_STORES}
    store: SnapshotStore = open_by_type("snapshot store", host.snapshots.get("store", {}), openers)
    return store


def snapshot_name(engine: str, seconds: float | None = None) -> str:
    """@param seconds when it was saved, since 1970 (default: now)"""
    return f"{engine}-{time.strftime(STAMP, time.gmtime(seconds))}.snap"


def saved_at(name: str) -> float:
    """@returns when the snapshot of that name was saved, in seconds since 1970"""
    return calendar.timegm(time.strptime(name.removesuffix(".snap").rpartition("-")[2], STAMP))


def snapshots_of(store: SnapshotStore, engine: str) -> list[str]:
    """Their names, the oldest first."""
    return sorted(name for name in store.names() if name.startswith(f"{engine}-"))


def newest_good_snapshot(store: SnapshotStore, engine: str, folder: Path) -> tuple[str, Path]:
    """@returns its name, and a copy which the engine's own command has found whole"""
    for name in reversed(snapshots_of(store, engine)):
        file = store.fetch(name, folder)
        try:
            SNAPSHOTS[engine].check(engine, file)
            return name, file
        except Problem as problem:
            say(f"{name} is skipped: {problem}")
            file.unlink()
    raise NoSnapshot(f"There is no valid snapshot of {engine.capitalize()} in the store.", "Add one to the store.")
