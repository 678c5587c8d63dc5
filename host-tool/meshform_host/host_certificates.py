"""Certificates of clients, whose keys never leave them: a server signs.

A client writes its public keys to `meshform/hosts/<node>/keys` in Consul. The server that leads Consul writes the
certificates to `meshform/hosts/<node>/certificates`. Nothing in these keys is secret. All agents have the token that
may write them, so a certificate proves that its host belongs to the cluster. It contains the name that the host claims.
"""

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse

from .api import Api
from .basics import ENGINES, Json, Problem, say
from .cluster import Cluster
from .host import Host, client_names
from .host_secrets import HostSecrets
from .keys import HOSTS, read_names, read_texts
from .tls import Authorities, ConsulTls, KeyPair

DAYS = 30
RENEWAL_DAYS = 10
# The name becomes part of a DNS name in the certificate.
NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class OwnCertificates:
    """The certificates that only this client has, of each engine that it runs a client of."""

    def __init__(self, host: Host, secrets: HostSecrets, tls: ConsulTls, renew: bool) -> None:
        self._node = host.node
        self._secrets = secrets
        self._tls = tls
        self._renew = renew
        self._engines = [engine for engine in ENGINES if host.runs(engine) and not host.is_server(engine)]
        self._good: dict[str, KeyPair | None] = {}
        # In memory until there are certificates for them.
        self._keys: dict[str, str] = {}
        self._request = ""

    def take(self, consul: Api) -> bool:
        """Requests certificates if there are none, or they expire soon, and takes them when they are there.

        @returns whether the files of the agents have changed
        """
        if not self._request:
            if self._are_good():
                return False
            self._ask(consul)
        return self._take(consul)

    def _are_good(self) -> bool:
        """Another run of this program may have changed the files."""
        held = {engine: self._secrets.held(engine) for engine in self._engines}
        if self._renew or held != self._good:
            lasting = [pair and self._secrets.is_own(engine, pair, RENEWAL_DAYS) for engine, pair in held.items()]
            self._good = held if all(lasting) and not self._renew else {}
        return held == self._good

    def _ask(self, consul: Api) -> None:
        made = {engine: self._tls.new_key() for engine in self._engines}
        request = json.dumps({engine: public for engine, (_, public) in made.items()}, sort_keys=True)
        consul.call("PUT", f"{self._path()}/keys", json.loads(request))
        self._keys, self._request = {engine: key for engine, (key, _) in made.items()}, request

    def _take(self, consul: Api) -> bool:
        answers = read_texts(consul, f"{self._path()}/certificates")
        try:
            answer = json.loads(answers.get(f"{self._node}/certificates", "{}"))
            if answer.get("request") != digest_of(self._request):
                return False
            pairs = {engine: KeyPair(str(answer[engine]), key) for engine, key in self._keys.items()}
        except (ValueError, AttributeError, KeyError):
            # Any agent may have written it.
            return False
        if not all(self._secrets.is_own(engine, pair, RENEWAL_DAYS) for engine, pair in pairs.items()):
            return False
        for engine, pair in pairs.items():
            self._secrets.take(engine, pair)
        say("This host has new certificates with its own keys.")
        self._renew, self._good, self._keys, self._request = False, dict(pairs), {}, ""
        consul.call("DELETE", f"{self._path()}/certificates")
        return True

    def _path(self) -> str:
        return f"{HOSTS}/{urllib.parse.quote(self._node, safe='')}"


def sign_for_hosts(host: Host, consul: Api, cluster: Cluster, tls: ConsulTls) -> None:
    """Signs what clients ask for, on the server that leads Consul."""
    for name in read_names(consul, f"{HOSTS}/"):
        node, _, what = name.rpartition("/")
        if what != "keys":
            continue
        path = f"{HOSTS}/{urllib.parse.quote(node, safe='')}"
        request = read_texts(consul, f"{path}/keys").get(name, "")
        try:
            answer = certificates_for(host, node, request, cluster.read(), tls)
            consul.call("PUT", f"{path}/certificates", {"request": digest_of(request), **answer})
            say(f"Signed certificates for {node}.")
        except (Problem, ValueError, AttributeError) as error:
            say(f"The keys of {node[:100]!r} are not signed: {error}")
        consul.call("DELETE", f"{path}/keys")


def certificates_for(host: Host, node: str, request: str, cluster: Json, tls: ConsulTls) -> dict[str, str]:
    """The CA signs the key and nothing else that the host says, but for its name."""
    if not NODE_NAME.fullmatch(node):
        raise Problem("A certificate cannot contain this name of a host.", "Use letters, digits, dots and hyphens.")
    answer = {}
    for engine, public_key in json.loads(request).items():
        if engine not in ENGINES:
            raise Problem("There is no such engine.", "Look at that host.")
        authorities, place = Authorities.of(cluster[engine]), host.place(engine)
        names = client_names(node, place)
        signed = tls.sign(str(public_key), authorities.issuer, f"client.{place}", names, DAYS)
        answer[engine] = signed + authorities.bridges
    return answer


def digest_of(request: str) -> str:
    return hashlib.sha256(request.encode()).hexdigest()
