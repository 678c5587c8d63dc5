"""The secrets of the cluster, and the documents that follow from them."""

from __future__ import annotations

import hashlib
import json
import ssl
import time
import uuid
from collections.abc import Callable, Mapping, Sequence

from .basics import DAY, ENGINES, Json, NotYet, Problem, say, wait_for, without
from .host import Host
from .store import Documents, open_store
from .tls import Authorities, Certificates, ConsulTls, KeyPair, Lifetime


def new_cluster(host: Host, tls: ConsulTls, shared: Json | None) -> Json:
    """Everything that a new cluster keeps secret.

    @param shared what it shares with the primary datacenter of its federation
    """

    def engine(name: str) -> Json:
        return {
            "ca": tls.authority(name, host.ca_days).document(),
            "gossip": {"primary": tls.keygen()},
            "managementToken": str(uuid.uuid4()),
        }

    if shared:
        return {"nomad": engine("nomad"), **shared}
    return {
        **{name: engine(name) for name in ENGINES},
        "tokens": {name: str(uuid.uuid4()) for name in host.accessor_ids},
    }


# What `cluster` has of an engine's CAs: see Authorities.
CA_FIELDS = ("ca", "nextCa", "previousCa", "formerCa", "bridges")
# What all datacenters of a WAN federation share: of Consul, and of its tokens.
SHARED = (*CA_FIELDS, "gossip", "managementToken")
SHARED_TOKENS = ("tokens", "tokenRotation")
FEDERATION = "federation"


def shared_of(cluster: Json) -> Json:
    """The document `federation`: what the servers of other datacenters must know of the primary."""
    return {"consul": only(cluster["consul"], SHARED), **only(cluster, SHARED_TOKENS)}


def with_shared(cluster: Json, shared: Json) -> Json:
    consul = {**without(cluster["consul"], *SHARED), **shared["consul"]}
    return {**without(cluster, *SHARED_TOKENS), **shared, "consul": consul}


def only(document: Json, names: Sequence[str]) -> Json:
    return {name: document[name] for name in names if name in document}


class DerivedDocument:
    """A document whose contents follow from `cluster`, but for its certificates.

    These are new with every CA and token in it, so an agent that shows one has read the rest too.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        tokens: Sequence[str],
        extra: Mapping[str, Sequence[str]],
        lifetime: Lifetime | None = None,
    ) -> None:
        self.name = name
        self._lifetime = lifetime
        self._kind = kind
        self._tokens = tokens
        self._extra = extra

    def follow(self, cluster: Json, current: Json | None, host: Host, certificates: Certificates) -> Json:
        """What the document must be, with its present certificates as long as they are good."""
        tokens = {name: token_of(cluster, name) for name in self._tokens}
        trusted = {engine: Authorities.of(cluster[engine]).trusted for engine in ENGINES}
        if current and any(current[engine]["ca"] != trusted[engine] for engine in ENGINES):
            current = None
        if current and any(current["tokens"].get(name, token) != token for name, token in tokens.items()):
            current = None
        return {
            **{engine: self._engine(engine, cluster, current, host, certificates) for engine in ENGINES},
            "tokens": tokens,
        }

    def _engine(self, engine: str, cluster: Json, current: Json | None, host: Host, certificates: Certificates) -> Json:
        own = cluster[engine]
        names, addresses = {f"{self._kind}.{host.place(engine)}", "localhost"}, {"127.0.0.1"}
        if self._kind == "cli":
            names, addresses = {f"cli.{host.place(engine)}", "localhost"}, set()
        held = KeyPair.of(current[engine]) if current else None
        pair = certificates.keep_or_issue(self._kind, engine, held, own, names, addresses, self._lifetime)
        return {
            "ca": Authorities.of(own).trusted,
            **pair.document(),
            **{field: own[field] for field in self._extra.get(engine, ())},
        }


# Whose tokens no agent has.
NO_AGENTS = ("operator", "prometheus")


def token_of(cluster: Json, name: str) -> str:
    """What those who have this token of Consul are to show now: see TokenRotation."""
    rotation = cluster.get("tokenRotation", {})
    stand_in = rotation.get("standIns", {}).get(name)
    uses_it = stand_in and name not in NO_AGENTS and rotation["step"] in ("stand-in", "replace")
    return str(stand_in["secret"] if uses_it else cluster["tokens"][name])


def revision_of(client: Json) -> str:
    """What tells one document `client` from another, and tells nothing of it."""
    return hashlib.sha256(json.dumps(client, sort_keys=True).encode()).hexdigest()


# Hosts join with the certificates of `client`, and then get their own. Each reads the store four times a day.
JOINING = Lifetime(days=1, renewal_days=0.5)

DERIVED = (
    DerivedDocument("client", "client", ["consul-agent", "nomad-client"], {"consul": ["gossip"]}, JOINING),
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

    @staticmethod
    def of(host: Host) -> Cluster:
        return Cluster(host, Documents.of(host), ConsulTls())

    def read(self) -> Json:
        return self._documents.need("cluster")

    def read_client(self) -> Json:
        return self._documents.need("client")

    def ensure(self, renew: bool = False) -> Json:
        """Creates whatever is missing and corrects what no longer follows from `cluster`."""
        cluster = self._documents.read("cluster")
        if cluster is None:
            shared = self._read_primary() if self._host.primary_store else None
            cluster = self._documents.create("cluster", new_cluster(self._host, self._tls, shared))
        elif self._host.primary_store:
            try:
                self.take_shared()
            except Problem as problem:
                say(f"This host uses the shared secrets that it knows: {problem}")
        # This program may be newer than the cluster. Where two servers are, the first decides what the new tokens are.
        elif any(name not in cluster["tokens"] for name in self._host.accessor_ids):
            self.change(self._with_all_tokens)
        self._warn_of_old_authorities(cluster)
        certificates = Certificates(self._host, self._tls, renew)
        for derived in DERIVED:
            cluster = self._ensure_derived(derived, certificates)
        if self._host.federation and self._host.primary_store is None:
            self._ensure_federation()
        return cluster

    def take_shared(self) -> Json:
        """Outside the primary of a federation: takes what that shares.

        @returns what it shares
        """
        shared: Json = {}

        def take(cluster: Json) -> Json:
            # Read after `cluster`, so it is never older than what another server has taken.
            nonlocal shared
            shared = self._read_primary()
            return with_shared(cluster, shared)

        self.change(take)
        return shared

    def read_shared(self) -> Json:
        """In the primary of a federation: what the others are to take."""
        return self._documents.need(FEDERATION)

    def _read_primary(self) -> Json:
        store = self._host.primary_store
        shared = Documents(open_store(store)).read(FEDERATION) if store else None
        if shared is None:
            raise NotYet(
                "The secret store of the primary datacenter has no document federation.",
                "The servers of the primary create it. They need the option federation too.",
            )
        missing = sorted(name for name in self._host.accessor_ids if name not in shared["tokens"])
        if missing:
            raise NotYet(f"The primary datacenter has no token {missing[0]} yet.", "Update its servers first.")
        return shared

    def _ensure_federation(self) -> None:
        def attempt() -> None:
            current, version = self._documents.read_version(FEDERATION)
            wanted = shared_of(self.read())
            if current is None:
                self._documents.create(FEDERATION, wanted)
            elif current != wanted and not self._documents.replace(FEDERATION, wanted, version):
                raise NotYet("Another server changed the secret federation at the same time.", "The write is retried.")

        wait_for("secret federation", 60, attempt)

    def _with_all_tokens(self, cluster: Json) -> Json:
        missing = {name: str(uuid.uuid4()) for name in self._host.accessor_ids if name not in cluster["tokens"]}
        return {**cluster, "tokens": {**cluster["tokens"], **missing}}

    def _ensure_derived(self, derived: DerivedDocument, certificates: Certificates) -> Json:
        def attempt() -> Json:
            # `cluster` is read after the document: who changes both writes `cluster` first, so it is never the older.
            current, version = self._documents.read_version(derived.name)
            cluster = self.read()
            wanted = derived.follow(cluster, current, self._host, certificates)
            if current is None:
                self._documents.create(derived.name, wanted)
            elif current != wanted and not self._documents.replace(derived.name, wanted, version):
                raise NotYet(
                    f"Another server changed the secret {derived.name} at the same time.", "The write is retried."
                )
            return cluster

        return wait_for(f"secret {derived.name}", 60, attempt)

    def change(self, change: Callable[[Json], Json]) -> Json:
        """Changes `cluster` and nothing that follows from it."""
        return self._documents.change("cluster", change)

    def go_on(self, what: str, is_there: Callable[[Json], bool], step: Callable[[Json], Json]) -> Json:
        """Takes the next step of a rotation, unless another run of this program has taken it.

        @param what is rotated
        @param is_there whether `cluster` is where this run has left it
        """

        def change(cluster: Json) -> Json:
            if not is_there(cluster):
                raise another_rotation(what)
            return step(cluster)

        return self.change(change)

    def _warn_of_old_authorities(self, cluster: Json) -> None:
        for engine in ENGINES:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=cluster[engine]["ca"]["certificate"])
            for authority in context.get_ca_certs():
                days = (ssl.cert_time_to_seconds(str(authority["notAfter"])) - time.time()) / DAY
                if days < self._host.certificate_days:
                    say(f"The CA of {engine.capitalize()} expires in {days:.0f} days: run `meshform-host rotate ca`.")


def another_rotation(what: str) -> Problem:
    return Problem(f"Another rotation of {what} is in progress.", "Wait until it has ended, then run this again.")


def cluster_of(host: Host, wait: float) -> Json:
    if not host.is_server():
        raise Problem("This host is not a server.", "Run this command on a server.")
    return wait_for("the secrets of the cluster", wait, Cluster.of(host).read)


def secrets_of(host: Host) -> tuple[Json, Json | None]:
    """What this host may know: the document `client`, and on a server `cluster`.

    @raises NotYet while they are not in the store
    """
    documents = Documents.of(host)
    # In this order: who changes both writes `cluster` first, so it is never the older.
    return documents.need("client"), documents.need("cluster") if host.is_server() else None
