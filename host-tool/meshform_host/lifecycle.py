"""The running agents of this host: what they have read, how they restart, and whether they are well."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import ssl
import time
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .api import Api, ApiError, api_of, consul_of, load_own_pair
from .basics import ENGINES, Json, NoAnswer, NotYet, Problem, say, wait_for
from .cluster import secrets_of
from .files import Unread
from .host import Host, tls_folder
from .processes import agents_of, end_agent
from .tls import first_certificate
from .turn import Turn

# How long Envoys may take to hear from their agents that an instance is healthy again.
SETTLING_SECONDS = 3
# Where Consul's agent keeps the central settings of each sidecar and gateway.
SETTINGS = "/opt/consul/services/configs"


def restart_agents(host: Host, arguments: argparse.Namespace) -> None:
    for engine in arguments.engine:
        if not agents_of(host, engine):
            fix = f"Start it: `systemctl start {engine}`."
            raise Problem(f"No agent of {engine.capitalize()} runs on this host.", fix)
    client, cluster = wait_for("the secrets of this host", arguments.wait, lambda: secrets_of(host))
    agents = Agents(host, client, cluster, arguments.wait)
    agents.restart([engine for engine in ENGINES if engine in arguments.engine])


class Agents:
    """The running agents of this host."""

    def __init__(self, host: Host, client: Json, cluster: Json | None, limit: float) -> None:
        self._host = host
        self._cluster = cluster
        self._consul = consul_of(host, client, cluster)
        self._checks = Checks(self._consul, host.path(SETTINGS))
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
        with self._turn():
            for engine in changed:
                paths = self._unread_by(engine)
                if engine == "nomad" and any(path.name.startswith("consul") for path in paths):
                    say("Nomad restarts to load its new certificate for Consul. Its tasks continue to run.")
                    self._restart(engine)
                else:
                    say(f"{engine.capitalize()} reloads its certificates.")
                    self._reload(engine, self._checks.passing())
                self._unread.remove(paths)

    def reload_what_has_started(self) -> None:
        """Reloads an agent of Consul once after each start, when its checks have run: see Checks.

        That changes nothing now, so it needs no turn.
        """
        pids, reloaded = agents_of(self._host, "consul"), self._host.path("/run/meshform/reloaded")
        now, before = " ".join(map(str, pids)), reloaded.read_text() if reloaded.exists() else ""
        if now != before and self._checks.settings() and self._checks.have_run():
            for pid in pids:
                os.kill(pid, signal.SIGHUP)
            reloaded.parent.mkdir(parents=True, exist_ok=True)
            reloaded.write_text(now)

    def restart(self, engines: Sequence[str]) -> None:
        with self._turn():
            for engine in engines:
                paths = self._unread_by(engine)
                say(f"{engine.capitalize()} restarts.")
                self._restart(engine)
                self._unread.remove(paths)
                say(f"{engine.capitalize()} is back, and all checks that passed before pass again.")

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        with Turn(self._host, self._consul, self._limit):
            yield
            # The Envoys of other hosts hear of it a moment later, and would find nobody if the next one went by then.
            time.sleep(SETTLING_SECONDS)

    def _unread_by(self, engine: str) -> list[Path]:
        return [path for path in self._unread.read() if path.parent == tls_folder(self._host, engine)]

    def _reload(self, engine: str, passing: set[str]) -> None:
        for pid in agents_of(self._host, engine):
            os.kill(pid, signal.SIGHUP)
        what = f"{engine.capitalize()} to show its new certificate"
        wait_for(what, self._limit, lambda: self._shows_its_own(engine))
        self._wait_for_checks(passing)

    def _restart(self, engine: str) -> None:
        name = engine.capitalize()
        wait_for(f"the other servers of {name}", self._limit, lambda: self._servers_are_healthy(engine))
        passing, settings = self._checks.passing(), self._checks.settings()
        before = agents_of(self._host, engine)
        for pid in before:
            end_agent(pid, engine)

        def is_back() -> None:
            now = agents_of(self._host, engine)
            if not now or set(now) & set(before):
                raise NotYet("It has not restarted.", f"Look at its log: `journalctl --unit {engine}`.")
            self._shows_its_own(engine)

        wait_for(f"{name} to be back", self._limit, is_back)
        if engine == "consul":
            wait_for("the settings of sidecars", self._limit, lambda: self._checks.expect_new_settings(settings))
        self._wait_for_checks(passing)
        if engine == "consul":
            self._reload(engine, passing)
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
            with socket.create_connection((address.hostname, address.port or 443), timeout=10) as plain:
                with context.wrap_socket(plain) as secure:
                    shown = secure.getpeercert(binary_form=True)
        except OSError as error:
            raise NotYet(f"{name} does not answer at {base}: {error}.", "Look at its log.") from error
        if shown != first_certificate((tls_folder(self._host, engine) / "agent.pem").read_text()):
            raise NotYet(f"{name} still uses its old certificate.", "Look at its log.")

    def _wait_for_checks(self, before: set[str]) -> None:
        if before:
            wait_for("the checks of this host to pass again", self._limit, lambda: self._checks.expect(before))

    def _servers_are_healthy(self, engine: str) -> None:
        """@raises NotYet on a server while not all are: then the others could not do without it"""
        if not self._cluster or not self._host.is_server(engine):
            return
        expect_healthy_servers(api_of(engine, self._host, self._cluster))


class Checks:
    """The checks of this host, as its Consul agent has them.

    An agent that starts has all checks of services critical, and runs them within their interval. It registers each
    sidecar and gateway a second time when the servers have told it their settings (`service-defaults`,
    `proxy-defaults`): two seconds later or more, if it cannot reach a server at once. Then their checks are critical
    again until they have run, for up to 10 s, so those that pass before that do not count. The agent's API does not
    tell whether it has done so. But it then writes the settings of each to a file; while it starts, it only reads them.

    Whenever the settings of a sidecar change after that, the agent takes its checks back to what they were when it
    started: critical. After a reload it takes them back to what they were at that time.
    """

    def __init__(self, consul: Api, settings: Path) -> None:
        self._consul = consul
        self._settings = settings

    def passing(self) -> set[str]:
        """Which checks pass; none if the agent does not answer."""
        with contextlib.suppress(NoAnswer):
            checks = self._ask("/v1/agent/checks")
            return {check for check, found in checks.items() if found["Status"] == "passing"}
        return set()

    def expect(self, before: set[str]) -> None:
        """What is no longer registered is not waited for: jobs come and go.

        @raises NotYet unless the checks that passed before pass, in the agent and in the catalog
        """
        checks = self._ask("/v1/agent/checks")
        local = {check: found for check, found in checks.items() if check in before}
        expect_passing({check: found["Status"] for check, found in local.items()})
        for node in {found["Node"] for found in local.values()}:
            catalog = self._ask(f"/v1/health/node/{node}")
            known = {found["CheckID"]: found["Status"] for found in catalog}
            expect_passing({check: known.get(check, "not in the catalog") for check in local})

    def have_run(self) -> bool:
        """Whether all checks have a result, whichever."""
        checks = self._ask("/v1/agent/checks").values()
        return all(found["Output"] or found["Status"] == "passing" for found in checks)

    def _ask(self, path: str) -> Any:
        try:
            return self._consul.call("GET", path)
        except ApiError as error:
            # One that has just started may not know the token yet.
            raise NotYet(f"The agent refused to show its checks, {error}.", "Look at its log.") from error

    def settings(self) -> dict[str, int]:
        """When each file with the settings of a sidecar was written."""
        found = {}
        with contextlib.suppress(FileNotFoundError):
            for file in os.scandir(self._settings):
                with contextlib.suppress(FileNotFoundError):
                    found[file.name] = file.stat().st_mtime_ns
        return found

    def expect_new_settings(self, before: Mapping[str, int]) -> None:
        """@raises NotYet while there are such files from before"""
        old = before.items() & self.settings().items()
        if old:
            raise NotYet(
                f"The agent does not have the settings of {len(old)} sidecars or gateways from the servers yet.",
                "It must reach a server. Look at its log.",
            )


def expect_healthy_servers(api: Api) -> None:
    """@raises NotYet unless all servers of an engine are healthy"""
    if not autopilot_health(api)["Healthy"]:
        command = "consul operator autopilot state" if api.engine == "Consul" else "nomad operator autopilot health"
        raise NotYet(f"Not all servers of {api.engine} are healthy.", f"Look at `{command}`.")


def autopilot_health(api: Api) -> Json:
    try:
        health: Json = api.call("GET", "/v1/operator/autopilot/health")
    except ApiError as error:
        if error.status != 429:
            # One that has just started may not know the token yet.
            raise NotYet(
                f"{api.engine} does not report the health of its servers, {error}.", "Look at its log."
            ) from error
        health = json.loads(error.text)
    return health


def expect_passing(statuses: Mapping[str, str]) -> None:
    failing = sorted(f"{check} ({status})" for check, status in statuses.items() if status != "passing")
    if failing:
        named = ", ".join(failing[:5]) + (", …" if len(failing) > 5 else "")
        raise NotYet(f"{len(failing)} of {len(statuses)} do not: {named}.", "Look at these services.")
