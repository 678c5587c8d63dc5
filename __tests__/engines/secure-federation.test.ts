import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { REPLICATION_TOKEN } from "../../constructs/consul/well-known-tokens";
import { LabFiles } from "../../lab/core/lab-files";
import { readOperatorToken } from "../../lab/hosts/credentials";
import { eventually } from "../support/eventually";
import { answersToClient, askClient, upstreamOfClient } from "../support/federated-client";
import { TestLab } from "../support/lab";
import { loadWhile } from "../support/steady-load";

const MINUTE = 60_000;
jest.setTimeout(2 * MINUTE);

const name = `secure-wan-${process.pid}`;
const lab = new TestLab(name, join(__dirname, "apps", "federation.ts"));
const files = new LabFiles(name);

beforeAll(async () => {
  expect(await lab.up("", "--secure", "--datacenters", "2", "--join", "wan")).toExit(0);
}, 10 * MINUTE);

afterAll(async () => {
  expect(await lab.down()).toExit(0);
}, MINUTE);

/** What Consul of a datacenter answers to the management token, which is the same in both. */
const consul = <Answer>(datacenter: string, path: string, method?: string, body?: object) =>
  lab.api<Answer>(`Consul (${datacenter})`, `/v1${path}`, method, body, lab.tokenFor("Consul", "dc1"));

/** Which versions answer the client in dc1. */
const answers = (variable: string) => answersToClient(lab, variable);

test("requests reach the other datacenter in each mode of mesh gateways", async () => {
  await eventually(async () => {
    expect(await answers("LOCAL")).toEqual(["200 by-local in dc2"]);
    expect(await answers("REMOTE")).toEqual(["200 by-remote in dc2"]);
    expect(await answers("DIRECT")).toEqual(["200 direct in dc2"]);
  }, MINUTE);
});

test("without an intention in the primary, requests to the other datacenter are refused, and with it allowed again", async () => {
  const path = "/config/service-intentions/by-local";
  const entry = await consul<{ Sources: object[] }>("dc1", path);
  await consul("dc1", path, "DELETE");
  await eventually(async () => expect(await answers("LOCAL")).not.toContain("200 by-local in dc2"), MINUTE);
  expect(await answers("REMOTE")).toEqual(["200 by-remote in dc2"]);
  await consul("dc1", "/config", "PUT", entry);
  await eventually(async () => expect(await answers("LOCAL")).toEqual(["200 by-local in dc2"]), MINUTE);
});

test("policies, roles and tokens that are written in the primary are those of the other datacenter, and end there too", async () => {
  const policy = { Name: "replicated", Rules: 'key "replicated" { policy = "write" }' };
  const { ID } = await consul<{ ID: string }>("dc1", "/acl/policy", "PUT", policy);
  const token = { Description: "replicated", Policies: [{ ID }] };
  const made = await consul<{ AccessorID: string; SecretID: string }>("dc1", "/acl/token", "PUT", token);
  const write = async () => {
    const headers = { "X-Consul-Token": made.SecretID };
    return (await fetch(`${lab.url("Consul (dc2)")}/v1/kv/replicated`, { method: "PUT", headers, body: "a" })).status;
  };
  await eventually(async () => expect(await write()).toBe(200), MINUTE);
  await consul("dc1", `/acl/token/${made.AccessorID}`, "DELETE");
  await eventually(async () => expect(await write()).toBe(403), MINUTE);
  await consul("dc1", `/acl/policy/${ID}`, "DELETE");
  const status = await consul<object>("dc2", "/acl/replication");
  expect(status).toMatchObject({ Enabled: true, Running: true, SourceDatacenter: "dc1", ReplicationType: "tokens" });
  const roles = await consul<{ Name: string }[]>("dc2", "/acl/roles");
  expect(roles.map((it) => it.Name)).toContain("nomad-tasks-default");
});

test("workloads of the other datacenter have tokens of its own, with policies of the primary", async () => {
  const listed = await consul<{ Local: boolean; AuthMethod?: string; Policies?: { Name: string }[] }[]>(
    "dc2",
    "/acl/tokens",
  );
  const workloads = listed.filter((it) => it.AuthMethod === "nomad-workloads");
  expect(workloads.length).toBeGreaterThan(5);
  expect(workloads.every(({ Local }) => Local)).toBe(true);
  const policies = workloads.flatMap((it) => it.Policies ?? []).map((it) => it.Name);
  expect(policies).toContain("mesh-gateway-mesh-gateway-dc2");
});

test("the token of replication is that of the primary, and no host but a server of another datacenter has it", async () => {
  const { SecretID, Policies } = await consul<{ SecretID: string; Policies: { Name: string }[] }>(
    "dc1",
    `/acl/token/${REPLICATION_TOKEN}`,
  );
  expect(Policies.map((it) => it.Name)).toEqual(["consul-replication"]);
  const hosts = readdirSync(join(files.folder, "hosts"));
  expect(hosts).toHaveLength(10);
  for (const host of hosts) {
    const { output } = await lab.onHost(host, "cat", "/etc/consul.d/secrets.json");
    expect([host, output.includes(SecretID)]).toEqual([host, host.startsWith("dc2-server-")]);
    expect([host, output.includes('"encrypt"')]).toEqual([host, true]);
    const commands = await lab.onHost(host, "sh", "-c", "cat /proc/[0-9]*/cmdline");
    const log = readFileSync(files.hostLog(host, "consul"), "utf8");
    for (const text of [commands.output, log]) expect([host, text.includes(SecretID)]).toEqual([host, false]);
  }
  const client = await lab.onHost("dc2-client-1", "ls", "/var/lib/meshform");
  expect(client.output).not.toContain("primary-secret-store");
});

test("an operator's token is valid in both", () => {
  expect(readOperatorToken(files, "dc2")).toBe(readOperatorToken(files, "dc1"));
});

/** A steady load on upstreams in the other datacenter, of which no request fails. */
async function load(act: () => Promise<unknown>): Promise<void> {
  const names = ["LOCAL", "REMOTE", "DIRECT"];
  const urls = await Promise.all(names.map((variable) => upstreamOfClient(lab, variable)));
  const asks = urls.map((url, n) => [names[n], () => askClient(lab, url)] as const);
  const loads = await loadWhile(Object.fromEntries(asks), act, { marginMs: 3_000 });
  for (const [path, { answers, sent }] of Object.entries(loads)) {
    expect([path, [...new Set(answers)]]).toEqual([path, [200]]);
    expect(sent).toBeGreaterThan(3);
  }
}

test("a new CA of the mesh in the primary is that of the other datacenter too, and no request fails", async () => {
  const rootsOf = (datacenter: string) => consul<{ ActiveRootID: string }>(datacenter, "/connect/ca/roots");
  const before = (await rootsOf("dc1")).ActiveRootID;
  await load(async () => {
    const Config = { PrivateKeyType: "ec", PrivateKeyBits: 384, LeafCertTTL: "72h" };
    await consul("dc1", "/connect/ca/configuration", "PUT", { Provider: "consul", Config });
    await eventually(async () => {
      const [primary, other] = await Promise.all(["dc1", "dc2"].map(rootsOf));
      expect(primary.ActiveRootID).not.toBe(before);
      expect(other.ActiveRootID).toBe(primary.ActiveRootID);
    }, MINUTE);
  });
});

test("a gossip key that is rotated in the primary is that of all pools, and of the other store, and no request fails", async () => {
  await load(async () => expect(await lab.onHost("server-1", HOST_TOOL, "rotate", "gossip")).toExit(0));
  const [{ primary }, other] = ["dc1", "dc2"].map((datacenter) => {
    const cluster = JSON.parse(readFileSync(files.secret(datacenter, "cluster"), "utf8")) as {
      readonly consul: { readonly gossip: Readonly<Record<string, string>> };
    };
    return cluster.consul.gossip;
  });
  expect(other).toEqual({ primary });
  // Answers come by gossip, and Consul says so when one of them is lost on the way.
  const pools = await eventually(
    () => consul<{ Keys: object; Datacenter: string; WAN: boolean }[]>("dc1", "/operator/keyring"),
    MINUTE,
  );
  expect(pools.map((it) => (it.WAN ? "WAN" : it.Datacenter)).sort()).toEqual(["WAN", "dc1", "dc2"]);
  for (const { Keys } of pools) expect(Object.keys(Keys)).toEqual([primary]);
});

test.each([
  ["dc2-server-1", ["rotate", "tokens"], "Run this command on a server of dc1."],
  ["dc2-server-1", ["exclude", "dc2-client-2"], "First run `meshform-host exclude dc2-client-2 --datacenter dc2` on"],
  ["dc2-server-1", ["exclude", "client-2", "--datacenter", "dc1"], "dc2 is not the primary datacenter"],
  ["server-1", ["exclude", "dc2-server-2", "--datacenter", "dc2"], "dc2-server-2 is a server, which knows all tokens"],
  ["server-1", ["exclude", "nobody", "--datacenter", "dc2"], "There is no host named nobody in dc2."],
])("%s refuses %j, and says where to run it", async (host, command, problem) => {
  const outcome = await lab.onHost(host, HOST_TOOL, ...command);
  expect(outcome).toMatchObject({ code: 1, output: expect.stringContaining(problem) as string });
});

test("a service fails over to the other datacenter, as in a plain lab", async () => {
  expect(await answers("SPARE_REMOTE")).toEqual(["200 spare-remote in dc1"]);
  const headers = { "X-Nomad-Token": lab.tokenFor("Nomad", "dc1") ?? "" };
  await fetch(`${lab.url("Nomad (dc1)")}/v1/job/spare-remote`, { method: "DELETE", headers });
  await eventually(async () => expect(await answers("SPARE_REMOTE")).toEqual(["200 spare-remote in dc2"]), MINUTE);
});
