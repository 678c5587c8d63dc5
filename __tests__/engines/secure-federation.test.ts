import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { REPLICATION_TOKEN } from "../../constructs/consul/well-known-tokens";
import { LabFiles } from "../../lab/core/lab-files";
import { readOperatorToken } from "../../lab/hosts/credentials";
import { eventually } from "../support/eventually";
import { answersToClient } from "../support/federated-client";
import { TestLab } from "../support/lab";

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
async function consul<Answer>(datacenter: string, path: string, method = "GET", body?: object): Promise<Answer> {
  const response = await fetch(`${lab.url(`Consul (${datacenter})`)}/v1${path}`, {
    method,
    headers: { "X-Consul-Token": lab.tokenFor("Consul", "dc1") ?? "" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} in ${datacenter}: ${response.status} ${text}`);
  return JSON.parse(text) as Answer;
}

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

test("an operator's token is valid in both, and secrets that both share are not rotated in one of them", async () => {
  expect(readOperatorToken(files, "dc2")).toBe(readOperatorToken(files, "dc1"));
  for (const host of ["server-1", "dc2-server-1"]) {
    for (const command of [
      ["rotate", "gossip"],
      ["exclude", "client-2"],
    ]) {
      expect(await lab.onHost(host, HOST_TOOL, ...command)).toMatchObject({
        code: 1,
        output: expect.stringContaining("All datacenters of a WAN federation share these secrets") as string,
      });
    }
  }
});

test("a service fails over to the other datacenter, as in a plain lab", async () => {
  expect(await answers("SPARE_REMOTE")).toEqual(["200 spare-remote in dc1"]);
  const headers = { "X-Nomad-Token": lab.tokenFor("Nomad", "dc1") ?? "" };
  await fetch(`${lab.url("Nomad (dc1)")}/v1/job/spare-remote`, { method: "DELETE", headers });
  await eventually(async () => expect(await answers("SPARE_REMOTE")).toEqual(["200 spare-remote in dc2"]), MINUTE);
});
