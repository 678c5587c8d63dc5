import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { LabFiles } from "../../lab/core/lab-files";
import { certificateSince } from "../support/envoy-certificates";
import { eventually } from "../support/eventually";
import { askClient, upstreamOfClient } from "../support/federated-client";
import { Figures } from "../support/figures";
import { run, TestLab } from "../support/lab";
import { powerOff } from "../support/lab-hosts";
import { loadWhile, type Load } from "../support/steady-load";

const MINUTE = 60_000;
jest.setTimeout(30 * MINUTE);

const DATACENTERS = ["dc1", "dc2"] as const;
type Datacenter = (typeof DATACENTERS)[number];
const SERVERS = { dc1: ["server-1", "server-2", "server-3"], dc2: ["dc2-server-1", "dc2-server-2", "dc2-server-3"] };
const CLIENTS = { dc1: ["client-1", "client-2"], dc2: ["dc2-client-1", "dc2-client-2"] };
/** What the client in dc1 calls: three ways to dc2, and a service of its own datacenter. */
const UPSTREAMS = ["LOCAL", "REMOTE", "DIRECT", "SPARE_REMOTE"] as const;
/** The listeners of the ingress gateway in dc1 that lead to services in dc2, by requests and by connections. */
const DOORS = { door: 9302, ledger: 9303 } as const;
const PATHS = [...UPSTREAMS, "door", "ledger"] as const;
type Path = (typeof PATHS)[number];

const lab = new TestLab(`wan-faults-${process.pid}`, join(__dirname, "..", "engines", "apps", "federation.ts"));
const files = new LabFiles(lab.name);
const figures = new Figures();
const urls = new Map<(typeof UPSTREAMS)[number], string>();

beforeAll(async () => {
  await lab.mustUp("", "--secure", "--datacenters", "2", "--join", "wan");
  for (const path of UPSTREAMS) urls.set(path, await upstreamOfClient(lab, path));
  await settled();
}, 15 * MINUTE);

afterAll(async () => {
  figures.print();
  await lab.down();
}, 2 * MINUTE);

/** Asks an upstream of the client, or through the ingress gateway in dc1 a service in dc2. */
async function ask(path: Path): Promise<number | string> {
  if (path !== "door" && path !== "ledger") return askClient(lab, urls.get(path) ?? "");
  const host = "Host: by-local-west.example.com";
  const args = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "-H", host];
  return Number((await run("curl", [...args, `http://127.0.0.1:${lab.portOf(DOORS[path])}`])).output);
}

/** Waits until each path has answered 20 times in a row. */
async function settled(): Promise<void> {
  await eventually(async () => {
    for (const path of PATHS) {
      for (let n = 0; n < 20; n++) expect([path, await ask(path)]).toEqual([path, 200]);
    }
  }, 3 * MINUTE);
}

async function load(what: string, act: () => Promise<unknown>): Promise<void> {
  await settled();
  const asks = Object.fromEntries(PATHS.map((path) => [path, () => ask(path)]));
  let ms = 0;
  const loads: Readonly<Record<string, Load>> = await loadWhile(
    asks,
    async () => {
      const start = Date.now();
      await act();
      ms = Date.now() - start;
    },
    { pauseMs: 50 },
  );
  const sent = Object.values(loads).reduce((sum, each) => sum + each.sent, 0);
  figures.add(what, loads, `took ${(ms / 1000).toFixed(1)} s, ${sent} requests`);
  for (const [path, { answers }] of Object.entries(loads)) {
    expect([path, [...new Set(answers)]]).toEqual([path, [200]]);
    expect(answers.length).toBeGreaterThan(20);
  }
}

/** What Consul of a datacenter answers to the management token, which is the same in both. */
const consul = <Answer>(datacenter: Datacenter, path: string, method?: string, body?: object) =>
  lab.api<Answer>(`Consul (${datacenter})`, `/v1${path}`, method, body, lab.tokenFor("Consul", "dc1"));

/** Runs a command of the host tool on one server after another: each is interrupted after two minutes, and the next goes on. */
async function onServers(datacenter: Datacenter, ...command: string[]): Promise<void> {
  for (let n = 0; n < 12; n++) {
    const server = SERVERS[datacenter][n % 3];
    const { code, output } = await lab.onHost(server, "timeout", "120", HOST_TOOL, ...command);
    if (code === 0) return;
    if (code !== 124) throw new Error(`${server}: ${command.join(" ")}: ${output}`);
  }
  throw new Error(`${command.join(" ")} has no end.`);
}

/** That all hosts are well, and that what is written in the primary still decides in the other datacenter. */
async function expectWell(hosts: readonly string[] = [...CLIENTS.dc1, ...CLIENTS.dc2]): Promise<void> {
  for (const host of [...SERVERS.dc1, ...SERVERS.dc2, ...hosts]) {
    const outcome = await lab.onHost(host, HOST_TOOL, "ready", "--wait", "120");
    expect({ host, ...outcome }).toMatchObject({ host, code: 0 });
  }
  const path = "/config/service-intentions/by-local";
  const entry = await consul<object>("dc1", path);
  await consul("dc1", path, "DELETE");
  await eventually(async () => expect(await ask("LOCAL")).not.toBe(200), MINUTE);
  await consul("dc1", "/config", "PUT", entry);
  await eventually(async () => expect(await ask("LOCAL")).toBe(200), MINUTE);
  expect(await consul("dc2", "/acl/replication")).toMatchObject({ Running: true, ReplicationType: "tokens" });
}

test("the CA of the mesh is replaced in the primary: all Envoys of both datacenters get certificates of it, and no request fails", async () => {
  const start = Date.now();
  await load("mesh CA", async () => {
    const Config = { PrivateKeyType: "ec", PrivateKeyBits: 384, LeafCertTTL: "72h" };
    await consul("dc1", "/connect/ca/configuration", "PUT", { Provider: "consul", Config });
    await eventually(async () => {
      const roots = await Promise.all(
        DATACENTERS.map((it) => consul<{ ActiveRootID: string; Roots: object[] }>(it, "/connect/ca/roots")),
      );
      expect(roots.map(({ Roots }) => Roots.length)).toEqual([2, 2]);
      expect(roots[1].ActiveRootID).toBe(roots[0].ActiveRootID);
      for (const [datacenter, job] of [
        ["dc1", "client"],
        ["dc1", "spare-remote"],
        ["dc2", "by-local"],
        ["dc2", "direct"],
      ] as const) {
        // Consul dates them back by a minute.
        const isNew = (await certificateSince(lab, datacenter, job)) > start - MINUTE;
        expect([datacenter, job, isNew]).toEqual([datacenter, job, true]);
      }
    }, 3 * MINUTE);
  });
  await expectWell();
});

test.each([["gossip"], ["management-tokens"], ["tokens"], ["ca"]])(
  "what all datacenters share is rotated in the primary, and no request fails: %s",
  async (what) => {
    const before = readFileSync(files.secret("dc2", "cluster"), "utf8");
    await load(what, () => onServers("dc1", "rotate", what));
    const [shared, own] = ["dc1", "dc2"].map((datacenter) => {
      const { consul, tokens } = JSON.parse(readFileSync(files.secret(datacenter, "cluster"), "utf8")) as {
        readonly consul: Readonly<Record<string, unknown>>;
        readonly tokens: object;
      };
      return { ca: consul.ca, gossip: consul.gossip, managementToken: consul.managementToken, tokens };
    });
    expect(own).toEqual(shared);
    expect(readFileSync(files.secret("dc2", "cluster"), "utf8")).not.toBe(before);
    await expectWell();
  },
);

test.each([["gossip"], ["management-tokens"], ["ca"]])(
  "what is Nomad's is rotated in the other datacenter, and no request fails: %s",
  async (what) => {
    await load(`${what} of Nomad in dc2`, () => onServers("dc2", "rotate", what));
    await expectWell();
  },
);

test("a lost client of the other datacenter is excluded: in the primary, then there, and no request fails", async () => {
  // The one with the mesh gateway, which Nomad then starts on the other.
  const [{ Node: lost }] = await consul<{ Node: string }[]>("dc2", "/catalog/service/mesh-gateway");
  const secrets = JSON.parse((await lab.onHost(lost, "cat", "/etc/consul.d/secrets.json")).output) as {
    readonly encrypt: string;
    readonly acl: { readonly tokens: { readonly agent: string } };
  };
  await powerOff(lab, lost);
  // In the mode `remote`, Consul leads callers to the mesh gateway of the lost host until it is out of the catalog.
  expect(await lab.onHost("server-1", "timeout", "30", HOST_TOOL, "exclude", lost, "--datacenter", "dc2")).toExit(124);
  await load("lost client of dc2 excluded", async () => {
    await onServers("dc1", "exclude", lost, "--datacenter", "dc2");
    await onServers("dc2", "exclude", lost);
  });
  // Answers come by gossip, and Consul says so when one of them is lost on the way.
  const pools = await eventually(() => consul<{ Keys: object }[]>("dc1", "/operator/keyring"), MINUTE);
  expect(pools).toHaveLength(3);
  for (const { Keys } of pools) expect(Object.keys(Keys)).not.toContain(secrets.encrypt);
  for (const datacenter of DATACENTERS) {
    const headers = { "X-Consul-Token": secrets.acl.tokens.agent };
    const asked = await fetch(`${lab.url(`Consul (${datacenter})`)}/v1/acl/token/self`, { headers });
    expect([datacenter, asked.status]).toEqual([datacenter, 403]);
  }
  const nodes = await consul<{ Node: string }[]>("dc2", "/catalog/nodes");
  expect(nodes.map(({ Node }) => Node)).not.toContain(lost);
  await expectWell([...CLIENTS.dc1, ...CLIENTS.dc2.filter((it) => it !== lost)]);
});
