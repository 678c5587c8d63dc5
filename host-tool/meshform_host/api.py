"""The HTTP API of the agents on this host."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from .basics import ENGINES, Json, NoAnswer, NotYet, Problem
from .host import Host, tls_folder
from .store import Documents
from .tls import Authorities

# What a client agent says that cannot, or may not, speak to the servers.
REACHES_NOBODY = ("No known Consul servers", "failed to get conn", "No path to region")


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

    def __init__(
        self,
        engine: str,
        base: str,
        token: str,
        context: ssl.SSLContext,
        name: str,
        read_token: Callable[[], str] | None = None,
    ) -> None:
        """@param read_token reads the token again, which may have been rotated, when the agent refuses it"""
        self.engine = engine.capitalize()
        self.base = base
        self._token = token
        self._context = context
        self._name = name
        self._read_token = read_token

    @contextlib.contextmanager
    def open(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Iterator[Any]:
        """The answer as a stream.

        @raises ApiError if the agent refuses
        @raises NotYet if it does not answer or has no leader
        """
        with contextlib.ExitStack() as stack:
            try:
                response = self._ask(stack, method, path, body, headers)
                # What is a stream is not there a second time.
                if response.status == 403 and not hasattr(body, "read") and self._has_another_token():
                    response = self._ask(stack, method, path, body, headers)
                text = "" if response.status == 200 else response.read().decode(errors="replace")
            except (OSError, http.client.HTTPException) as error:
                silence = f"{self.engine} does not answer at {self.base}: {error}."
                raise NoAnswer(silence, "Look at its log.") from error
            if 300 <= response.status < 400:
                place = response.getheader("Location", "nowhere")
                raise Problem(
                    f"{self.engine} at {self.base} redirects {method} {path} to {place}.",
                    "An agent never redirects, so another process listens on this port.",
                )
            if response.status >= 500 and any(words in text for words in REACHES_NOBODY):
                alone = f"{self.engine} at {self.base} cannot reach a server: {text.strip()[:300]}."
                raise NoAnswer(alone, "Look at its log.")
            if response.status >= 500:
                raise NotYet(
                    f"{self.engine} returned an error for {method} {path}: {text.strip()[:300]}.", "Look at its log."
                )
            if response.status != 200:
                raise ApiError(response.status, text)
            try:
                yield response
            except (TimeoutError, ConnectionError, ssl.SSLError, http.client.HTTPException) as error:
                broken = f"{self.engine} at {self.base} did not finish its answer to {method} {path}: {error}."
                raise NoAnswer(broken, "Look at its log.") from error

    def _ask(
        self, stack: contextlib.ExitStack, method: str, path: str, body: Any, headers: Mapping[str, str] | None
    ) -> http.client.HTTPResponse:
        connection = stack.enter_context(contextlib.closing(self._connect()))
        connection.request(method, path, body, {f"X-{self.engine}-Token": self._token, **(headers or {})})
        return connection.getresponse()

    def _has_another_token(self) -> bool:
        before = self._token
        self._token = self._read_token() if self._read_token else before
        return self._token != before

    def _connect(self, seconds: float = 60) -> http.client.HTTPConnection:
        address = urllib.parse.urlsplit(self.base)
        plain = socket.create_connection((address.hostname, address.port or 443), timeout=seconds)
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
        try:
            return json.loads(text) if text.strip() else None
        except ValueError as error:
            raise NoAnswer(f"{self.engine} did not return JSON for {method} {path}.", "Look at its log.") from error

    def at(self, base: str, name: str) -> Api:
        """An agent on another host, to ask for its time.

        @param name that its certificate must have
        """
        return Api(self.engine, base, "", self._context, name)

    def date(self, seconds: float) -> str:
        """The time that the agent tells, as HTTP has it. No token is sent.

        @param seconds for how long to wait
        """
        try:
            with contextlib.closing(self._connect(seconds)) as connection:
                connection.request("GET", "/v1/status/leader")
                return connection.getresponse().getheader("Date") or ""
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{self.engine} does not answer at {self.base}: {error}.", "Look at its log.") from error

    def leader(self) -> str:
        """@raises NotYet while no server leads"""
        leader = self.call("GET", "/v1/status/leader")
        if not leader:
            raise NotYet(f"{self.engine} has no leader.", "Most of its servers must run and reach each other.")
        return str(leader)

    @contextlib.contextmanager
    def explained(self, what: str) -> Iterator[None]:
        """@raises Problem that says what it refuses to do, if it does"""
        try:
            yield
        except ApiError as error:
            fix = "Look at its log, and see that its ACL system is enabled."
            raise Problem(f"{self.engine} refuses to {what}, {error}.", fix) from error


def api_of(engine: str, host: Host, cluster: Json) -> Api:
    """With the management token, so only servers can."""
    own = cluster[engine]

    def read_token() -> str:
        return str(Documents.of(host).need("cluster")[engine]["managementToken"])

    return own_api(engine, host, own["managementToken"], Authorities.of(own).trusted, read_token)


def consul_of(host: Host, client: Json, cluster: Json | None) -> Api:
    """The Consul agent of this host, with what the host itself may do."""
    if cluster and host.is_server("consul"):
        return api_of("consul", host, cluster)
    return own_api("consul", host, client["tokens"]["consul-agent"], client["consul"]["ca"])


def own_api(engine: str, host: Host, token: str, authority: str, read_token: Callable[[], str] | None = None) -> Api:
    context = ssl.create_default_context(cadata=authority)
    load_own_pair(host, engine, context)
    return Api(engine, host.api(engine), token, context, host.agent_name(engine), read_token)


def load_own_pair(host: Host, engine: str, context: ssl.SSLContext) -> None:
    tls = tls_folder(host, engine)
    try:
        context.load_cert_chain(tls / "agent.pem", tls / "agent-key.pem")
    except OSError as error:
        raise NotYet(f"The certificate in {tls} cannot be used: {error}.", "Run `meshform-host secrets`.") from error


def server_apis(host: Host, cluster: Json) -> list[Api]:
    """Those of the engines that this host is a server of."""
    return [api_of(engine, host, cluster) for engine in ENGINES if host.is_server(engine)]


def read_token(api: Api, accessor: str, query: str = "") -> Json | None:
    """Reads a token of Consul. Returns None if it does not exist."""
    try:
        token: Json = api.call("GET", f"/v1/acl/token/{accessor}?{query}")
        return token
    except ApiError as error:
        if error.status == 404 or "ACL not found" in error.text:
            return None
        raise


def leads(api: Api) -> bool:
    said = {name.lower(): value for name, value in api.call("GET", "/v1/agent/self").items()}
    return bool(said["stats"][api.engine.lower()]["leader"] == "true")
