"""What alarms watch: how many servers may fail, how old the newest snapshot is, how long certificates are valid.

Each server puts the days that its certificates and the CAs are still valid. Only the leader of an engine puts the rest,
so that nothing is put without a leader: an alarm counts missing data as bad.
"""

from __future__ import annotations

import argparse
import dataclasses
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Protocol

from .api import Api, ApiError, api_of, leads
from .basics import ENGINES, Json, NotYet, Problem, say
from .clouds import METRIC_STORES, open_by_type
from .cluster import cluster_of
from .host import Host, tls_folder
from .lifecycle import autopilot_health
from .processes import run_program
from .snapshot_store import open_snapshots, saved_at, snapshots_of

PAUSE_SECONDS = 60
# Listing a bucket costs something, and snapshots are saved seldom.
SNAPSHOT_SECONDS = 300
DAY = 24 * 60 * 60


@dataclasses.dataclass(frozen=True)
class Metric:
    name: str
    value: float
    dimensions: Mapping[str, str]


class MetricStore(Protocol):
    def put(self, metrics: list[Metric]) -> None: ...


def put_metrics(host: Host, arguments: argparse.Namespace) -> None:
    """Puts them every minute. What cannot be measured is left out, and said."""
    if host.health_metrics is None:
        raise Problem("host.json has no store of metrics.", 'Set "healthMetrics" in it.')
    store: MetricStore = open_by_type("metric store", host.health_metrics, METRIC_STORES)
    cluster = cluster_of(host, arguments.wait)
    snapshots = SnapshotAges(host)
    while True:
        metrics = certificate_metrics(host, cluster)
        for engine in filter(host.is_server, ENGINES):
            try:
                metrics += leader_metrics(api_of(engine, host, cluster), snapshots)
            except (ApiError, NotYet) as error:
                say(f"The health of {engine.capitalize()} is not known: {error}")
                # What it is asked with may have been rotated.
                cluster = cluster_of(host, arguments.wait)
        try:
            store.put(metrics)
        except NotYet as error:
            say(str(error))
        if arguments.once:
            return
        time.sleep(PAUSE_SECONDS)


def leader_metrics(api: Api, snapshots: SnapshotAges) -> list[Metric]:
    """@returns none on a server that does not lead"""
    if not leads(api):
        return []
    engine = api.engine.lower()
    dimensions = {"Engine": engine}
    found = [Metric("FailureTolerance", autopilot_health(api)["FailureTolerance"], dimensions)]
    age = snapshots.of(engine)
    return found if age is None else [*found, Metric("SnapshotAgeSeconds", age, dimensions)]


class SnapshotAges:
    """The age of the newest snapshot of an engine, by its name."""

    def __init__(self, host: Host) -> None:
        self._store = None if host.snapshots is None else open_snapshots(host)
        self._newest: dict[str, str] = {}
        self._until = 0.0

    def of(self, engine: str) -> float | None:
        """@returns None if there is no snapshot"""
        if self._store is not None and time.monotonic() >= self._until:
            saved = {name: snapshots_of(self._store, name) for name in ENGINES}
            self._newest = {name: names[-1] for name, names in saved.items() if names}
            self._until = time.monotonic() + SNAPSHOT_SECONDS
        newest = self._newest.get(engine)
        return None if newest is None else max(0.0, time.time() - saved_at(newest))


def certificate_metrics(host: Host, cluster: Json) -> list[Metric]:
    ends = {"agent": list(ends_of_agents(host)), "ca": list(ends_of_authorities(cluster))}
    now = time.time()
    return [
        Metric("CertificateDaysLeft", (min(found) - now) / DAY, {"Kind": kind}) for kind, found in ends.items() if found
    ]


def ends_of_agents(host: Host) -> Iterator[float]:
    for engine in filter(host.runs, ENGINES):
        certificate = tls_folder(host, engine) / "agent.pem"
        said = run_program("openssl", ["x509", "-noout", "-enddate", "-in", str(certificate)], certificate.parent)
        yield ssl.cert_time_to_seconds(said.strip().removeprefix("notAfter="))


def ends_of_authorities(cluster: Json) -> Iterator[float]:
    for engine in ENGINES:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=cluster[engine]["ca"]["certificate"])
        for authority in context.get_ca_certs():
            yield ssl.cert_time_to_seconds(str(authority["notAfter"]))
