import { join } from "node:path";
import { run } from "../../support/lab";

jest.setTimeout(60_000);

interface Outcome {
  /** Secrets of the tokens that the engine knows. */
  readonly known: readonly string[];
  readonly secret: string;
  readonly former: readonly string[];
  readonly isGoingOn: boolean;
  /** How many requests and changes of the store it took. */
  readonly steps: number;
}

/**
 * Rotates the management token of an engine that knows `known`, while the store has `secret`. The run ends at a step, as if it were
 * killed, and is repeated.
 */
async function rotations(
  engine: "consul" | "nomad",
  runs: readonly {
    readonly known: readonly string[];
    readonly secret?: string;
    readonly former?: readonly string[];
    /** Snapshots in the store. @default none */
    readonly snapshots?: readonly string[];
    readonly killedAt?: number;
    readonly settle?: boolean;
  }[],
): Promise<readonly Outcome[]> {
  const script = `
import contextlib, itertools, json, sys, types
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from meshform_host import management
from meshform_host.api import ApiError
from meshform_host.basics import Stored
from meshform_host.cluster import Cluster
from meshform_host.store import Documents

engine = sys.argv[1]

class Killed(BaseException):
    pass

class World:
    def __init__(self, known, secret="x", former=[], snapshots=[], killedAt=None, settle=False):
        self.tokens = {it: {"AccessorID": "a-" + it, "SecretID": it} for it in known}
        own = {"managementToken": secret, "formerManagementTokens": [{"secret": it, "until": 1767225600} for it in former]}
        self.text, self.version, self.steps, self.killed_at = json.dumps({engine: own}), 0, 0, killedAt
        self.ids, self.snapshots, self.settles = itertools.count(), snapshots, settle

    def step(self):
        self.steps += 1
        if self.steps == self.killed_at:
            raise Killed()

    # A store of secrets.
    def get(self, name):
        return Stored(self.text, str(self.version))

    def replace(self, name, text, version):
        assert version == str(self.version)
        self.text, self.version = text, self.version + 1
        self.step()
        return True

    # A store of snapshots.
    def names(self):
        return self.snapshots

    def own(self):
        return json.loads(self.text)[engine]

class Agent:
    def __init__(self, world, secret):
        self.world, self.secret = world, secret

    def call(self, method, path, body=None):
        tokens = self.world.tokens
        if self.secret not in tokens:
            raise ApiError(403, "ACL token not found")
        answer = self.answer(tokens, method, path.removeprefix("/v1/acl/"), body)
        # It may be killed when the engine has done it, but before it learns that.
        if method != "GET":
            self.world.step()
        return answer

    def answer(self, tokens, method, path, body):
        if path == "token/self":
            return tokens[self.secret]
        if path == "tokens":
            return [{**it, "SecretID": None} for it in tokens.values()]
        if method == "PUT":
            secret = f"new-{next(self.world.ids)}"
            tokens[secret] = {"AccessorID": "a-" + secret, "SecretID": secret, **body}
            return tokens[secret]
        (found,) = [it for it in tokens.values() if "token/" + it["AccessorID"] == path]
        if method == "DELETE":
            assert found["SecretID"] != self.secret, "a token cannot delete itself"
            del tokens[found["SecretID"]]
        return found

def outcome(world):
    host = types.SimpleNamespace(snapshots={}, federation=None)
    cluster = Cluster(host, Documents(world), None)
    cluster.ensure = lambda: None
    management.Authorities = types.SimpleNamespace(of=lambda own: types.SimpleNamespace(trusted=""))
    management.own_api = lambda engine, host, secret, trusted: Agent(world, secret)
    management.open_snapshots = lambda host: world
    token = management.ManagementToken(host, cluster, engine)
    for _ in range(2 if world.killed_at else 1):
        with contextlib.suppress(Killed):
            if world.settles:
                token.take_known()
                if not token.is_settled():
                    token.settle(1)
            elif not world.killed_at or world.steps == 0 or management.ROTATION in world.own():
                token.rotate(1)
    own = world.own()
    former = [it["secret"] for it in own["formerManagementTokens"]]
    known = list(world.tokens)
    return {"known": known, "secret": own["managementToken"], "former": former, "isGoingOn": management.ROTATION in own, "steps": world.steps}

print(json.dumps([outcome(World(**told)) for told in json.loads(sys.argv[2])]))
`;
  const { code, output } = await run("python3", ["-c", script, engine, JSON.stringify(runs)]);
  expect({ code, output }).toExit(0);
  return JSON.parse(output.slice(0, output.indexOf("\n"))) as Outcome[];
}

describe.each(["consul", "nomad"] as const)("the management token of %s", (engine) => {
  test("is replaced, and the former one is deleted and kept for older snapshots", async () => {
    expect(await rotations(engine, [{ known: ["x", "of somebody"] }])).toMatchObject([
      { known: ["of somebody", "new-0"], secret: "new-0", former: ["x"], isGoingOn: false },
    ]);
  });

  test("is the only one in the end, at whichever step a rotation is killed and repeated", async () => {
    const [{ steps }] = await rotations(engine, [{ known: ["x"] }]);
    expect(steps).toBeGreaterThan(3);
    const killed = await rotations(
      engine,
      Array.from({ length: steps }, (_, index) => ({ known: ["x"], killedAt: index + 1 })),
    );
    for (const { known, secret, former, isGoingOn } of killed) {
      expect({ known, former, isGoingOn }).toEqual({ known: [secret], former: ["x"], isGoingOn: false });
      expect(secret).not.toBe("x");
    }
  });

  test("is a new one after a restore of a snapshot that knows a former one alone", async () => {
    const [once] = await rotations(engine, [{ known: ["x"], secret: "z", former: ["x", "y"], settle: true }]);
    expect(once).toMatchObject({ known: ["new-0"], secret: "new-0", former: ["y", "z", "x"], isGoingOn: false });
    const killed = await rotations(
      engine,
      Array.from({ length: once.steps }, (_, index) => ({
        ...{ known: ["x"], secret: "z", former: ["x", "y"], settle: true },
        killedAt: index + 1,
      })),
    );
    for (const { known, secret, isGoingOn } of killed) {
      expect({ known, isGoingOn }).toEqual({ known: [secret], isGoingOn: false });
      expect(secret).toMatch(/^new-/);
    }
  });

  test("stays, and a former one that a snapshot has brought back too is deleted", async () => {
    expect(await rotations(engine, [{ known: ["x", "z"], secret: "z", former: ["x"], settle: true }])).toMatchObject([
      { known: ["z"], secret: "z", former: ["x"], isGoingOn: false },
    ]);
  });

  test("before it is forgotten when the store has no snapshot that may know it", async () => {
    const old = { known: ["x"], former: ["w"] };
    const outcomes = await rotations(engine, [
      { ...old, snapshots: [`${engine}-20251231T235959Z.snap`, `${engine}-20300101T000000Z.snap`] },
      { ...old, snapshots: [`${engine}-20260101T000001Z.snap`] },
    ]);
    expect(outcomes.map(({ former }) => former)).toEqual([["w", "x"], ["x"]]);
  });
});
