"""Where the secrets of a cluster are kept, as JSON documents of which each is written as a whole."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from .aws import SecretsManagerStore
from .basics import OUTPUT, Json, NotYet, Problem, T, say, wait_for
from .files import remove_leftovers


class SecretStore(Protocol):
    def get(self, name: str) -> str | None:
        """The text of a secret, or None if there is none of this name."""

    def create(self, name: str, text: str) -> bool:
        """Creates a secret; False if somebody else was first, whose secret is left as it is."""

    def replace(self, name: str, text: str) -> None:
        """Gives an existing secret another text."""


class DirectoryStore:
    """Secrets as files in a directory that hosts share, such as the lab's: each in a folder of its own, so that a host
    can be shown one and not the others."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)

    def get(self, name: str) -> str | None:
        self._check_root()
        try:
            text = self._file(name).read_text()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._problem(f"{self._file(name)} cannot be read: {error.strerror}.") from error
        self._check(name)
        return text

    def create(self, name: str, text: str) -> bool:
        def link(whole: str) -> bool:
            try:
                os.link(whole, self._file(name))
            except FileExistsError:
                return False
            return True

        return self._write(name, text, link)

    def replace(self, name: str, text: str) -> None:
        self._write(name, text, lambda whole: Path(whole).replace(self._file(name)))

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
        return stat.S_IMODE(found.st_mode)

    def _problem(self, problem: str) -> Problem:
        fix = f"Servers share {self._path}, client hosts its folder `client`, all of it only root's (mode 0700)."
        return Problem(problem, fix)

    def _folder(self, name: str) -> Path:
        return self._path / name

    def _file(self, name: str) -> Path:
        return self._folder(name) / f"{name}.json"


def open_store(settings: Mapping[str, str]) -> SecretStore:
    kind = settings.get("type")
    try:
        if kind == "directory":
            return DirectoryStore(settings["path"])
        if kind == "aws-secrets-manager":
            return SecretsManagerStore(settings["prefix"], settings["region"], settings.get("endpoint"))
    except KeyError as error:
        raise Problem(f"The secret store in host.json lacks {error}.", "Add it.") from error
    raise Problem(f"{kind!r} is no kind of secret store.", "Known kinds: directory, aws-secrets-manager.")


class Documents:
    """The documents in a store."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    def read(self, name: str) -> Json | None:
        text = self._store.get(name)
        if text is None:
            return None
        try:
            document = json.loads(text)
        except ValueError as error:
            raise Problem(f"Secret {name} in the store is no JSON.", "Bring back an earlier version of it.") from error
        if not isinstance(document, dict):
            raise Problem(f"Secret {name} in the store is no document.", "Bring back an earlier version of it.")
        OUTPUT.hide(document)
        return document

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
                fix = "If it stays so, delete it: servers create it whole."
                raise NotYet(f"Secret {name} exists but has no text.", fix)
            return written

        # What somebody else has just created may take a moment until it can be read.
        return wait_for(f"secret {name}", 60, read)

    def replace(self, name: str, document: Json) -> None:
        self._store.replace(name, self._text(document))
        say(f"Renewed secret {name}.")

    @staticmethod
    def _text(document: Json) -> str:
        OUTPUT.hide(document)
        return json.dumps(document, indent=1, sort_keys=True)
