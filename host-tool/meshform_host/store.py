"""Where the secrets of a cluster are kept, as JSON documents of which each is written as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from .basics import OUTPUT, Json, NotYet, Problem, Stored, T, say, wait_for
from .clouds import SECRET_STORES, open_by_type
from .files import remove_leftovers
from .host import Host

# How long another server may take to replace a secret.
LOCK_SECONDS = 60


class SecretStore(Protocol):
    def get(self, name: str) -> Stored | None:
        """A secret, or None if nobody has written one of this name."""

    def create(self, name: str, text: str) -> bool:
        """Writes a secret; False if somebody else was first, whose secret is left as it is."""

    def replace(self, name: str, text: str, version: str) -> bool:
        """Gives a secret another text; False if it is no longer of this version, and left as it is."""


class DirectoryStore:
    """Secrets as files in a directory that hosts share, such as the lab's: each in a folder of its own, so that a host
    can be shown one and not the others."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def get(self, name: str) -> Stored | None:
        self._check_root()
        try:
            text = self._file(name).read_text()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._problem(f"{self._file(name)} cannot be read: {error.strerror}.") from error
        self._check(name)
        return Stored(text, version_of(text))

    def create(self, name: str, text: str) -> bool:
        def link(whole: str) -> bool:
            try:
                os.link(whole, self._file(name))
            except FileExistsError:
                return False
            return True

        return self._write(name, text, link)

    def replace(self, name: str, text: str, version: str) -> bool:
        def rename(whole: str) -> bool:
            with self._locked(name):
                if version_of(self._file(name).read_text()) != version:
                    return False
                Path(whole).replace(self._file(name))
                return True

        return self._write(name, text, rename)

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        """Alone among those that replace this secret. The lock ends with the process that has it."""
        with (self._folder(name) / ".lock").open("w") as lock:

            def take() -> None:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise NotYet(
                        f"Another server is writing {self._file(name)}.", "Look at the other servers."
                    ) from error

            wait_for(f"secret {name}", LOCK_SECONDS, take)
            yield

    def _write(self, name: str, text: str, publish: Callable[[str], T]) -> T:
        """The file gets its name when it is complete and on the disk, so nobody ever sees half of it."""
        self._check_root()
        folder = self._folder(name)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            self._check(name)
            remove_leftovers(folder, f".{name}.*")
            handle, whole = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
            try:
                with os.fdopen(handle, "w") as stream:
                    stream.write(text)
                    stream.flush()
                    os.fsync(stream.fileno())
                result = publish(whole)
            finally:
                Path(whole).unlink(missing_ok=True)
            for directory in (folder, self._path):
                handle = os.open(directory, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
            return result
        except OSError as error:
            raise self._problem(f"{self._file(name)} cannot be written: {error.strerror}.") from error

    def _check_root(self) -> None:
        mode = self._mode(self._path)
        if mode & 0o022:
            raise self._problem(f"Other users may write to the secret store {self._path} (mode {mode:04o}).")

    def _check(self, name: str) -> None:
        mode = self._mode(self._folder(name))
        if mode & 0o077:
            raise self._problem(f"{self._folder(name)} is open to other users (mode {mode:04o}).")

    def _mode(self, path: Path) -> int:
        try:
            found = path.stat()
        except OSError as error:
            raise self._problem(f"The secret store {path} cannot be reached: {error.strerror}.") from error
        if not stat.S_ISDIR(found.st_mode):
            raise self._problem(f"The secret store {path} is not a directory.")
        if found.st_uid != os.geteuid():
            own = f"user {os.geteuid()}, whom this program runs as"
            raise self._problem(f"The secret store {path} belongs to user {found.st_uid}, not to {own}.")
        return stat.S_IMODE(found.st_mode)

    def _problem(self, problem: str) -> Problem:
        fix = f"Servers share {self._path}, client hosts its folder `client`, all of it only root's (mode 0700)."
        return Problem(problem, fix)

    def _folder(self, name: str) -> Path:
        return self._path / name

    def _file(self, name: str) -> Path:
        return self._folder(name) / f"{name}.json"


def version_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def open_store(settings: Mapping[str, str]) -> SecretStore:
    openers = {"directory": lambda its: DirectoryStore(its["path"]), **SECRET_STORES}
    store: SecretStore = open_by_type("secret store", settings, openers)
    return store


class Documents:
    """The documents in a store."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    @staticmethod
    def of(host: Host) -> Documents:
        return Documents(open_store(host.store))

    def read(self, name: str) -> Json | None:
        return self.read_version(name)[0]

    def read_version(self, name: str) -> tuple[Json | None, str]:
        """A document, and which version of it that is."""
        stored = self._store.get(name)
        if stored is None:
            return None, ""
        try:
            document = json.loads(stored.text)
        except ValueError as error:
            raise Problem(f"Secret {name} in the store is not JSON.", "Restore an earlier version of it.") from error
        if not isinstance(document, dict):
            raise Problem(f"Secret {name} in the store is not a JSON object.", "Restore an earlier version of it.")
        OUTPUT.hide(document)
        return document, stored.version

    def need(self, name: str) -> Json:
        document = self.read(name)
        if document is None:
            raise NotYet(f"Secret {name} is not in the store yet.", "The first server that boots creates it.")
        return document

    def create(self, name: str, document: Json) -> Json:
        """Creates a document, or takes the one of the host that was first."""
        if self._store.create(name, self._text(document)):
            say(f"Created secret {name}.")
            return document

        def read() -> Json:
            written = self.read(name)
            if written is None:
                fix = "If this does not change, delete it: a server creates it again."
                raise NotYet(f"Secret {name} exists but has no text.", fix)
            return written

        # What somebody else has just created may take a moment until it can be read.
        return wait_for(f"secret {name}", 60, read)

    def replace(self, name: str, document: Json, version: str) -> bool:
        """@returns whether the document was still of this version; otherwise it is left as it is"""
        replaced = self._store.replace(name, self._text(document), version)
        if replaced:
            say(f"Renewed secret {name}.")
        return replaced

    def change(self, name: str, change: Callable[[Json], Json]) -> Json:
        """Changes a document, once more whenever another server has changed it meanwhile. Nobody's change is lost.

        @param change returns what the document must be, which may be what it is
        """

        def attempt() -> Json:
            document, version = self.read_version(name)
            if document is None:
                raise NotYet(f"Secret {name} is not in the store.", "The first server that boots creates it.")
            wanted = change(document)
            if wanted != document and not self.replace(name, wanted, version):
                raise NotYet(f"Another server changed the secret {name} at the same time.", "The write is retried.")
            return wanted

        return wait_for(f"a change of secret {name}", 60, attempt)

    @staticmethod
    def _text(document: Json) -> str:
        OUTPUT.hide(document)
        return json.dumps(document, indent=1, sort_keys=True)
