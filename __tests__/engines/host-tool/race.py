"""One server of a race: creates the secrets of a fresh store at the moment it is told, again and again.

Arguments: the host tool and the root of its host. Each line of standard input is a JSON object: the store of a round, and when
to start. Each line of standard output says what this server found in the end, and of which secrets it was the first.

Making keys and looking at them is what takes long, not putting them into the store: so keys are real, but each is made once,
and looked at once.
"""

import functools
import hashlib
import itertools
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from meshform_host import basics, cluster, host, store, tls


class FewKeys(tls.ConsulTls):
    def __init__(self) -> None:
        made = super()
        self._gossip = itertools.cycle([made.keygen() for _ in range(3)])
        self._authorities = {
            engine: itertools.cycle([made.authority(engine, 3650) for _ in range(2)]) for engine in basics.ENGINES
        }

    def keygen(self) -> str:
        return next(self._gossip)

    def authority(self, engine: str, days: int) -> tls.KeyPair:
        return next(self._authorities[engine])

    def issue(self, kind, authority, place, days, names, addresses) -> tls.KeyPair:
        return self._issue_once(kind, authority, place, days, frozenset(names), frozenset(addresses))

    @functools.cache
    def _issue_once(self, kind, authority, place, days, names, addresses) -> tls.KeyPair:
        return super().issue(kind, authority, place, days, names, addresses)


class Witness:
    """A store that remembers for which secrets it was the first."""

    def __init__(self, store) -> None:
        self._store = store
        self.attempts: dict[str, bool] = {}
        self.get, self.replace = store.get, store.replace

    def create(self, name: str, text: str) -> bool:
        self.attempts[name] = self._store.create(name, text)
        return self.attempts[name]


def main() -> None:
    server = host.Host.read(Path(sys.argv[2]))
    if server.store["type"] == "aws-secrets-manager":
        import boto3

        make = functools.cache(boto3.client)
        boto3.client = lambda name, config, **rest: make(name, **rest)
    basics.OUTPUT.say = lambda sentence: None
    tls.facts_of = functools.cache(tls.facts_of)
    keys = FewKeys()
    print("{}", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        witness = Witness(store.open_store({**server.store, **told["store"]}))
        while time.time() < told["start"]:
            pass
        documents = store.Documents(witness)
        ensured = cluster.Cluster(server, documents, keys).ensure()
        found = {name: documents.read(name) for name in ("client", "operator", "management", "prometheus")}
        text = json.dumps({"cluster": ensured, **found}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        print(json.dumps({"digest": digest, "attempts": witness.attempts}), flush=True)


main()
