"""One server of a race: creates the secrets of a fresh store at the moment it is told, again and again.

Arguments: the host tool and the root of its host. Each line of standard input is a JSON object: the store of a round, and when
to start. Each line of standard output says what this server found in the end, and of which secrets it was the first.

Making keys and looking at them is what takes long, not putting them into the store: so keys are real, but each is made once,
and looked at once.
"""

import functools
import hashlib
import importlib.machinery
import importlib.util
import itertools
import json
import sys
import time
from pathlib import Path

loader = importlib.machinery.SourceFileLoader("meshform_host", sys.argv[1])
spec = importlib.util.spec_from_loader("meshform_host", loader)
tool = importlib.util.module_from_spec(spec)
sys.modules["meshform_host"] = tool
loader.exec_module(tool)


class FewKeys(tool.ConsulTls):
    def __init__(self) -> None:
        made = super()
        self._gossip = itertools.cycle([made.keygen() for _ in range(3)])
        self._authorities = {
            engine: itertools.cycle([made.authority(engine, 3650) for _ in range(2)]) for engine in tool.ENGINES
        }

    def keygen(self) -> str:
        return next(self._gossip)

    def authority(self, engine: str, days: int) -> tool.KeyPair:
        return next(self._authorities[engine])

    def issue(self, kind, authority, place, days, names, addresses) -> tool.KeyPair:
        return self._issue_once(kind, authority, place, days, frozenset(names), frozenset(addresses))

    @functools.cache
    def _issue_once(self, kind, authority, place, days, names, addresses) -> tool.KeyPair:
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
    host = tool.Host.read(Path(sys.argv[2]))
    if host.store["type"] == "aws-secrets-manager":
        import boto3

        make = functools.cache(boto3.client)
        boto3.client = lambda name, config, **rest: make(name, **rest)
    tool.say = lambda sentence: None
    tool.facts_of = functools.cache(tool.facts_of)
    tls = FewKeys()
    print("{}", flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        witness = Witness(tool.open_store({**host.store, **told["store"]}))
        while time.time() < told["start"]:
            pass
        cluster = tool.Cluster(host, tool.Documents(witness), tls).ensure()
        found = {name: tool.Documents(witness).read(name) for name in ("client", "operator", "management", "prometheus")}
        text = json.dumps({"cluster": cluster, **found}, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        print(json.dumps({"digest": digest, "attempts": witness.attempts}), flush=True)


main()
