"""Files and folders of this host, and those that are there only for a moment."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .basics import Problem
from .host import Host


class HostFiles:
    """Writes files of this host whole, with owner and mode, and only where something differs.

    The folders belong to the agents' users, this program is root: so it works on what it has opened, and follows no
    link that such a user may have put there.
    """

    def __init__(self, root: Path, before_change: Callable[[Path], None] = lambda _: None) -> None:
        self._root = root
        self._before_change = before_change
        self._changed: dict[str, None] = {}

    @property
    def changed(self) -> list[str]:
        """Paths, in the order of their first change."""
        return list(self._changed)

    def directory(self, path: Path, mode: int, user: str) -> None:
        with self._opened(path.parent) as parent, contextlib.suppress(FileExistsError):
            os.mkdir(path.name, 0o700, dir_fd=parent)
        with self._opened(path) as handle:
            if self._own(handle, mode, user):
                self._changed[str(path)] = None

    def file(self, path: Path, content: str, mode: int, user: str) -> None:
        with self._opened(path.parent) as folder:
            if self._keep(folder, path, content.encode(), mode, user):
                return
            fresh = f"{path.name}.new"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh, dir_fd=folder)
            handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600, dir_fd=folder)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content.encode())
                stream.flush()
                self._own(handle, mode, user)
                os.fsync(handle)
            self._before_change(path)
            os.rename(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)
            self._changed[str(path)] = None

    def _keep(self, folder: int, path: Path, content: bytes, mode: int, user: str) -> bool:
        """Keeps a file that has this content."""
        try:
            handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        except OSError:
            return False
        with os.fdopen(handle, "rb") as stream:
            if stream.read() != content:
                return False
            if self._own(handle, mode, user):
                self._changed[str(path)] = None
            return True

    def _own(self, handle: int, mode: int, user: str) -> bool:
        """@returns whether that was needed"""
        uid, gid = ids_of(self._root, user)
        is_now = os.stat(handle)
        if (is_now.st_uid, is_now.st_gid, is_now.st_mode & 0o7777) == (uid, gid, mode):
            return False
        # The mode first: between the two calls nobody can read the file who may not read it afterwards.
        os.fchmod(handle, mode)
        os.fchown(handle, uid, gid)
        return True

    @contextlib.contextmanager
    def _opened(self, path: Path) -> Iterator[int]:
        """A directory; only root can have put a link where its first two parts are, e.g. /opt/consul."""
        parts = path.relative_to(self._root).parts
        with contextlib.ExitStack() as stack:
            handle = os.open(self._root.joinpath(*parts[:2]), os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, handle)
            for part in parts[2:]:
                try:
                    handle = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
                except NotADirectoryError as error:
                    raise Problem(f"{part} of {path} is a link or a file, not a directory.", "Remove it.") from error
                stack.callback(os.close, handle)
            yield handle


def ids_of(root: Path, user: str) -> tuple[int, int]:
    """From the host's own list of users: it may be an image that is being built."""
    if user == "root":
        return 0, 0
    for line in (root / "etc/passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == user:
            return int(uid), int(gid)
    raise Problem(f"There is no user {user} on this host.", f"Create it, e.g. `useradd --system {user}`.")


class Unread:
    """Files that have changed since the agents of this host read them last.

    On disk, so that a run that is interrupted between a change and the reload finds them again.
    """

    def __init__(self, host: Host) -> None:
        self._path = host.path("/etc/meshform/unread.json")

    def read(self) -> list[Path]:
        try:
            return [Path(path) for path in json.loads(self._path.read_text())]
        except FileNotFoundError:
            return []

    def add(self, path: Path) -> None:
        self._write([*(known for known in self.read() if known != path), path])

    def remove(self, paths: Sequence[Path]) -> None:
        self._write([path for path in self.read() if path not in paths])

    def _write(self, paths: Sequence[Path]) -> None:
        if not paths:
            self._path.unlink(missing_ok=True)
            return
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps([str(path) for path in paths]))
        fresh.replace(self._path)


def remove_leftovers(directory: Path, pattern: str) -> None:
    """A process that was killed while writing has left a file; one that writes now is younger than an hour."""
    for left in directory.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > 60 * 60:
                left.unlink()


class PrivateFolder:
    """A folder that only this program's user sees, in memory unless TMPDIR names another place; gone with the process.

    A lock on it tells others that it is in use: what a process left that was killed outright is removed by the next.
    """

    PREFIX = "meshform-private-"

    def __init__(self) -> None:
        self._path: Path | None = None

    @contextlib.contextmanager
    def directory(self) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp(dir=self._open()))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)

    def _open(self) -> Path:
        if self._path is None:
            # A unit of this program may write to the second only.
            writable = [folder for folder in ("/run", "/run/meshform") if os.access(folder, os.W_OK)]
            base = Path(writable[0] if writable and "TMPDIR" not in os.environ else tempfile.gettempdir())
            for folder in {base, *map(Path, writable)}:
                self._remove_leftovers(folder)
            self._path = Path(tempfile.mkdtemp(prefix=self.PREFIX, dir=base))
            # It is held until the process ends.
            fcntl.flock(os.open(self._path, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)
        return self._path

    def _remove_leftovers(self, base: Path) -> None:
        for left in base.glob(f"{self.PREFIX}*"):
            with contextlib.suppress(OSError):
                found = os.lstat(left)
                # One that is a second old may be about to be locked.
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or time.time() - found.st_mtime < 1:
                    continue
                handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
                finally:
                    os.close(handle)


PRIVATE = PrivateFolder()
private_directory = PRIVATE.directory
