"""Keys and certificates: they are made by `consul tls`, and kept while they are good."""

from __future__ import annotations

import contextlib
import dataclasses
import ssl
import time
from collections.abc import Mapping
from pathlib import Path

from .basics import DAY, Json
from .files import private_directory
from .host import Host
from .processes import run_program


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
