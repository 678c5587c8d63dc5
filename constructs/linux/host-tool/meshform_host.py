#!/usr/bin/env python3
"""Looks after the secrets, the tokens and the state of one host of a Meshform cluster.

The first server that boots creates the secrets of the cluster and puts them into the secret store; any host that comes
second finds them there. No secret is ever in user data, in Terraform's state, on a command line or in what this
program prints.

Commands, all run as root; /etc/meshform/host.json says what kind of host this is:

  secrets               at every boot, before the agents: creates what the store lacks, writes this host's files
  acl                   on servers, after the agents: bootstraps the ACL systems, creates the well-known tokens
  snapshot              saves the state of Consul and Nomad, on whichever server leads
  restore               brings a snapshot back
  repair                on servers: replaces allocations that lost their identity when their host was booted
  restart               restarts agents of this host when it is its turn, and waits until its checks pass again
  rotate gossip         a new gossip key, while everything runs
  rotate certificates   new certificates for clients, people and Prometheus, which hosts fetch with secrets --reload

The secret store holds five JSON documents. Each is written as a whole, so what is in one always fits together:

  cluster      both CAs with their keys, gossip keys, management tokens, the secrets of all tokens; servers only
  client       what a client host needs: CA certificates, Consul's gossip key, two tokens, one certificate per engine
  operator     for people: CA certificates, certificates of their own, the operator's token
  management   for the deployer of access rules: CA certificates, certificates and both management tokens
  prometheus   for Prometheus: CA certificates, certificates and a token of its own

`cluster` is the root: servers derive the others from it, and correct them where they differ. In a directory each document
has a folder of its own, `<path>/<document>`, so that a client host can be given `<path>/client` and no other.

Which IAM actions a host's role needs in AWS Secrets Manager, on secrets of the store's prefix only:

  server               secretsmanager:CreateSecret, GetSecretValue and PutSecretValue on all five
  client               secretsmanager:GetSecretValue on `client`
  person, Prometheus   secretsmanager:GetSecretValue on `operator`, on `management`, on `prometheus`

Restarts take turns: a host that restarts or reloads an agent holds the key `meshform/turn` in Consul until the checks
that passed before pass again. The others wait, so the hosts of a cluster may be told all at once.

What it means to restore a snapshot onto new servers that have the same secret store:

  tokens      The snapshot's replace those which the new servers have made. Both come from the store, so their secrets
              are the same; policies, roles and auth methods are the snapshot's. With another store the management
              token would be unknown afterwards: restore only together with the store that was in use.
  mesh CA     Consul's built-in CA keeps its key in its state: the old root is back. Run `restart consul` on client
              hosts, which hold to what the new servers told them before; their Envoys get new certificates then.
              Nomad's keys come back too, so it reads its variables and signs as before.
  catalog     The new servers have the names of old ones but other identities, and Consul refuses to register them. So
              `restore` forgets the old ones; the new ones register themselves within about a minute.

A snapshot holds the key of the mesh CA, all tokens and Nomad's keys: keep it like the store. The CAs in the store that
sign the agents' certificates, and the gossip keys, are not in it. This program never renews those CAs.

Certificates come from `consul tls`, which signs for any domain, Nomad's too: a Consul agent is beside every server, a
Nomad agent is not.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import dataclasses
import fcntl
import functools
import http.client
import ipaddress
import json
import os
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

T = TypeVar("T")
Json = dict[str, Any]

ENGINES = ("consul", "nomad")
DAY = 24 * 60 * 60


class Problem(Exception):
    """What is wrong, and what to do about it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem} {fix}")


class NotYet(Problem):
    """A problem that may pass with time."""


class NoAnswer(NotYet):
    """Nobody answers, or somebody who cannot prove to be the agent."""


class Output:
    """Standard error, one sentence a line. Nothing known to be secret gets out, not even in an engine's error."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def hide(self, document: object) -> None:
        """Takes every text in a document of the store for secret; hiding a public certificate does no harm."""
        if isinstance(document, dict):
            for value in document.values():
                self.hide(value)
        elif isinstance(document, list):
            for value in document:
                self.hide(value)
        elif isinstance(document, str) and len(document) >= 16:
            self._secrets.add(document)

    def say(self, sentence: str) -> None:
        for secret in self._secrets:
            sentence = sentence.replace(secret, "[hidden]")
        print(sentence, file=sys.stderr, flush=True)


OUTPUT = Output()
say = OUTPUT.say


# How long a service that starts may take to listen.
SILENCE_SECONDS = 60
# How long Envoys may take to hear from their agents that an instance is healthy again.
SETTLING_SECONDS = 3


def wait_for(what: str, limit: float, probe: Callable[[], T], silence: float | None = None) -> T:
    """Repeats a probe until it no longer says NotYet, and tells what it is waiting for.

    @param silence for how many seconds to accept NoAnswer (default: as long as anything else)
    """
    start = time.monotonic()
    end = start + limit
    told: str | None = None
    pause = 0.1
    while True:
        try:
            return probe()
        except NotYet as reason:
            if silence is not None and isinstance(reason, NoAnswer) and time.monotonic() >= start + min(silence, limit):
                raise
            if time.monotonic() >= end:
                raise Problem(f"Timed out after {limit:.0f} s waiting for {what}.", str(reason)) from reason
            if told != str(reason):
                told = str(reason)
                say(f"Waiting for {what}: {told}")
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


# --- this host


@dataclasses.dataclass(frozen=True)
class Host:
    """What /etc/meshform/host.json says."""

    store: Mapping[str, str]
    roles: frozenset[str]
    accessor_ids: Mapping[str, str]
    datacenter: str
    region: str
    node: str
    address: str | None
    consul_api: str
    nomad_api: str
    snapshots: Mapping[str, Any] | None
    ca_days: int
    certificate_days: int
    renewal_days: int
    root: Path

    ROLES = frozenset({"consul-server", "consul-client", "nomad-server", "nomad-client"})

    @staticmethod
    def read(root: Path) -> Host:
        path = root / "etc/meshform/host.json"
        try:
            said = json.loads(path.read_text())
            certificates = said.get("certificates", {})
            host = Host(
                store=said["store"],
                roles=frozenset(said["roles"]),
                accessor_ids=said["accessorIds"],
                datacenter=said["consulDatacenter"],
                region=said["nomadRegion"],
                node=said.get("node") or socket.gethostname(),
                address=said.get("address"),
                consul_api=said.get("consulApi", "https://127.0.0.1:8501"),
                nomad_api=said.get("nomadApi", "https://127.0.0.1:4646"),
                snapshots=said.get("snapshots"),
                ca_days=certificates.get("caDays", 3650),
                certificate_days=certificates.get("days", 365),
                renewal_days=certificates.get("renewalDays", 30),
                root=root,
            )
        except OSError as error:
            fix = "Configure this host, then try again."
            raise Problem(f"{path} cannot be read: {error.strerror}.", fix) from error
        except KeyError as error:
            raise Problem(f"{path} does not say {error}.", "Add it.") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise Problem(f"{path} is no configuration of a host: {error}.", "Write it again.") from error
        for api in (host.consul_api, host.nomad_api):
            if urllib.parse.urlsplit(api).scheme != "https":
                fix = "Name its HTTPS port, e.g. https://127.0.0.1:8501 for Consul."
                raise Problem(f"{path} names {api} for an agent, which would be sent tokens in plain text.", fix)
        unknown = host.roles - Host.ROLES
        if unknown or not host.roles:
            named = ", ".join(sorted(unknown)) or "none"
            raise Problem(f"{path} names unknown roles: {named}.", f"Known roles: {', '.join(sorted(Host.ROLES))}.")
        return host

    def is_server(self, engine: str | None = None) -> bool:
        return any(f"{name}-server" in self.roles for name in ([engine] if engine else ENGINES))

    def runs(self, engine: str) -> bool:
        return any(role.startswith(f"{engine}-") for role in self.roles)

    def user(self, engine: str) -> str:
        """Nomad's clients must be root."""
        return "root" if engine == "nomad" and "nomad-client" in self.roles else engine

    def place(self, engine: str) -> str:
        """What the names in an engine's certificates are made of, e.g. `dc1.consul` of `server.dc1.consul`."""
        return f"{self.datacenter}.consul" if engine == "consul" else f"{self.region}.nomad"

    def agent_name(self, engine: str) -> str:
        """The name that is in the certificate of the host's own agent, and in that of no other kind of agent."""
        return f"{'server' if self.is_server(engine) else 'client'}.{self.place(engine)}"

    def api(self, engine: str) -> str:
        return self.consul_api if engine == "consul" else self.nomad_api

    def server_names(self, engine: str) -> set[str]:
        names = {f"server.{self.place(engine)}"}
        return names | {f"{self.node}.server.{self.place(engine)}"} if engine == "consul" else names

    def addresses(self) -> set[str]:
        return {self.address} if self.address else private_addresses()

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def private_addresses() -> set[str]:
    """The private IPv4 addresses of the interfaces with a default route, as the agents' own `GetPrivateIP` has it."""
    routes = [line.split() for line in Path("/proc/net/route").read_text().splitlines()[1:]]
    with_default = {interface for interface, destination, *_ in routes if destination == "00000000"}
    found = {address for name in with_default if (address := address_of(name))}
    private = {address for address in found if ipaddress.ip_address(address).is_private}
    if not private:
        raise NotYet(
            "This host has no private IPv4 address on an interface with a default route.",
            'Give it one, or set "address" in /etc/meshform/host.json.',
        )
    return private


def address_of(interface: str) -> str | None:
    get_address = 0x8915  # SIOCGIFADDR
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            answer = fcntl.ioctl(asked.fileno(), get_address, struct.pack("256s", interface.encode()[:15]))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


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
        uid, gid = self._ids(user)
        is_now = os.stat(handle)
        if (is_now.st_uid, is_now.st_gid, is_now.st_mode & 0o7777) == (uid, gid, mode):
            return False
        os.fchown(handle, uid, gid)
        os.fchmod(handle, mode)
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
                    raise Problem(f"{part} of {path} is no directory but a link or a file.", "Remove it.") from error
                stack.callback(os.close, handle)
            yield handle

    def _ids(self, user: str) -> tuple[int, int]:
        """From the host's own list of users: it may be an image that is being built."""
        if user == "root":
            return 0, 0
        for line in (self._root / "etc/passwd").read_text().splitlines():
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


# --- the secret store


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


class SecretsManagerStore:
    """AWS Secrets Manager, with the credentials that the host's own role gives."""

    def __init__(self, prefix: str, region: str, endpoint: str | None) -> None:
        try:
            import boto3
            from botocore import exceptions, xform_name
            from botocore.config import Config
        except ImportError as error:
            raise Problem(
                "AWS Secrets Manager needs boto3, which is not installed.",
                "Install it: `apt-get install python3-boto3`.",
            ) from error
        self._prefix = prefix
        self._exceptions = exceptions
        self._method_name = xform_name
        limits = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 4})
        self._client = boto3.client("secretsmanager", region_name=region, endpoint_url=endpoint, config=limits)

    def get(self, name: str) -> str | None:
        answer = self._call(name, "GetSecretValue", {"ResourceNotFoundException"}, SecretId=self._prefix + name)
        return str(answer["SecretString"]) if answer else None

    def create(self, name: str, text: str) -> bool:
        answer = self._call(
            name,
            "CreateSecret",
            {"ResourceExistsException"},
            Name=self._prefix + name,
            SecretString=text,
            Description="Secrets of a Meshform cluster, written by its servers",
        )
        return answer is not None

    def replace(self, name: str, text: str) -> None:
        self._call(name, "PutSecretValue", set(), SecretId=self._prefix + name, SecretString=text)

    def _call(self, name: str, action: str, expected: set[str], **arguments: str) -> Json | None:
        secret = f"Secret {self._prefix}{name} of AWS Secrets Manager"
        try:
            answer: Json = getattr(self._client, self._method_name(action))(**arguments)
            return answer
        except self._exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in expected:
                return None
            said = f"{action} failed with {code}: {error.response['Error'].get('Message', 'no reason given')}"
            if code == "InvalidRequestException":
                fix = "If it is scheduled for deletion, restore it or delete it for good."
                raise Problem(f"{secret}: {said}.", fix) from error
            # Permissions take a while to reach a role that has just been made.
            raise NotYet(f"{secret}: {said}.", f"The host's role must allow secretsmanager:{action} on it.") from error
        except self._exceptions.BotoCoreError as error:
            raise NotYet(f"{secret}: {error}.", "The host needs a role, and a way to the endpoint.") from error


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


# --- certificates


@dataclasses.dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key, both PEM."""

    certificate: str
    key: str

    @staticmethod
    def of(document: Mapping[str, str]) -> KeyPair:
        return KeyPair(document["certificate"], document["key"])

    def document(self) -> dict[str, str]:
        return dataclasses.asdict(self)


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A directory that only root sees, in memory unless TMPDIR names another place, and gone afterwards."""
    base = "/run" if "TMPDIR" not in os.environ and os.access("/run", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="meshform-", dir=base) as path:
        yield Path(path)


class ConsulTls:
    """Consul's own commands around keys. Whatever is secret goes through files."""

    def keygen(self) -> str:
        with private_directory() as folder:
            return self._run(folder, "keygen").strip()

    def authority(self, engine: str, days: int) -> KeyPair:
        with private_directory() as folder:
            name = f"-common-name={engine.capitalize()} Agent CA"
            self._run(folder, "tls", "ca", "create", f"-domain={engine}", name, f"-days={days}")
            return self._pair(folder, f"{engine}-agent-ca")

    def issue(
        self, kind: str, authority: KeyPair, place: str, days: int, names: set[str], addresses: set[str]
    ) -> KeyPair:
        """A certificate for `<kind>.<place>` and localhost, for 127.0.0.1 unless it is for the CLI, and the rest."""
        area, engine = place.rsplit(".", 1)
        wanted = [f"-additional-dnsname={name}" for name in sorted(names - {f"{kind}.{place}", "localhost"})]
        wanted += [f"-additional-ipaddress={address}" for address in sorted(addresses - {"127.0.0.1"})]
        with private_directory() as folder:
            (folder / f"{engine}-agent-ca.pem").write_text(authority.certificate)
            (folder / f"{engine}-agent-ca-key.pem").write_text(authority.key)
            subject = [f"-{kind}", f"-domain={engine}", f"-dc={area}", f"-days={days}"]
            self._run(folder, "tls", "cert", "create", *subject, *wanted)
            return self._pair(folder, f"{area}-{kind}-{engine}-0")

    def _run(self, folder: Path, *arguments: str) -> str:
        return run_program("consul", arguments, folder)

    def _pair(self, folder: Path, name: str) -> KeyPair:
        return KeyPair((folder / f"{name}.pem").read_text(), (folder / f"{name}-key.pem").read_text())


def run_program(name: str, arguments: Sequence[str], folder: Path) -> str:
    """Runs an engine's command, without the caller's environment, which might point it elsewhere."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/bin"
    program = shutil.which(name, path=path)
    if program is None:
        raise Problem(f"There is no program {name} on this host.", f"Install it, e.g. as /usr/local/bin/{name}.")
    done = subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        umask=0o077,
    )
    if done.returncode != 0:
        said = " ".join((done.stderr + done.stdout).split())[:500]
        raise Problem(f"`{name} {arguments[0]} …` failed: {said}.", f"Try {program} by hand on this host.")
    return done.stdout


@dataclasses.dataclass(frozen=True)
class CertificateFacts:
    names: frozenset[str]
    addresses: frozenset[str]
    seconds_left: float


def facts_of(pair: KeyPair, authority: str) -> CertificateFacts | None:
    """What a certificate says, or None unless this CA signed it, the key is its own and it is valid now.

    The standard library reads a certificate only in a handshake, so the pair meets itself in one, in memory.
    """
    with private_directory() as folder:
        pem = folder / "pair.pem"
        pem.write_text(pair.key + pair.certificate)
        judge = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        shown.check_hostname, shown.verify_mode = False, ssl.CERT_NONE
        try:
            for context in (judge, shown):
                context.load_cert_chain(pem)
            judge.load_verify_locations(cadata=authority)
            judge.verify_mode = ssl.CERT_REQUIRED
            said = shake_hands(judge, shown)
        except (ssl.SSLError, ValueError):
            return None
    alternatives = said.get("subjectAltName", ())
    return CertificateFacts(
        names=frozenset(value for kind, value in alternatives if kind == "DNS"),
        addresses=frozenset(value for kind, value in alternatives if kind == "IP Address"),
        seconds_left=ssl.cert_time_to_seconds(said["notAfter"]) - time.time(),
    )


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> Json:
    """What the server of a handshake learns about the client's certificate."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_side=False),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(4):
        for side in sides:
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    certificate = sides[1].getpeercert()
    if not certificate:
        raise ssl.SSLError("the handshake did not end")
    return certificate


class Certificates:
    """Keeps certificates while they are good, and has new ones made otherwise."""

    def __init__(self, host: Host, tls: ConsulTls, renew: bool) -> None:
        self._host = host
        self._tls = tls
        self._renew = renew

    def keep_or_issue(
        self, kind: str, engine: str, current: KeyPair | None, authority: KeyPair, names: set[str], addresses: set[str]
    ) -> KeyPair:
        if current and not self._renew and self._is_good(current, authority.certificate, names, addresses):
            return current
        place = self._host.place(engine)
        return self._tls.issue(kind, authority, place, self._host.certificate_days, names, addresses)

    def _is_good(self, pair: KeyPair, authority: str, names: set[str], addresses: set[str]) -> bool:
        facts = facts_of(pair, authority)
        if facts is None:
            return False
        lasts = facts.seconds_left > self._host.renewal_days * DAY
        return lasts and facts.names == names and facts.addresses == addresses


# --- the secrets of the cluster


def new_cluster(host: Host, tls: ConsulTls) -> Json:
    """Everything that a new cluster keeps secret."""

    def engine(name: str) -> Json:
        return {
            "ca": tls.authority(name, host.ca_days).document(),
            "gossip": {"primary": tls.keygen()},
            "managementToken": str(uuid.uuid4()),
        }

    return {
        **{name: engine(name) for name in ENGINES},
        "tokens": {name: str(uuid.uuid4()) for name in host.accessor_ids},
    }


class DerivedDocument:
    """A document whose contents follow from `cluster`, but for its certificates."""

    def __init__(self, name: str, kind: str, tokens: Sequence[str], extra: Mapping[str, Sequence[str]]) -> None:
        self.name = name
        self._kind = kind
        self._tokens = tokens
        self._extra = extra

    def follow(self, cluster: Json, current: Json | None, host: Host, certificates: Certificates) -> Json:
        """What the document must be, with its present certificates as long as they are good."""
        return {
            **{engine: self._engine(engine, cluster, current, host, certificates) for engine in ENGINES},
            "tokens": {name: cluster["tokens"][name] for name in self._tokens},
        }

    def _engine(self, engine: str, cluster: Json, current: Json | None, host: Host, certificates: Certificates) -> Json:
        own = cluster[engine]
        names, addresses = {f"{self._kind}.{host.place(engine)}", "localhost"}, {"127.0.0.1"}
        if self._kind == "cli":
            names, addresses = {f"cli.{host.place(engine)}", "localhost"}, set()
        held = KeyPair.of(current[engine]) if current else None
        pair = certificates.keep_or_issue(self._kind, engine, held, KeyPair.of(own["ca"]), names, addresses)
        return {
            "ca": own["ca"]["certificate"],
            **pair.document(),
            **{field: own[field] for field in self._extra.get(engine, ())},
        }


DERIVED = (
    DerivedDocument("client", "client", ["consul-agent", "nomad-client"], {"consul": ["gossip"]}),
    DerivedDocument("operator", "cli", ["operator"], {}),
    DerivedDocument("management", "cli", [], {engine: ["managementToken"] for engine in ENGINES}),
    DerivedDocument("prometheus", "cli", ["prometheus"], {}),
)


class Cluster:
    """The secrets of the cluster, as a server sees them."""

    def __init__(self, host: Host, documents: Documents, tls: ConsulTls) -> None:
        self._host = host
        self._documents = documents
        self._tls = tls

    def read(self) -> Json:
        return self._documents.need("cluster")

    def ensure(self, renew: bool = False) -> Json:
        """Creates whatever is missing and corrects what no longer follows from `cluster`."""
        cluster = self._documents.read("cluster")
        if cluster is None:
            cluster = self._documents.create("cluster", new_cluster(self._host, self._tls))
        missing = {name: str(uuid.uuid4()) for name in self._host.accessor_ids if name not in cluster["tokens"]}
        if missing:
            # This program is newer than the cluster.
            self._documents.replace("cluster", {**cluster, "tokens": {**cluster["tokens"], **missing}})
        self._warn_of_old_authorities(cluster)
        certificates = Certificates(self._host, self._tls, renew)
        for derived in DERIVED:
            cluster = self._ensure_derived(derived, certificates)
        return cluster

    def _ensure_derived(self, derived: DerivedDocument, certificates: Certificates) -> Json:
        # `cluster` is read after the document: a host that changes both writes `cluster` first, so it is never the older.
        current = self._documents.read(derived.name)
        cluster = self.read()
        wanted = derived.follow(cluster, current, self._host, certificates)
        if current is None:
            self._documents.create(derived.name, wanted)
        elif current != wanted:
            self._documents.replace(derived.name, wanted)
        return cluster

    def replace(self, cluster: Json) -> None:
        """Changes `cluster`, then everything that follows from it."""
        self._documents.replace("cluster", cluster)
        self.ensure()

    def _warn_of_old_authorities(self, cluster: Json) -> None:
        for engine in ENGINES:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=cluster[engine]["ca"]["certificate"])
            for authority in context.get_ca_certs():
                days = (ssl.cert_time_to_seconds(str(authority["notAfter"])) - time.time()) / DAY
                if days < self._host.certificate_days:
                    say(f"The CA of {engine.capitalize()} expires in {days:.0f} days, and nothing here renews it.")


# --- secrets


class HostSecrets:
    """What this host gets to know, and where its agents look for it."""

    def __init__(self, host: Host, client: Json, cluster: Json | None, certificates: Certificates) -> None:
        self._host = host
        self._client = client
        self._cluster = cluster
        self._certificates = certificates
        self.files = HostFiles(host.root, self._note)

    def write(self) -> None:
        if self._host.runs("consul"):
            self._write_consul()
        if self._host.runs("nomad"):
            self._write_nomad()

    def _note(self, path: Path) -> None:
        """Certificates are all that a running agent can read again."""
        if path.parent.name == "tls":
            Unread(self._host).add(path)

    def _write_consul(self) -> None:
        token = self._client["tokens"]["consul-agent"]
        gossip = self._client["consul"]["gossip"]
        # The agent's token for its own work and to answer DNS. Not as the default: then all on this host would have it.
        self._write_secrets("consul", {"encrypt": gossip["primary"], "acl": {"tokens": {"agent": token, "dns": token}}})
        self._write_pair("consul", "ca", "agent", self._client["consul"]["ca"], self._agent_pair("consul"))
        self._repair_keyring("consul", "/opt/consul/serf/local.keyring", gossip)
        if self._host.is_server("consul"):
            self._repair_keyring("consul", "/opt/consul/serf/remote.keyring", gossip)

    def _write_nomad(self) -> None:
        secrets: Json = {"consul": {"token": self._client["tokens"]["nomad-client"]}}
        if self._cluster and self._host.is_server("nomad"):
            gossip = self._cluster["nomad"]["gossip"]
            secrets = {
                "consul": {"token": self._cluster["tokens"]["nomad-server"]},
                "server": {"encrypt": gossip["primary"]},
            }
            self._repair_keyring("nomad", "/opt/nomad/data/server/serf.keyring", gossip)
        self._write_secrets("nomad", secrets)
        self._write_pair("nomad", "ca", "agent", self._client["nomad"]["ca"], self._agent_pair("nomad"))
        self._write_pair(
            "nomad", "consul-ca", "consul", self._client["consul"]["ca"], KeyPair.of(self._client["consul"])
        )

    def _agent_pair(self, engine: str) -> KeyPair:
        """A server has a certificate of its own, clients share one."""
        if self._cluster is None or not self._host.is_server(engine):
            return KeyPair.of(self._client[engine])
        names = self._host.server_names(engine) | {"localhost"}
        addresses = self._host.addresses() | {"127.0.0.1"}
        authority = KeyPair.of(self._cluster[engine]["ca"])
        return self._certificates.keep_or_issue("server", engine, self._held(engine), authority, names, addresses)

    def _held(self, engine: str) -> KeyPair | None:
        tls = self._host.path(f"/etc/{engine}.d/tls")
        try:
            pair = [(tls / name).read_text(errors="replace") for name in ("agent.pem", "agent-key.pem")]
            return KeyPair(*pair)
        except FileNotFoundError:
            return None

    def _write_pair(self, engine: str, ca_name: str, name: str, ca: str, pair: KeyPair) -> None:
        user = self._host.user(engine)
        tls = self._host.path(f"/etc/{engine}.d/tls")
        self.files.directory(tls, 0o750, user)
        self.files.file(tls / f"{ca_name}.pem", ca, 0o640, user)
        self.files.file(tls / f"{name}.pem", pair.certificate, 0o640, user)
        self.files.file(tls / f"{name}-key.pem", pair.key, 0o600, user)

    def _write_secrets(self, engine: str, secrets: Json) -> None:
        directory = self._host.path(f"/etc/{engine}.d")
        self.files.directory(directory, 0o750, self._host.user(engine))
        content = json.dumps(secrets, indent=2, sort_keys=True) + "\n"
        self.files.file(directory / "secrets.json", content, 0o600, self._host.user(engine))

    def _repair_keyring(self, engine: str, path: str, gossip: Mapping[str, str]) -> None:
        """An agent that has a keyring heeds no `encrypt`, so one that slept through a rotation is told here.

        While a rotation goes on the host must understand both keys.
        """
        wanted = [gossip["primary"], *(gossip[other] for other in ("next", "previous") if other in gossip)]
        file = self._host.path(path)
        if not file.exists() and len(wanted) == 1:
            return
        with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
            held = json.loads(file.read_text())
            if held[:1] == wanted[:1] and set(held) == set(wanted):
                return
        user = self._host.user(engine)
        if not file.parent.is_dir():
            self.files.directory(file.parent, 0o700, user)
        self.files.file(file, json.dumps(wanted), 0o600, user)


def write_secrets(host: Host, arguments: argparse.Namespace) -> None:
    documents = Documents(open_store(host.store))
    tls = ConsulTls()
    renew: bool = arguments.renew

    def attempt() -> tuple[HostSecrets, Json, Json | None] | None:
        cluster = Cluster(host, documents, tls).ensure() if host.is_server() else None
        if arguments.only_store:
            return None
        client = documents.need("client")
        secrets = HostSecrets(host, client, cluster, Certificates(host, tls, renew))
        secrets.write()
        return secrets, client, cluster

    written = wait_for("the secrets of this host", arguments.wait, attempt)
    if written is None:
        say("The store has every secret.")
        return
    secrets, client, cluster = written
    for path in secrets.files.changed:
        say(f"Wrote {path}.")
    if not secrets.files.changed:
        say("Every file of this host is as it should be.")
    agents = Agents(host, client, cluster, arguments.wait)
    agents.forget_what_none_has_read()
    if renew or arguments.reload:
        agents.read_again()


def restart_agents(host: Host, arguments: argparse.Namespace) -> None:
    for engine in arguments.engine:
        if not agents_of(host, engine):
            fix = f"Start it: `systemctl start {engine}`."
            raise Problem(f"No agent of {engine.capitalize()} runs on this host.", fix)
    documents = Documents(open_store(host.store))

    def read() -> Agents:
        cluster = documents.need("cluster") if host.is_server() else None
        return Agents(host, documents.need("client"), cluster, arguments.wait)

    agents = wait_for("the secrets of this host", arguments.wait, read)
    agents.restart([engine for engine in ENGINES if engine in arguments.engine])


class Agents:
    """The running agents of this host."""

    def __init__(self, host: Host, client: Json, cluster: Json | None, limit: float) -> None:
        self._host = host
        self._cluster = cluster
        self._consul = consul_of(host, client, cluster)
        self._limit = limit
        self._unread = Unread(host)

    def forget_what_none_has_read(self) -> None:
        """An agent that does not run reads everything when it starts."""
        for engine in ENGINES:
            if not agents_of(self._host, engine):
                self._unread.remove(self._unread_by(engine))

    def read_again(self) -> None:
        """Has the agents use what has changed.

        On SIGHUP both take a new certificate, key and CA for their own listeners and connections. Nomad reads its
        certificate for Consul only at start, so a change of that restarts it, which its tasks outlive.
        """
        changed = [engine for engine in ENGINES if self._unread_by(engine)]
        if not changed:
            return
        with Turn(self._host, self._consul, self._limit):
            for engine in changed:
                paths = self._unread_by(engine)
                if engine == "nomad" and any(path.name.startswith("consul") for path in paths):
                    say("Nomad restarts, to use its new certificate for Consul. Its tasks go on.")
                    self._restart(engine)
                else:
                    say(f"{engine.capitalize()} reads its certificates again.")
                    self._reload(engine)
                self._unread.remove(paths)

    def restart(self, engines: Sequence[str]) -> None:
        with Turn(self._host, self._consul, self._limit):
            for engine in engines:
                paths = self._unread_by(engine)
                say(f"{engine.capitalize()} restarts.")
                self._restart(engine)
                self._unread.remove(paths)
                say(f"{engine.capitalize()} is back, and what passed before passes again.")

    def _unread_by(self, engine: str) -> list[Path]:
        return [path for path in self._unread.read() if path.parent == tls_folder(self._host, engine)]

    def _reload(self, engine: str) -> None:
        passing = self._passing()
        for pid in agents_of(self._host, engine):
            os.kill(pid, signal.SIGHUP)
        what = f"{engine.capitalize()} to show its new certificate"
        wait_for(what, self._limit, lambda: self._shows_its_own(engine))
        self._wait_for_checks(passing)

    def _restart(self, engine: str) -> None:
        name = engine.capitalize()
        wait_for(f"the other servers of {name}", self._limit, lambda: self._servers_are_healthy(engine))
        passing = self._passing()
        before = agents_of(self._host, engine)
        for pid in before:
            end_agent(pid, engine)

        def is_back() -> None:
            now = agents_of(self._host, engine)
            if not now or set(now) & set(before):
                raise NotYet("It has not started again.", f"Look at its log: `journalctl --unit {engine}`.")
            self._shows_its_own(engine)

        wait_for(f"{name} to be back", self._limit, is_back)
        self._wait_for_checks(passing)
        wait_for(f"all servers of {name}", self._limit, lambda: self._servers_are_healthy(engine))

    def _shows_its_own(self, engine: str) -> None:
        """@raises NotYet unless the agent shows the certificate that is in its file"""
        name, base = engine.capitalize(), self._host.api(engine)
        address = urllib.parse.urlsplit(base)
        # Nothing is told to the one that answers, so it need not be trusted either.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        load_own_pair(self._host, engine, context)
        try:
            with socket.create_connection((address.hostname, address.port), timeout=10) as plain:
                with context.wrap_socket(plain) as secure:
                    shown = secure.getpeercert(binary_form=True)
        except OSError as error:
            raise NotYet(f"{name} does not answer at {base}: {error}.", "Look at its log.") from error
        if shown != ssl.PEM_cert_to_DER_cert((tls_folder(self._host, engine) / "agent.pem").read_text()):
            raise NotYet(f"{name} still shows its old certificate.", "Look at its log.")

    def _passing(self) -> set[str]:
        """Which checks of the local Consul agent pass; none if it does not answer."""
        with contextlib.suppress(NoAnswer):
            checks = self._consul.call("GET", "/v1/agent/checks")
            return {check for check, found in checks.items() if found["Status"] == "passing"}
        return set()

    def _wait_for_checks(self, before: set[str]) -> None:
        """Waits until the checks that passed before pass again, in the agent and in the catalog.

        What is no longer registered is not waited for: jobs come and go.
        """

        def probe() -> None:
            checks = self._consul.call("GET", "/v1/agent/checks")
            local = {check: found for check, found in checks.items() if check in before}
            expect_passing({check: found["Status"] for check, found in local.items()})
            for node in {found["Node"] for found in local.values()}:
                catalog = self._consul.call("GET", f"/v1/health/node/{node}")
                known = {found["CheckID"]: found["Status"] for found in catalog}
                expect_passing({check: known.get(check, "not in the catalog") for check in local})

        if before:
            wait_for("the checks of this host to pass again", self._limit, probe)
            # The Envoys of other hosts hear of it a moment later, and would find nobody if the next host went by then.
            time.sleep(SETTLING_SECONDS)

    def _servers_are_healthy(self, engine: str) -> None:
        """@raises NotYet on a server while not all are: then the others could not do without it"""
        if not self._cluster or not self._host.is_server(engine):
            return
        try:
            health = api_of(engine, self._host, self._cluster).call("GET", "/v1/operator/autopilot/health")
        except ApiError as error:
            if error.status != 429:
                raise
            health = {"Healthy": False}
        if not health["Healthy"]:
            command = "consul operator autopilot state" if engine == "consul" else "nomad operator autopilot health"
            fix = f"Look at `{command}`."
            raise NotYet(f"Not all servers of {engine.capitalize()} are healthy.", fix)


def expect_passing(statuses: Mapping[str, str]) -> None:
    failing = sorted(f"{check} ({status})" for check, status in statuses.items() if status != "passing")
    if failing:
        named = ", ".join(failing[:5]) + (", …" if len(failing) > 5 else "")
        raise NotYet(f"{len(failing)} of {len(statuses)} do not: {named}.", "Look at these services.")


def end_agent(pid: int, engine: str) -> None:
    """By systemd where it runs the process; any other supervisor starts again what has ended."""
    unit = Path(f"/proc/{pid}/cgroup").read_text().strip().rsplit("/", 1)[-1]
    if unit.endswith(".service"):
        run_program("systemctl", ["try-restart", "--no-block", unit], Path("/"))
    else:
        os.kill(pid, signal.SIGINT if engine == "nomad" else signal.SIGTERM)


class Turn:
    """The right to restart or reload agents, which one host of a cluster has at a time.

    A key in Consul with the host's name and until when it may keep it: a host that goes down in the middle does not
    keep the others waiting for longer. A session would not do, since it ends when the Consul agent of its host leaves.
    """

    PATH = "/v1/kv/meshform/turn"

    def __init__(self, host: Host, consul: Api, limit: float) -> None:
        self._node = host.node
        self._consul = consul
        self._limit = limit
        self._taken = False

    def __enter__(self) -> Turn:
        what = "this host's turn to restart or reload agents"
        try:
            wait_for(what, self._limit, self._take, SILENCE_SECONDS)
            self._taken = True
        except NoAnswer as silence:
            say(f"{silence} So there is nothing to lose, and this host waits for no turn.")
        return self

    def __exit__(self, *_: object) -> None:
        if not self._taken:
            return
        with contextlib.suppress(ApiError, NotYet):
            held = self._read()
            if held and held[1]["host"] == self._node:
                self._consul.call("DELETE", f"{self.PATH}?cas={held[0]}")

    def _take(self) -> None:
        try:
            self._take_if_allowed()
        except ApiError as error:
            # An agent remembers for a while what a token may not do.
            raise NotYet(
                f"Consul does not let this host write the key meshform/turn, {error}.",
                "Apply the access rules (AccessStack): they let agents do so.",
            ) from error

    def _take_if_allowed(self) -> None:
        held = self._read()
        now = time.time()
        if held and held[1]["host"] != self._node and held[1]["until"] > now:
            end = time.strftime("%H:%M:%S UTC", time.gmtime(held[1]["until"]))
            raise NotYet(f"{held[1]['host']} restarts or reloads its agents, until {end} at most.", "Hosts take turns.")
        entry = {"host": self._node, "until": now + self._limit}
        if not self._consul.call("PUT", f"{self.PATH}?cas={held[0] if held else 0}", entry):
            raise NotYet("Another host was faster.", "Hosts take turns.")

    def _read(self) -> tuple[int, Json] | None:
        """Its index, and who has it."""
        try:
            (entry,) = self._consul.call("GET", self.PATH)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        held = json.loads(base64.b64decode(entry["Value"] or ""))
        return entry["ModifyIndex"], held


def agents_of(host: Host, engine: str) -> list[int]:
    """The agents that read this host's configuration, but not those in containers of this host.

    A container has process ids of its own; a systemd service that is shielded has only mounts of its own.
    """
    configuration = host.path(f"/etc/{engine}.d")
    own = os.readlink("/proc/self/ns/pid")
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            is_agent = Path(words[0]).name == engine and words[1:2] == ["agent"]
            reads = any(word.split("=")[-1].rstrip("/") == str(configuration) for word in words)
            if is_agent and reads and os.readlink(process / "ns/pid") == own:
                found.append(int(process.name))
    return found


# --- the engines' APIs


class ApiError(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"status {status}: {' '.join(text.split())[:300]}")
        self.status = status
        self.text = text


class Api:
    """The HTTP API of the agent on this host: HTTPS only, with certificates on both sides, and no redirects.

    The token goes only to who shows a certificate of the cluster's CA with the name that an agent of this kind has. Any
    process may wait at the agent's port while the agent is down.
    """

    def __init__(self, engine: str, base: str, token: str, context: ssl.SSLContext, name: str) -> None:
        self.engine = engine.capitalize()
        self._base = base
        self._token_header = {f"X-{self.engine}-Token": token}
        self._context = context
        self._name = name

    @contextlib.contextmanager
    def open(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The answer as a stream.

        @raises ApiError if the agent refuses
        @raises NotYet if it does not answer or has no leader
        """
        with contextlib.ExitStack() as stack:
            try:
                connection = stack.enter_context(contextlib.closing(self._connect()))
                connection.request(method, path, body, {**self._token_header, **(headers or {})})
                response = connection.getresponse()
                text = "" if response.status == 200 else response.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                silence = f"{self.engine} does not answer at {self._base}: {error}."
                raise NoAnswer(silence, "Look at its log.") from error
            if 300 <= response.status < 400:
                place = response.getheader("Location", "nowhere")
                raise Problem(
                    f"{self.engine} at {self._base} sends {method} {path} elsewhere, to {place}.",
                    "An agent never does, so this is something else: look at what listens there.",
                )
            if response.status >= 500:
                raise NotYet(f"{self.engine} says to {method} {path}: {text.strip()[:300]}.", "Look at its log.")
            if response.status != 200:
                raise ApiError(response.status, text)
            yield response

    def _connect(self) -> http.client.HTTPConnection:
        address = urllib.parse.urlsplit(self._base)
        plain = socket.create_connection((address.hostname, address.port or 443), timeout=60)
        try:
            secure = self._context.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise
        connection = http.client.HTTPConnection(address.netloc)
        connection.sock = secure
        return connection

    def call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with self.open(method, path, data) as response:
            text = response.read()
        return json.loads(text) if text.strip() else None

    def leader(self) -> str:
        """@raises NotYet while there is none"""
        leader = self.call("GET", "/v1/status/leader")
        if not leader:
            raise NotYet(f"{self.engine} has no leader.", "Most of its servers must run and reach each other.")
        return str(leader)

    def explain(self, what: str, error: ApiError) -> Problem:
        fix = "Look at its log, and see that its ACL system is enabled."
        return Problem(f"{self.engine} refuses to {what}, {error}.", fix)


def api_of(engine: str, host: Host, cluster: Json) -> Api:
    """With the management token, so only servers can."""
    own = cluster[engine]
    return own_api(engine, host, own["managementToken"], own["ca"]["certificate"])


def consul_of(host: Host, client: Json, cluster: Json | None) -> Api:
    """The Consul agent of this host, with what the host itself may do."""
    if cluster and host.is_server("consul"):
        return api_of("consul", host, cluster)
    return own_api("consul", host, client["tokens"]["consul-agent"], client["consul"]["ca"])


def own_api(engine: str, host: Host, token: str, authority: str) -> Api:
    context = ssl.create_default_context(cadata=authority)
    load_own_pair(host, engine, context)
    return Api(engine, host.api(engine), token, context, host.agent_name(engine))


def load_own_pair(host: Host, engine: str, context: ssl.SSLContext) -> None:
    tls = tls_folder(host, engine)
    try:
        context.load_cert_chain(tls / "agent.pem", tls / "agent-key.pem")
    except OSError as error:
        raise Problem(f"The certificate in {tls} cannot be used: {error}.", "Run `meshform-host secrets`.") from error


def tls_folder(host: Host, engine: str) -> Path:
    return host.path(f"/etc/{engine}.d/tls")


def server_apis(host: Host, cluster: Json) -> list[Api]:
    """Those of the engines that this host is a server of."""
    return [api_of(engine, host, cluster) for engine in ENGINES if host.is_server(engine)]


def cluster_of(host: Host, wait: float) -> Json:
    if not host.is_server():
        raise Problem("This host is no server.", "Run this command on a server.")
    documents = Documents(open_store(host.store))
    return wait_for("the secrets of the cluster", wait, lambda: Cluster(host, documents, ConsulTls()).read())


# --- acl


def bootstrap_acl(host: Host, arguments: argparse.Namespace) -> None:
    cluster = cluster_of(host, arguments.wait)
    for api in server_apis(host, cluster):
        wait_for(f"a leader of {api.engine}", arguments.wait, api.leader)
        wait_for(f"the ACL system of {api.engine}", arguments.wait, functools.partial(bootstrap, api, cluster))
        if api.engine == "Consul":
            for name, accessor in host.accessor_ids.items():
                ensure = WellKnownToken(api, name, accessor, cluster["tokens"][name]).ensure
                wait_for(f"token {name}", arguments.wait, ensure)


def bootstrap(api: Api, cluster: Json) -> None:
    secret = cluster[api.engine.lower()]["managementToken"]
    try:
        api.call("PUT", "/v1/acl/bootstrap", {"BootstrapSecret": secret})
        say(f"Bootstrapped the ACL system of {api.engine}.")
    except ApiError as error:
        # Consul answers 403, Nomad 400; both also say so for other reasons.
        if "bootstrap no longer allowed" not in error.text and "bootstrap already done" not in error.text:
            raise api.explain("bootstrap its ACL system", error) from error
    check_management_token(api)


def check_management_token(api: Api) -> None:
    try:
        api.call("GET", "/v1/acl/token/self")
    except ApiError as error:
        # A follower may not have heard of the token yet.
        raise NotYet(
            f"{api.engine} does not know the management token of the secret store ({error}).",
            "If it was never bootstrapped, run `meshform-host acl`. If it was with another store, bring that back.",
        ) from error


def wait_until_usable(api: Api, limit: float) -> str:
    """Waits for a leader that heeds the management token.

    @returns the leader
    """
    leader = wait_for(f"a leader of {api.engine}", limit, api.leader)
    wait_for(f"the ACL system of {api.engine}", limit, functools.partial(check_management_token, api))
    return leader


class WellKnownToken:
    """A token of Consul that must exist; what it may do is nobody's business here."""

    def __init__(self, api: Api, name: str, accessor: str, secret: str) -> None:
        self._api = api
        self._name = name
        self._accessor = accessor
        self._secret = secret

    def ensure(self) -> None:
        known = self._read()
        if known is None:
            known = self._create()
        if known["SecretID"] != self._secret:
            raise Problem(
                f"Token {self._name} ({self._accessor}) of Consul has another secret than the store.",
                "Bring back the store that Consul was set up with, or delete the token and run this again.",
            )

    def _read(self) -> Json | None:
        try:
            token: Json = self._api.call("GET", f"/v1/acl/token/{self._accessor}")
            return token
        except ApiError as error:
            if error.status == 404 or "ACL not found" in error.text:
                return None
            raise self._api.explain(f"show token {self._name}", error) from error

    def _create(self) -> Json:
        body = {"AccessorID": self._accessor, "SecretID": self._secret, "Description": f"Meshform: {self._name}"}
        try:
            token: Json = self._api.call("PUT", "/v1/acl/token", body)
            say(f"Created token {self._name}.")
            return token
        except (ApiError, NotYet) as error:
            if "already in use" not in str(error):
                raise
            raise NotYet(f"Another server has just created token {self._name}.", "It must be readable soon.") from error


# --- snapshots


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


def leads(api: Api) -> bool:
    said = {name.lower(): value for name, value in api.call("GET", "/v1/agent/self").items()}
    return bool(said["stats"][api.engine.lower()]["leader"] == "true")


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


def forget_replaced_nodes(api: Api) -> None:
    """Makes room in Consul's catalog for hosts that have the names, but not the identities, of those in the snapshot.

    Consul would refuse to register them as long as it believes the old ones to be well.
    """
    present = {member["Name"]: member["Tags"].get("id") for member in api.call("GET", "/v1/agent/members")}
    for node in api.call("GET", "/v1/catalog/nodes"):
        if present.get(node["Node"], node["ID"]) != node["ID"]:
            api.call("PUT", "/v1/catalog/deregister", {"Node": node["Node"]})
            say(f"Forgot node {node['Node']} of the snapshot, in whose place a new host is.")


# --- rotation


class Keyring(Protocol):
    """The gossip keys of all agents of an engine."""

    def change(self, operation: str, key: str) -> None:
        """Has every agent `install`, `use` or `remove` a key. Each may be repeated.

        @raises NotYet unless all have done so
        """


class ConsulKeyring:
    METHODS: Mapping[str, str] = {"install": "POST", "use": "PUT", "remove": "DELETE"}

    def __init__(self, api: Api) -> None:
        self._api = api

    def change(self, operation: str, key: str) -> None:
        self._api.call(self.METHODS[operation], "/v1/operator/keyring", {"Key": key})
        for pool in self._api.call("GET", "/v1/operator/keyring"):
            holders = (pool["PrimaryKeys"] if operation == "use" else pool["Keys"]).get(key, 0)
            expect_all(operation, holders, pool["NumNodes"], "WAN" if pool["WAN"] else "LAN")


class NomadKeyring:
    def __init__(self, api: Api) -> None:
        self._api = api

    def change(self, operation: str, key: str) -> None:
        self._api.call("PUT", f"/v1/agent/keyring/{operation}", {"Key": key})
        said = self._api.call("GET", "/v1/agent/keyring/list")
        expect_all(operation, said["Keys"].get(key, 0), said["NumNodes"], "server")


def expect_all(operation: str, holders: int, nodes: int, pool: str) -> None:
    wanted = 0 if operation == "remove" else nodes
    if holders != wanted:
        seen = f"{holders} of {nodes} agents in the {pool} pool hold the key after `{operation}`."
        raise NotYet(seen, "All must answer.")


KEYRINGS: Mapping[str, Callable[[Api], Keyring]] = {"consul": ConsulKeyring, "nomad": NomadKeyring}


class GossipRotation:
    """A new gossip key for an engine, in steps of which each leaves all agents able to understand each other.

    The store says how far it is, so a run that is interrupted finishes when it is repeated:

      primary                the rest
      primary, next          `next` is being given to everybody; hosts that boot now get both
      primary, previous      everybody uses `primary`; `previous` is being taken away
    """

    def __init__(self, api: Api, cluster: Cluster, tls: ConsulTls, wait: float) -> None:
        self._engine = api.engine
        self._keyring = KEYRINGS[api.engine.lower()](api)
        self._cluster = cluster
        self._tls = tls
        self._wait = wait

    def run(self) -> None:
        gossip = self._gossip()
        if gossip.keys() == {"primary"}:
            self._store({**gossip, "next": self._tls.keygen()})
            gossip = self._gossip()
        else:
            say(f"A rotation of {self._engine}'s gossip key was interrupted. This completes it.")
        if "next" in gossip:
            self._change("install", gossip["next"])
            self._change("use", gossip["next"])
            if self._gossip() != gossip:
                fix = "Wait for them, then run this once more."
                raise Problem("Somebody else rotates the gossip key at this time.", fix)
            gossip = {"primary": gossip["next"], "previous": gossip["primary"]}
            self._store(gossip)
        self._change("remove", gossip["previous"])
        self._store({"primary": gossip["primary"]})
        say(f"All agents of {self._engine} use a new gossip key.")

    def _change(self, operation: str, key: str) -> None:
        def attempt() -> None:
            try:
                self._keyring.change(operation, key)
            except ApiError as error:
                refusal = f"{self._engine} refuses to {operation} a gossip key, {error}."
                raise Problem(refusal, "Look at its log.") from error

        wait_for(f"all agents of {self._engine} to {operation} the key", self._wait, attempt)

    def _gossip(self) -> dict[str, str]:
        gossip: dict[str, str] = self._cluster.read()[self._engine.lower()]["gossip"]
        return gossip

    def _store(self, gossip: Mapping[str, str]) -> None:
        cluster = self._cluster.read()
        engine = self._engine.lower()
        self._cluster.replace({**cluster, engine: {**cluster[engine], "gossip": dict(gossip)}})


def rotate(host: Host, arguments: argparse.Namespace) -> None:
    cluster_of(host, arguments.wait)
    tls = ConsulTls()
    cluster = Cluster(host, Documents(open_store(host.store)), tls)
    if arguments.what == "certificates":
        cluster.ensure(renew=True)
        say("Hosts fetch them with `meshform-host secrets --reload`; servers renew their own with `secrets --renew`.")
        return
    for api in server_apis(host, cluster.read()):
        wait_until_usable(api, arguments.wait)
        GossipRotation(api, cluster, tls, arguments.wait).run()


# --- repair


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


# --- the command line


def parser() -> argparse.ArgumentParser:
    summary, _, manual = (__doc__ or "").partition("\n\n")
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser("meshform-host", description=summary, epilog=manual, formatter_class=raw)
    root = "where the host's file system begins, for tests and image builds"
    top.add_argument("--root", type=Path, default=Path("/"), help=root)
    longest = "the longest wait for something (default: 900)"
    top.add_argument("--wait", type=float, default=15 * 60, metavar="SECONDS", help=longest)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    secrets = commands.add_parser("secrets", help="create what the store lacks and write this host's files")
    secrets.add_argument("--only-store", action="store_true", help="write no file of this host")
    renewing = "take a new certificate even if the present one is good, and reload"
    secrets.add_argument("--renew", action="store_true", help=renewing)
    reloading = "have running agents use what has changed"
    secrets.add_argument("--reload", action="store_true", help=reloading)
    secrets.set_defaults(run=write_secrets)

    acl = commands.add_parser("acl", help="bootstrap the ACL systems and create the well-known tokens")
    acl.set_defaults(run=bootstrap_acl)

    restarting = "restart agents of this host when it is its turn, and wait until its checks pass again"
    restarts = commands.add_parser("restart", help=restarting)
    restarts.add_argument("engine", nargs="+", choices=ENGINES)
    restarts.set_defaults(run=restart_agents)

    snapshot = commands.add_parser("snapshot", help="save the state of Consul and Nomad, if this server leads them")
    snapshot.add_argument("--force", action="store_true", help="save it on a follower too")
    snapshot.set_defaults(run=save_snapshots)

    restore = commands.add_parser("restore", help="bring snapshots back")
    restore.add_argument("--consul", type=Path, metavar="FILE", help="a snapshot of Consul")
    restore.add_argument("--nomad", type=Path, metavar="FILE", help="a snapshot of Nomad")
    restore.set_defaults(run=restore_snapshots)

    replacing = "keep replacing allocations that lost their identity when their host was booted"
    repairing = commands.add_parser("repair", help=replacing)
    repairing.add_argument("--once", action="store_true", help="do it now and end")
    repairing.set_defaults(run=repair)

    rotation = commands.add_parser("rotate", help="replace gossip keys, or the certificates of all but servers")
    rotation.add_argument("what", choices=["gossip", "certificates"])
    rotation.set_defaults(run=rotate)
    return top


def end_cleanly(*_: object) -> NoReturn:
    """Leaves through every `finally`, so that no private directory stays behind."""
    raise SystemExit(143)


def main(words: Sequence[str] | None = None) -> int:
    os.umask(0o077)
    signal.signal(signal.SIGTERM, end_cleanly)
    arguments = parser().parse_args(words)
    try:
        arguments.run(Host.read(arguments.root), arguments)
    except Problem as problem:
        say(str(problem))
        return 1
    except ApiError as error:
        say(f"An agent refuses a request, {error}. Look at its log.")
        return 1
    except PermissionError as error:
        say(f"{error.filename or 'A file'} may not be touched: {error.strerror}. Run this as root.")
        return 1
    except OSError as error:
        say(f"This failed: {error}. See that the disk has room and the network is up, then try again.")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
