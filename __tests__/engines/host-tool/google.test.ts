import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  googlePlatform,
  federationSecretGrants,
  googleFederationSecretName,
  googleSecretNames,
  metricStoreGrants,
  secretStoreGrants,
  snapshotStoreGrants,
  type GoogleSecretStore,
  type GoogleSnapshotStore,
} from "../../../constructs/google";
import { HOST_TOOL, type HostToolConfig } from "../../../constructs/linux/host-tool/host-tool";
import { eventually } from "../../support/eventually";
import { GoogleCloud } from "../../support/google-cloud";
import { engineEnvironment, FolderHost } from "../../support/host-tool";
import type { Outcome } from "../../support/lab";

jest.setTimeout(5 * 60_000);

const secretStore: GoogleSecretStore = {
  type: "google-secret-manager",
  project: "acme-prod",
  prefix: "prod-",
  bucket: "acme-current",
};
const snapshotStore: GoogleSnapshotStore = {
  type: "google-cloud-storage",
  bucket: "acme-snapshots",
  prefix: "prod/",
};
const metricStore = { type: "google-cloud-monitoring", project: "acme-prod", namespace: "meshform/prod" } as const;
/** The store of another datacenter. */
const westStore = { ...secretStore, prefix: "west-", bucket: "acme-west-current" };
let cloud: GoogleCloud;
let folder: string;
let env: Readonly<Record<string, string>>;

beforeAll(async () => {
  env = await engineEnvironment();
}, 20 * 60_000);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "meshform-google-hosts-"));
  cloud = await GoogleCloud.start({
    project: "acme-prod",
    zone: "europe-west1-b",
    secrets: [
      ...[secretStore, westStore].flatMap((store) => Object.values(googleSecretNames(store))),
      googleFederationSecretName(secretStore),
    ],
    buckets: {
      "acme-current": {},
      "acme-west-current": {},
      "acme-snapshots": { "other/consul-20250101T000000Z.snap": "" },
    },
    instances: [{ name: "server-1", zone: "europe-west1-b", address: "10.0.0.10", tags: ["consul-prod"] }],
    identities: {
      server: [
        ...secretStoreGrants(secretStore, "server"),
        ...snapshotStoreGrants(snapshotStore),
        ...metricStoreGrants(metricStore),
      ],
      client: secretStoreGrants(secretStore, "client"),
      primary: [...secretStoreGrants(secretStore, "server"), ...federationSecretGrants(secretStore, "primary")],
      other: [...secretStoreGrants(westStore, "server"), ...federationSecretGrants(secretStore, "other")],
      unable: secretStoreGrants(secretStore, "server").map((grant) =>
        grant.bucket === undefined ? grant : { ...grant, role: "roles/storage.objectViewer" },
      ),
    },
  });
});

afterEach(async () => {
  await cloud.stop();
  rmSync(folder, { recursive: true });
});

function host(name: string, config: Partial<HostToolConfig> = {}): FolderHost {
  return new FolderHost(join(folder, name), {
    ...{ store: secretStore, platform: googlePlatform, roles: ["consul-server", "nomad-server"], node: name },
    address: "10.0.0.10",
    ...config,
  });
}

function tool(target: FolderHost, ...args: string[]): Promise<Outcome> {
  return cloud.run(target.path(HOST_TOOL), ["--root", target.root, ...args], env);
}

/** Runs a program of Python with the modules of the host tool, and returns what it prints as JSON. */
async function python(program: string): Promise<unknown> {
  const { root } = host("any");
  const imports = `import json, sys; sys.path.insert(0, "${join(root, HOST_TOOL)}")\nfrom meshform_host import clouds`;
  const { code, output } = await cloud.run("python3", ["-c", `${imports}\n${program}`]);
  expect({ code, output }).toExit(0);
  return JSON.parse(output) as unknown;
}

describe("Secret Manager", () => {
  test("keeps the secrets that servers create, renew and share, with no more than the roles of each", async () => {
    const [server, client] = [host("server-1"), host("client-1", { roles: ["consul-client", "nomad-client"] })];
    const first = await tool(server, "secrets");
    expect(first).toExit(0);
    expect(first.output).toContain("Created secret cluster.\n");

    cloud.become("client");
    expect(await tool(client, "secrets")).toExit(0);
    const before = client.read("/etc/consul.d/tls/agent.pem");
    cloud.become("server");
    expect(await tool(server, "rotate", "certificates")).toExit(0);
    cloud.become("client");
    expect(await tool(client, "secrets")).toExit(0);
    expect(client.read("/etc/consul.d/tls/agent.pem")).not.toBe(before);
    cloud.become("server");
    expect(await tool(server, "secrets")).toEqual({ code: 0, output: "All files of this host are up to date.\n" });

    const calls = cloud.calls();
    expect(calls.filter(({ code }) => code === 401 || code === 403)).toEqual([]);
    const usedBy = (identity: string) =>
      [...new Set(calls.filter((call) => call.identity === identity).map(({ used }) => used))].sort();
    expect(usedBy("client")).toEqual([
      "secretmanager.versions.access prod-client",
      "storage.objects.get acme-current prod-client",
    ]);
    expect(usedBy("server")).toEqual(
      expect.arrayContaining([
        "secretmanager.versions.access prod-cluster",
        "secretmanager.versions.add prod-cluster",
        "secretmanager.versions.list prod-client",
        "storage.objects.create acme-current prod-cluster",
        "storage.objects.delete acme-current prod-client",
      ]),
    );
    // Terraform has created the secrets; no host may.
    expect(usedBy("server").filter((used) => /secretmanager\.secrets\./.test(used ?? ""))).toEqual([]);
  });

  test("of the primary of a WAN federation shows servers of another datacenter one secret", async () => {
    const federation = { primaryDatacenter: "dc1" };
    const primary = host("east-1", { federation });
    const other = host("west-1", {
      ...{ store: westStore, consulDatacenter: "dc2", federation: { ...federation, primarySecretStore: secretStore } },
    });
    cloud.become("primary");
    expect(await tool(primary, "secrets")).toExit(0);
    cloud.become("other");
    expect(await tool(other, "secrets")).toExit(0);
    expect(other.read("/etc/consul.d/tls/ca.pem")).toBe(primary.read("/etc/consul.d/tls/ca.pem"));
    expect(other.json("/etc/consul.d/secrets.json")).toMatchObject({
      ...(primary.json("/etc/consul.d/secrets.json") as object),
      acl: { tokens: { replication: expect.any(String) as string } },
    });

    const calls = cloud.calls();
    expect(calls.filter(({ code }) => code === 401 || code === 403)).toEqual([]);
    const used = calls.flatMap((call) => (call.identity === "other" ? (call.used ?? []) : []));
    expect([...new Set(used.filter((it) => / prod-/.test(it)))].sort()).toEqual([
      "secretmanager.versions.access prod-federation",
      "storage.objects.get acme-current prod-federation",
    ]);
  });

  test("gives a client no secret but its own", async () => {
    expect(await tool(host("server-1"), "secrets")).toExit(0);
    cloud.become("client");
    const { code, output } = await tool(host("server-2"), "--wait", "1", "secrets");
    expect(code).toBe(1);
    expect(output).toContain("Permission 'storage.objects.get' denied on resource");
    expect(output).toContain("The machine's service account needs a role on it.");
    expect(output).not.toContain("ya29.");
  });

  test("has one text after another, of those that are written at the same time", async () => {
    const program = `
import concurrent.futures, os
store = clouds.SECRET_STORES["google-secret-manager"](${JSON.stringify(secretStore)})
def attempt(work):
    kind, version, text = work
    own = clouds.SECRET_STORES["google-secret-manager"](${JSON.stringify(secretStore)})
    return own.create("cluster", text) if kind == "create" else own.replace("cluster", text, version)
rounds = []
with concurrent.futures.ThreadPoolExecutor(6) as pool:
    before = None
    for number in range(5):
        texts = [f"{number}-{racer}" for racer in range(6)]
        kind = "create" if before is None else "replace"
        wins = list(pool.map(attempt, [(kind, before and before.version, text) for text in texts]))
        before = store.get("cluster")
        rounds.append([sum(wins), before.text == texts[wins.index(True)]])
print(json.dumps(rounds))`;
    expect(await python(program)).toEqual(Array.from({ length: 5 }, () => [1, true]));
    const refused = cloud.calls().filter(({ code, path }) => code === 412 && path.startsWith("/upload/"));
    // Otherwise this was no race.
    expect(refused.length).toBeGreaterThan(5);

    // What lost is destroyed, and of what won all but the last two.
    const enabled = await python(`
from meshform_host.clouds import google
found = google.SecretManagerStore("acme-prod", "prod-", "acme-current")._call("cluster", "GET", "/versions?filter=state:ENABLED")
print(json.dumps(len(found["versions"])))`);
    expect(enabled).toBe(2);
  });

  test("keeps no version of a secret that cannot be made the current one", async () => {
    cloud.become("unable");
    const { code, output } = await tool(host("server-1"), "--wait", "1", "secrets");
    expect(code).toBe(1);
    expect(output).toContain("Permission 'storage.objects.create' denied");
    const made = cloud.calls().flatMap(({ path, code: status }) => (status === 200 ? (/:\w+$/.exec(path) ?? []) : []));
    // It tries for a second, and destroys what each try has made.
    expect(made.join("")).toMatch(/^(:addVersion:destroy)+$/);
  });

  test("without a machine of Google Cloud is waited for, and then named", async () => {
    const server = host("server-1");
    const { code, output } = await server.tool(["--wait", "1", "secrets"], { ...env, no_proxy: "*" });
    expect(code).toBe(1);
    expect(output).toContain("The metadata server ");
  });
});

test("Cloud Storage keeps snapshots whole, page by page, and never one over another", async () => {
  writeFileSync(join(folder, "a.snap"), "of the state\r\n--\0".repeat(100_000));
  const found = await python(`
import pathlib
store = clouds.SNAPSHOT_STORES["google-cloud-storage"](${JSON.stringify(snapshotStore)})
folder = pathlib.Path("${folder}")
names = [f"consul-2026010{day}T000000Z.snap" for day in range(1, 6)]
places = [store.save(name, folder / "a.snap") for name in names]
try:
    store.save(names[0], folder / "a.snap")
    again = ""
except Exception as error:
    again = str(error)
(folder / "got").mkdir()
same = store.fetch(names[1], folder / "got").read_bytes() == (folder / "a.snap").read_bytes()
store.remove(names[0])
print(json.dumps([places[0], again, same, store.names()]))`);
  expect(found).toEqual([
    "gs://acme-snapshots/prod/consul-20260101T000000Z.snap",
    "The snapshot gs://acme-snapshots/prod/consul-20260101T000000Z.snap already exists. Names contain the time in seconds: try again.",
    true,
    [2, 3, 4, 5].map((day) => `consul-2026010${day}T000000Z.snap`),
  ]);
});

test("Cloud Monitoring gets the metrics of this machine", async () => {
  await python(`
from meshform_host.metrics import Metric
store = clouds.METRIC_STORES["google-cloud-monitoring"](${JSON.stringify(metricStore)})
store.put([Metric("FailureTolerance", 1, {"Engine": "consul"})])
print("null")`);
  expect(cloud.metrics()).toEqual([
    {
      metric: { type: "custom.googleapis.com/meshform/prod/FailureTolerance", labels: { Engine: "consul" } },
      resource: {
        type: "gce_instance",
        labels: { project_id: "acme-prod", instance_id: "4520031799277581759", zone: "europe-west1-b" },
      },
      points: [
        {
          interval: { endTime: expect.stringMatching(/^20\d\d-\d\d-\d\dT[\d:.]+\+00:00$/) as string },
          value: { doubleValue: 1 },
        },
      ],
    },
  ]);
});

describe("a Spot VM", () => {
  let watch: ChildProcess;

  /** Starts what watches for a preemption, with a script of the shell for the host tool, which is tested elsewhere. */
  function start(script: string, seconds = 30): void {
    const { files = [] } = googlePlatform.lifecycleNotices();
    const program = files.find(({ path }) => path.endsWith("/meshform-preemption"))?.content ?? "";
    writeFileSync(join(folder, "tool"), `#!/bin/sh\necho "$@" >> ${folder}/calls\n${script}\n`, { mode: 0o755 });
    writeFileSync(join(folder, "program"), program);
    writeFileSync(join(folder, "settings.json"), JSON.stringify({ tool: join(folder, "tool"), seconds }));
    const [command, ...options] = cloud.enter;
    const inside = [...options, "python3", join(folder, "program"), join(folder, "settings.json")];
    watch = spawn(command, inside, { stdio: ["ignore", "inherit", "inherit"] });
  }

  const calls = () => (existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8") : "");
  const untilCalled = (wanted: string) =>
    eventually(() => {
      expect(calls()).toBe(wanted);
      return Promise.resolve();
    });
  const LEAVE = "--wait 28 leave --for-good\n";

  afterEach(async () => {
    if (watch.exitCode !== null || watch.signalCode !== null) return;
    const ended = once(watch, "exit");
    watch.kill("SIGKILL");
    await ended;
  });

  test("leaves for good as soon as it is preempted, once, and ends when it is stopped", async () => {
    cloud.tell("instance/preempted", "FALSE");
    start("sleep 1; echo left");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(calls()).toBe("");
    cloud.tell("instance/preempted", "TRUE");
    await untilCalled(LEAVE);
    watch.kill("SIGTERM");
    await once(watch, "exit");
    // Not before it had left.
    expect(watch.exitCode).toBe(0);
    expect(calls()).toBe(LEAVE);
  });

  test("that is told to shut down before the notice is seen leaves for good all the same", async () => {
    start("sleep 1");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    cloud.tell("instance/preempted", "TRUE");
    watch.kill("SIGTERM");
    await once(watch, "exit");
    expect(calls()).toBe(LEAVE);
  });

  test("does not leave for good where it is shut down for another reason", async () => {
    cloud.tell("instance/preempted", "FALSE");
    start("true");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    watch.kill("SIGTERM");
    await once(watch, "exit");
    expect({ code: watch.exitCode, calls: calls() }).toEqual({ code: 0, calls: "" });
  });

  test("that cannot leave in time is left alone", async () => {
    cloud.tell("instance/preempted", "TRUE");
    start("exec sleep 60", 3);
    await untilCalled("--wait 1 leave --for-good\n");
    watch.kill("SIGTERM");
    await once(watch, "exit");
    expect(watch.exitCode).toBe(0);
  });
});
