"""Keys, certificates and CAs: they are made by `consul tls` and openssl, and kept while they are good."""

from __future__ import annotations

import contextlib
import dataclasses
import ssl
import time
import uuid
from collections.abc import Mapping, Sequence
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


@dataclasses.dataclass(frozen=True)
class Authorities:
    """The CAs of an engine, as the document `cluster` has them.

      ca                the rest: all trust it, it issues
      ca, nextCa        all trust both, or are being told to; `ca` issues
      ca, previousCa    all trust both; `ca`, which was `nextCa`, issues
      ca, formerCa      all are being told to trust `ca` alone

    A bridge is the certificate of a CA that the one before it has signed. With it an agent proves itself to who only
    knows a CA of before: an Envoy is told what to trust when it starts, and never again.
    """

    issuer: KeyPair
    # PEM of all that are trusted.
    trusted: str
    # PEM of all bridges, the newest first.
    bridges: str

    @staticmethod
    def of(own: Json) -> Authorities:
        trusted = [own[name]["certificate"] for name in ("ca", "nextCa", "previousCa") if name in own]
        return Authorities(KeyPair.of(own["ca"]), "".join(trusted), "".join(own.get("bridges", [])))


class ConsulTls:
    """Consul's own commands around keys, and openssl for what those cannot do. What is secret goes through files."""

    def keygen(self) -> str:
        with private_directory() as folder:
            return self._run(folder, "keygen").strip()

    def authority(self, engine: str, days: int) -> KeyPair:
        with private_directory() as folder:
            # Two CAs of the same name would look like one that has signed itself.
            name = f"-common-name={engine.capitalize()} Agent CA {uuid.uuid4().hex[:12]}"
            self._run(folder, "tls", "ca", "create", f"-domain={engine}", name, f"-days={days}")
            return self._pair(folder, f"{engine}-agent-ca")

    def bridge(self, new: KeyPair, old: KeyPair, days: int) -> str:
        """The certificate of the new CA, as the old one would have signed it."""
        with private_directory() as folder:
            for name, text in (("new.pem", new.certificate), ("old.pem", old.certificate), ("old-key.pem", old.key)):
                (folder / name).write_text(text)
            said = run_program("openssl", ["x509", "-in", "new.pem", "-noout", "-ext", "subjectKeyIdentifier"], folder)
            extensions = [
                "basicConstraints=critical,CA:TRUE",
                "keyUsage=critical,digitalSignature,keyCertSign,cRLSign",
                f"subjectKeyIdentifier={said.split()[-1]}",
                "authorityKeyIdentifier=keyid:always",
            ]
            (folder / "extensions").write_text("\n".join(extensions) + "\n")
            signing = ["-CA", "old.pem", "-CAkey", "old-key.pem", "-set_serial", str(uuid.uuid4().int)]
            form = ["-days", str(days), "-clrext", "-extfile", "extensions", "-out", "bridge.pem"]
            run_program("openssl", ["x509", "-in", "new.pem", *signing, *form], folder)
            return (folder / "bridge.pem").read_text()

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

    def new_key(self) -> tuple[str, str]:
        """A private key and its public one."""
        with private_directory() as folder:
            curve = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
            run_program("openssl", ["genpkey", *curve, "-out", "key.pem"], folder)
            return (folder / "key.pem").read_text(), run_program(
                "openssl", ["pkey", "-in", "key.pem", "-pubout"], folder
            )

    def sign(self, public_key: str, authority: KeyPair, common_name: str, names: set[str], days: int) -> str:
        """A certificate for a key that stays where it is. It says nothing but what is said here."""
        with private_directory() as folder:
            (folder / "public.pem").write_text(public_key)
            (folder / "ca.pem").write_text(authority.certificate)
            (folder / "ca-key.pem").write_text(authority.key)
            signing = ["-force_pubkey", "public.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem"]
            return self._new_certificate(folder, common_name, names, days, signing)

    def self_signed(self, common_name: str, days: int) -> KeyPair:
        """A certificate that proves itself to who knows it, and to nobody else."""
        key, _ = self.new_key()
        with private_directory() as folder:
            (folder / "key.pem").write_text(key)
            return KeyPair(self._new_certificate(folder, common_name, {"localhost"}, days, ["-key", "key.pem"]), key)

    def _new_certificate(
        self, folder: Path, common_name: str, names: set[str], days: int, signing: Sequence[str]
    ) -> str:
        extensions = [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            "extendedKeyUsage=serverAuth,clientAuth",
            "subjectAltName=" + ",".join([*(f"DNS:{name}" for name in sorted(names)), "IP:127.0.0.1"]),
        ]
        (folder / "extensions").write_text("\n".join(extensions) + "\n")
        form = ["-set_serial", str(uuid.uuid4().int), "-days", str(days), "-extfile", "extensions"]
        return run_program("openssl", ["x509", "-new", "-subj", f"/CN={common_name}", *signing, *form], folder)

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


def first_of(pem: str) -> str:
    """The first certificate of a chain, or of a list of CAs: there it is the one that issues."""
    end = "-----END CERTIFICATE-----\n"
    return pem[: pem.index(end) + len(end)]


def first_certificate(pem: str) -> bytes:
    """Of a chain, as TLS shows it."""
    return ssl.PEM_cert_to_DER_cert(first_of(pem).strip())


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


@dataclasses.dataclass(frozen=True)
class Lifetime:
    days: int
    # With how many days left a certificate is renewed.
    renewal_days: float


class Certificates:
    """Keeps certificates while they are good, and has new ones made otherwise."""

    def __init__(self, host: Host, tls: ConsulTls, renew: bool) -> None:
        self._host = host
        self._tls = tls
        self._renew = renew
        self._lifetime = Lifetime(host.certificate_days, host.renewal_days)

    def keep_or_issue(
        self,
        kind: str,
        engine: str,
        current: KeyPair | None,
        own: Json,
        names: set[str],
        addresses: set[str],
        lifetime: Lifetime | None = None,
    ) -> KeyPair:
        """@param own the engine's part of the document `cluster`"""
        authorities = Authorities.of(own)
        issuer, life = authorities.issuer, lifetime or self._lifetime
        if current and self.is_good(current, issuer.certificate, names, addresses, life.renewal_days):
            return current
        place = self._host.place(engine)
        pair = self._tls.issue(kind, issuer, place, life.days, names, addresses)
        return KeyPair(pair.certificate + authorities.bridges, pair.key)

    def keep_or_self_sign(self, current: KeyPair | None, common_name: str) -> KeyPair:
        facts = facts_of(current, current.certificate) if current else None
        if current and facts and facts.seconds_left > self._host.renewal_days * DAY:
            return current
        return self._tls.self_signed(common_name, self._host.ca_days)

    def is_good(self, pair: KeyPair, authority: str, names: set[str], addresses: set[str], days_left: float) -> bool:
        facts = None if self._renew else facts_of(pair, authority)
        if facts is None:
            return False
        lasts = facts.seconds_left > days_left * DAY
        return lasts and facts.names == names and facts.addresses == addresses
