import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { HOST_TOOL } from "../../../constructs/linux/host-tool/host-tool";
import type { SecretStore } from "../../../constructs/linux/host-tool/secret-store";
import { documentsIn, engineEnvironment, FolderHost } from "../../support/host-tool";
import { startMoto, type Moto } from "../../support/moto";

jest.setTimeout(5 * 60_000);

const SECRETS = ["client", "cluster", "management", "operator", "prometheus"];
let folder: string;
let moto: Moto;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "meshform-race-"));
  moto = await startMoto();
}, 30 * 60_000);

afterAll(async () => {
  await moto.stop();
  rmSync(folder, { recursive: true });
});

/** A fresh store for each round. */
const stores: Readonly<Record<string, (round: string) => Promise<SecretStore>>> = {
  "a directory": async (round) => {
    const path = join(folder, `store-${round}`);
    await mkdir(path, { mode: 0o700 });
    return { type: "directory", path };
  },
  "AWS Secrets Manager": async (round) => {
    const aws = { type: "aws-secrets-manager", prefix: `meshform/${round}/`, region: "eu-central-1" } as const;
    await moto.createSecrets(aws);
    return { ...aws, endpoint: moto.endpoint };
  },
};

async function environment(): Promise<Record<string, string>> {
  const engines = await engineEnvironment();
  return { ...engines, ...moto.environment, PATH: [moto.environment.PATH, engines.PATH].join(delimiter) };
}

function host(name: string, store: SecretStore): FolderHost {
  return new FolderHost(join(folder, name), {
    ...{ store, roles: ["consul-server", "nomad-server"], node: name, address: "10.0.0.10" },
  });
}

interface Finish {
  readonly digest: string;
  readonly attempts: Readonly<Record<string, boolean>>;
}

/** A process that is a server in one race after the other. */
class Racer {
  private readonly process: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor(server: FolderHost, env: Readonly<Record<string, string>>) {
    const args = [join(__dirname, "race.py"), server.path(HOST_TOOL), server.root];
    this.process = spawn("python3", args, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  async finish(): Promise<Finish> {
    const line = await this.lines.next();
    if (line.done) throw new Error("A server of the race has ended.");
    return JSON.parse(line.value) as Finish;
  }

  race(store: SecretStore, start: number): Promise<Finish> {
    this.process.stdin.write(`${JSON.stringify({ store, start })}\n`);
    return this.finish();
  }

  async end(): Promise<void> {
    const ended = once(this.process, "exit");
    this.process.stdin.end();
    await ended;
  }
}

describe.each(Object.entries(stores))("three servers that boot at once, with %s as their store,", (kind, storeOf) => {
  const id = kind.replaceAll(" ", "-");

  test("agree on one set of secrets, a hundred times", async () => {
    const env = await environment();
    const own = await Promise.all(["1", "2", "3"].map((number) => storeOf(`${id}-${number}`)));
    const racers = own.map((store, index) => new Racer(host(`${id}-${index + 1}`, store), env));
    let contested = 0;
    try {
      for (const racer of racers) await racer.finish(); // it has made its keys
      for (let round = 0; round < 100; round++) {
        const store = await storeOf(`${id}-round-${round}`);
        const finishes = await Promise.all(racers.map((racer) => racer.race(store, Date.now() / 1000 + 0.01)));

        expect(new Set(finishes.map(({ digest }) => digest)).size).toBe(1);
        for (const secret of SECRETS) {
          const attempts = finishes.map(({ attempts }) => attempts[secret]);
          expect({ secret, first: attempts.filter((first) => first) }).toEqual({ secret, first: [true] });
          if (attempts.includes(false)) contested += 1;
        }
      }
    } finally {
      await Promise.all(racers.map((racer) => racer.end()));
    }
    // Otherwise this was no race.
    expect(contested).toBeGreaterThan(20);
  });

  test("find each other's secrets when they boot as they really do", async () => {
    const env = await environment();
    for (let round = 0; round < 3; round++) {
      const store = await storeOf(`${id}-boot-${round}`);
      const servers = ["1", "2", "3"].map((number) => host(`${id}-boot-${round}-${number}`, store));
      const outcomes = await Promise.all(servers.map((server) => server.tool(["secrets"], env)));
      expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);

      const said = outcomes.map(({ output }) => output).join("");
      for (const secret of SECRETS) expect(said.split(`Created secret ${secret}.`)).toHaveLength(2);
      const known = servers.map((server) =>
        [
          "/etc/consul.d/secrets.json",
          "/etc/consul.d/tls/ca.pem",
          "/etc/nomad.d/secrets.json",
          "/etc/nomad.d/tls/ca.pem",
        ]
          .map((path) => server.read(path))
          .join(""),
      );
      expect(new Set(known).size).toBe(1);
      if (store.type === "directory" && store.path !== undefined) {
        expect(Object.keys(documentsIn(store.path)).sort()).toEqual(SECRETS);
      }
    }
  });
});
