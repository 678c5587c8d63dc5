import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { instanceFact, type CloudInit } from "../../constructs";
import {
  googlePlatform,
  googleSecretNames,
  instanceMetadata,
  metricStoreGrants,
  secretStoreGrants,
  snapshotStoreGrants,
} from "../../constructs/google";
import { consulServer } from "../../constructs/linux/consul-server";
import { HOST_TOOL } from "../../constructs/linux/host-tool/host-tool";
import { nomadServer } from "../../constructs/linux/nomad-server";
import { secureHost } from "../../constructs/linux/secure-host";
import { CloudMachine, machineAddress } from "../support/cloud-machine";
import { eventually } from "../support/eventually";
import { GOOGLE_HOSTS, googleFiles, type GoogleCall } from "../support/google-cloud";

const MINUTE = 60_000;
jest.setTimeout(10 * MINUTE);

const project = "acme-prod";
const zone = "europe-west1-b";
const secretStore = { type: "google-secret-manager", project, prefix: "prod-", bucket: "acme-current" } as const;
const snapshotStore = { type: "google-cloud-storage", bucket: "acme-snapshots", prefix: "prod/" } as const;
const metricStore = { type: "google-cloud-monitoring", project, namespace: "meshform/prod" } as const;
let machine: CloudMachine;
let rendered: CloudInit;

async function succeed(...command: string[]): Promise<string> {
  const { code, output } = await machine.run(...command);
  expect({ code, output }).toExit(0);
  return output;
}

async function calls(): Promise<GoogleCall[]> {
  const lines = await succeed("cat", "/mnt/machine/google-calls");
  return lines
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as GoogleCall);
}

beforeAll(async () => {
  machine = await CloudMachine.create();
  const { consul, nomad } = machine.engines;
  const retryJoin = [`provider=gce project_name=${project} tag_value=${instanceFact("tag", "consul-prod")}`];
  const host = machine.host(
    consulServer({ version: consul.version, retryJoin, bootstrapExpect: 1 }),
    nomadServer({ version: nomad.version, retryJoin, bootstrapExpect: 1 }),
    secureHost({
      ...{ store: secretStore, platform: googlePlatform, roles: ["consul-server", "nomad-server"] },
      snapshots: { store: snapshotStore, everySeconds: 3, retain: 2 },
      healthMetrics: metricStore,
    }),
    googlePlatform.lifecycleNotices(),
  );
  rendered = machine.render(host, {
    platform: googlePlatform,
    assets: `gs://${instanceFact("assets", "acme-assets")}`,
  });
  const files = await googleFiles({
    ...{ project, zone, secrets: Object.values(googleSecretNames(secretStore)) },
    buckets: {
      "acme-current": {},
      "acme-snapshots": {},
      "acme-assets": Object.fromEntries(rendered.assets.map(({ key, base64 }) => [key, base64])),
    },
    instances: [
      { name: "server-1", zone, address: machineAddress, tags: ["consul-prod"] },
      { name: "another", zone: "europe-west1-c", address: "10.99.0.9", tags: ["another"] },
    ],
    identities: {
      server: [
        ...secretStoreGrants(secretStore, "server"),
        ...snapshotStoreGrants(snapshotStore),
        ...metricStoreGrants(metricStore),
        { role: "roles/storage.objectViewer", bucket: "acme-assets" },
        { role: "roles/compute.viewer", project },
      ],
    },
  });
  for (const [name, content] of Object.entries(files)) machine.put(name, content);
  // The machine starts what has this name.
  machine.put("metadata-service.mjs", readFileSync(join(__dirname, "../support/google-cloud.mjs"), "utf8"));
  await machine.launch(rendered);
  for (const [name, value] of Object.entries(instanceMetadata(rendered))) machine.tag(name, value);
  const trust = "cat /mnt/machine/google-ca.pem >> /etc/ssl/certs/ca-certificates.crt";
  await machine.prepare("sh", "-ec", `printf '${GOOGLE_HOSTS.replaceAll("\n", "\\n")}' >> /etc/hosts; ${trust}`);
}, 20 * MINUTE);

afterAll(() => machine.stop());

test("a server comes up from its user data alone, with what Google Cloud's own names lead to", async () => {
  const { output } = await machine.boot();
  expect(output).toMatch(/^status: done$/m);
  const units = ["meshform-boot", "consul", "nomad", "meshform-acl", "meshform-preemption", "meshform-metrics"];
  await eventually(async () => {
    const states = (await machine.run("systemctl", "is-active", ...units)).output.trim().split("\n");
    expect(states).toEqual(units.map(() => "active"));
  }, 3 * MINUTE);
  expect(await succeed("systemctl", "--failed", "--quiet")).toBe("");
});

test("its user data is what cloud-init's own data source reads from the metadata server", async () => {
  const program = `
import hashlib, types
from cloudinit.sources import DataSourceGCE as gce
# Its hardware does not say that it is of Google.
found = gce.read_md(gce.MD_V1_URL, types.SimpleNamespace(num_retries=2, sec_between_retries=1), platform_check=False)
print(found["reason"], found["meta-data"]["availability-zone"], hashlib.sha256(found["user-data"]).hexdigest())`;
  const digest = createHash("sha256").update(Buffer.from(rendered.userData, "base64")).digest("hex");
  expect(await succeed("/usr/bin/python3", "-c", program)).toBe(`None ${zone} ${digest}\n`);
  expect(rendered.bytes).toBeLessThan(16 * 1024);
});

test("both agents have found the servers by their network tag, and are ready", async () => {
  for (const engine of ["consul", "nomad"]) {
    const journal = await succeed("journalctl", "--unit", engine, "--output=cat");
    expect(journal).toContain(`has [${machineAddress}]`);
    expect(journal).not.toContain("10.99.0.9");
  }
  expect(await succeed(HOST_TOOL, "ready", "--wait", "120")).toContain("consul-server");
});

test("it saves snapshots and metrics, and removes snapshots", async () => {
  await eventually(async () => {
    const used = (await calls()).filter(({ code }) => code < 300).map((call) => call.used ?? "");
    expect(used.some((it) => it.startsWith("storage.objects.create acme-snapshots prod/consul-"))).toBe(true);
    expect(used.some((it) => it.startsWith("storage.objects.delete acme-snapshots prod/consul-"))).toBe(true);
    expect(used).toContain(`monitoring.timeSeries.create ${project}`);
  }, 2 * MINUTE);
});

test("it was allowed all that it asked for, and uses each of its roles", async () => {
  const all = await calls();
  expect(all.filter(({ code }) => code === 401 || code === 403)).toEqual([]);
  const permissions = new Set(all.map(({ used }) => used?.split(" ")[0]));
  expect([...permissions].sort()).toEqual(
    expect.arrayContaining([
      ...["compute.instances.list", "compute.zones.list", "monitoring.timeSeries.create"],
      ...["secretmanager.versions.access", "secretmanager.versions.add"],
      ...["storage.objects.create", "storage.objects.delete", "storage.objects.get", "storage.objects.list"],
    ]),
  );
});

test("no secret and no token of it is in the user data, in the journal or in an argument", async () => {
  const secrets = await succeed(
    "sh",
    "-ec",
    `jq --raw-output .encrypt,.acl.tokens.agent /etc/consul.d/secrets.json; jq --raw-output .server.encrypt,.consul.token /etc/nomad.d/secrets.json`,
  );
  const known = secrets.trim().split("\n");
  expect(known.filter((secret) => secret.length >= 16)).toHaveLength(4);
  const seen = [
    rendered.text,
    await succeed("journalctl", "--output=cat", "--no-pager"),
    await succeed("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'"),
  ].join("\n");
  for (const secret of [...known, "ya29."]) expect(seen.includes(secret)).toBe(false);
});
