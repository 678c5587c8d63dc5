import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LiveExplanation } from "../../cli/explain-live";
import { LabFiles } from "../../lab/core/lab-files";
import type { LabStatus } from "../../lab/commands/status";
import { enterAllocation } from "../../lab/hosts/namespaces";
import { readState } from "../../lab/hosts/state";
import { eventually } from "../support/eventually";
import { answersToClient } from "../support/federated-client";
import { run, TestLab } from "../support/lab";
import { SERVERS } from "../support/profile";

const MINUTE = 60_000;
jest.setTimeout(2 * MINUTE);

const name = `wan-${process.pid}`;
const lab = new TestLab(name, join(__dirname, "apps", "federation.ts"));

beforeAll(async () => {
  expect(await lab.up("", "--datacenters", "2", "--join", "wan")).toExit(0);
}, 10 * MINUTE);

afterAll(async () => {
  expect(await lab.down()).toExit(0);
}, MINUTE);

async function status(): Promise<LabStatus> {
  return JSON.parse((await lab.meshform(["status", "--json"])).output) as LabStatus;
}

/** What Consul of a datacenter answers. */
const consul = <Answer>(datacenter: string, path: string, method?: string, body?: object) =>
  lab.api<Answer>(`Consul (${datacenter})`, `/v1${path}`, method, body);

/** Which versions answer the client in dc1. */
const answers = (variable: string) => answersToClient(lab, variable);

/** How many connections the mesh gateway of a datacenter has opened, by Envoy cluster: to services, servers and datacenters. */
async function connectionsOfGateway(datacenter: string): Promise<Readonly<Record<string, number>>> {
  const gateway = (await status()).jobs.find((it) => it.id === "mesh-gateway" && it.datacenter === datacenter);
  const { allocation = "", node = "" } = gateway?.instances[0] ?? {};
  const init = readState(new LabFiles(name))?.hosts.find((host) => host.name === node)?.init;
  if (!init) throw new Error(`${node} does not run.`);
  const [command, ...args] = [
    ...(await enterAllocation(init, allocation)),
    ...[process.execPath, join(__dirname, "..", "..", "lab", "cluster", "envoy-stats.mjs")],
    "^cluster\\..*\\.upstream_cx_total$",
  ];
  const { stdout } = await promisify(execFile)(command, args);
  const [{ stats }] = JSON.parse(stdout) as [{ stats: string }];
  const lines = [...stats.matchAll(/envoy_cluster_name="([^"]+)".*\} (\d+)$/gm)];
  const counts: Record<string, number> = {};
  for (const [, cluster, count] of lines) counts[cluster] = (counts[cluster] ?? 0) + Number(count);
  return counts;
}

test("Consul's servers are federated through the mesh gateways, and a second up changes nothing", async () => {
  expect(await status()).toMatchObject({
    healthy: true,
    peerings: [{ datacenters: ["dc1", "dc2"], state: "ACTIVE" }],
  });
  // The gateway has a cluster for each server of its own datacenter. The leader of each datacenter has connections with the other's.
  const toServers = async (datacenter: string, prefix = "") => {
    const counts = await connectionsOfGateway(datacenter);
    return SERVERS.reduce((sum, server) => sum + counts[`${prefix}${server}`], 0);
  };
  expect(await toServers("dc1")).toBeGreaterThan(0);
  expect(await toServers("dc2", "dc2-")).toBeGreaterThan(0);
  const again = await lab.up("");
  expect(again.output).toContain("Nothing changed: the mesh matches the app.");
  expect(again.output).toContain("client (dc1) → direct (dc2)");
  expect(await lab.up("", "--join", "peering")).toMatchObject({
    code: 1,
    output: expect.stringContaining(`The datacenters of lab ${name} are joined by WAN federation.`) as string,
  });
});

test("the mesh has one CA, with RSA keys, whose root is that of the primary", async () => {
  const [primary, secondary] = await Promise.all(
    ["dc1", "dc2"].map((datacenter) =>
      consul<{ Roots: { ID: string; PrivateKeyType: string }[]; TrustDomain: string }>(datacenter, "/connect/ca/roots"),
    ),
  );
  expect(primary.Roots[0]).toMatchObject({ PrivateKeyType: "rsa" });
  expect(secondary.Roots[0]).toMatchObject({ ID: primary.Roots[0].ID, PrivateKeyType: "rsa" });
  expect(secondary.TrustDomain).toBe(primary.TrustDomain);
});

test("config entries are those of the primary in both, also one that is written in the other", async () => {
  const entry = { Kind: "service-defaults", Name: "written-in-dc2", Protocol: "http" };
  await consul("dc2", "/config", "PUT", entry);
  await eventually(async () => {
    for (const datacenter of ["dc1", "dc2"]) {
      expect(await consul(datacenter, "/config/service-defaults/written-in-dc2")).toMatchObject(entry);
    }
  });
  await consul("dc2", "/config/service-defaults/written-in-dc2", "DELETE");
  await eventually(async () => {
    const names = await Promise.all(
      ["dc1", "dc2"].map(async (datacenter) =>
        (await consul<{ Name: string }[]>(datacenter, "/config/service-intentions")).map(({ Name }) => Name).sort(),
      ),
    );
    expect(names[1]).toEqual(names[0]);
    expect(names[0]).toContain("by-local");
  });
});

test("an upstream goes through both mesh gateways, through that of the destination, or through none", async () => {
  await eventually(async () => {
    expect(await answers("LOCAL")).toEqual(["200 by-local in dc2"]);
    expect(await answers("REMOTE")).toEqual(["200 by-remote in dc2"]);
    expect(await answers("DIRECT")).toEqual(["200 direct in dc2"]);
  }, MINUTE);
  const [near, far] = [await connectionsOfGateway("dc1"), await connectionsOfGateway("dc2")];
  // Every connection that leaves by the gateway of dc1 arrives for this service: nothing else is sent that way.
  expect(near.dc2).toBeGreaterThan(0);
  expect(far["by-local"]).toBe(near.dc2);
  expect(far["by-remote"]).toBeGreaterThan(0);
  expect(far.direct).toBe(0);
});

test("explain --live looks at services of the other datacenter where they are, in each mode of the gateways", async () => {
  const ask = async (source: string, destination: string, ...options: readonly string[]) => {
    const args = ["explain", source, destination, "--live", "--json", ...options];
    // Behind it are the warnings of the app, where that is synthesized.
    const [answer] = (await lab.meshform(args)).output.split("\nWarning: ");
    const { links, expected } = JSON.parse(answer) as LiveExplanation;
    const notOk = links.filter(({ state }) => state !== "ok");
    return [expected?.allowed, expected?.ends.map(({ service, datacenter }) => `${service} in ${datacenter}`), notOk];
  };
  for (const destination of ["by-local", "by-remote", "direct"]) {
    expect(await ask("client", destination)).toEqual(["all", [`${destination} in dc2`], []]);
  }
  const both = ["all", ["spare-remote in dc1", "spare-remote in dc2"], []];
  expect(await ask("client", "spare-remote")).toEqual(both);
  // What is deployed is the same as what the app is for this lab.
  const app = join(__dirname, "apps", "federation.ts");
  expect(await ask("client", "spare-remote", "--app", app)).toEqual(both);
  expect(await ask("door", "ledger-west")).toEqual(["all", ["ledger in dc2"], []]);
});

/** The URL of a listener of the ingress gateway. */
const doorAt = (port: number) => `http://127.0.0.1:${lab.portOf(port)}`;

test("an ingress gateway leads to the other datacenter by a redirect, in the mode of the destination", async () => {
  const before = await connectionsOfGateway("dc1");
  const ask = async (host: string) => {
    const header = `Host: ${host}.example.com`;
    return (await run("curl", ["-s", "--max-time", "10", "-H", header, doorAt(9302)])).output;
  };
  await eventually(async () => expect(await ask("by-remote-west")).toContain("by-remote in dc2"), MINUTE);
  expect((await connectionsOfGateway("dc1")).dc2).toBe(before.dc2);
  await eventually(async () => expect(await ask("by-local-west")).toContain("by-local in dc2"), MINUTE);
  expect((await connectionsOfGateway("dc1")).dc2).toBeGreaterThan(before.dc2);
});

test("an ingress gateway leads connections to the other datacenter by a redirect", async () => {
  await eventually(async () => {
    const response = await fetch(doorAt(9303), { signal: AbortSignal.timeout(10_000) });
    expect(await response.json()).toMatchObject({ version: "ledger" });
  }, MINUTE);
});

test("a service fails over to the other datacenter, through its mesh gateway or directly", async () => {
  const { dc2: before } = await connectionsOfGateway("dc1");
  for (const mode of ["remote", "none"]) {
    expect(await answers(`SPARE_${mode.toUpperCase()}`)).toEqual([`200 spare-${mode} in dc1`]);
    await lab.api("Nomad (dc1)", `/v1/job/spare-${mode}`, "DELETE");
  }
  await eventually(async () => {
    expect(await answers("SPARE_REMOTE")).toEqual(["200 spare-remote in dc2"]);
    expect(await answers("SPARE_NONE")).toEqual(["200 spare-none in dc2"]);
  }, MINUTE);
  const far = await connectionsOfGateway("dc2");
  expect(far["spare-remote"]).toBeGreaterThan(0);
  expect(far["spare-none"]).toBe(0);
  expect((await connectionsOfGateway("dc1")).dc2).toBe(before);
});
