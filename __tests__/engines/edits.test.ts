import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, Testing } from "cdktf";
import { Protocol, ServiceMesh } from "../../constructs";
import { applyStacks, type ApplyOptions, type ApplyResult, destroyStacks } from "../../lab/apply";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { type DevAgents, startDevAgents } from "../support/dev-agents";
import { type Edit, EDITS } from "../support/edit-series";
import { TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";

let agents: DevAgents;
let folder: string;

beforeAll(async () => {
  agents = await startDevAgents(await ensureEngines());
  folder = mkdtempSync(join(tmpdir(), "meshform-edits-"));
}, 20 * 60_000);

afterAll(async () => {
  await agents.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const ENGINE = "offline";

/** @param state name of the folder with what was applied: whatever has another one knows nothing of it */
function options(state = "state"): ApplyOptions {
  return {
    outDir: join(folder, "cdktf.out"),
    stateDir: join(folder, state),
    endpoints: agents.endpoints,
    engine: ENGINE,
    onProgress: () => undefined,
  };
}

async function deploy({ build }: Pick<Edit, "build">, state?: string): Promise<ApplyResult> {
  const { outDir } = options();
  rmSync(outDir, { recursive: true, force: true });
  const app = Testing.app({ outdir: outDir });
  build(app);
  app.synth();
  return applyStacks(options(state));
}

const KINDS = [
  ...["proxy-defaults", "mesh", "service-defaults", "service-intentions"],
  ...["service-resolver", "service-splitter", "service-router", "ingress-gateway", "terminating-gateway"],
  ...["api-gateway", "http-route", "tcp-route", "exported-services"],
];

/** All that is in Consul and Nomad, without what differs from one write to the next. */
async function everything(): Promise<Record<string, unknown>> {
  const ask = async (engine: "consul" | "nomad", path: string) => {
    const { address, token = "" } = agents.endpoints[engine];
    const answer = await fetch(address + path, { headers: { "X-Consul-Token": token } });
    if (!answer.ok) throw new Error(`${engine} answers ${path} with ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Record<string, unknown>[];
  };
  const entries = await Promise.all(KINDS.map((kind) => ask("consul", `/v1/config/${kind}`)));
  const jobs = await Promise.all(
    // Nomad forgets only later what was stopped.
    (await ask("nomad", "/v1/jobs?namespace=*"))
      .filter(({ Stop }) => Stop !== true)
      .map(({ ID }) => ask("nomad", `/v1/job/${ID as string}`)),
  );
  const nodes = await ask("consul", "/v1/catalog/nodes?node-meta=external-node:true");
  const services = await Promise.all(
    nodes.map(({ Node }) => ask("consul", `/v1/catalog/node-services/${Node as string}`)),
  );
  return JSON.parse(
    JSON.stringify({ entries: entries.flat(), jobs, nodes, services }, (key, value: unknown) =>
      volatile.has(key) ? undefined : value,
    ),
  ) as Record<string, unknown>;
}

const volatile = new Set([
  ...["CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime", "Version", "VersionTag", "Hash", "ID"],
  ...["LastTransitionTime", "Status", "StatusDescription", "NomadTokenID"],
]);

async function thrown(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "nothing",
    (error: unknown) => (error as Error).message,
  );
}

describe("a series of edits", () => {
  test.each(EDITS)(
    "$name",
    async (edit) => {
      if (edit.refusal !== undefined) {
        expect(await thrown(deploy(edit))).toMatch(edit.refusal);
        return;
      }
      await deploy(edit);
      const again = await deploy(edit);
      expect([again.created, again.updated, again.deleted]).toEqual([[], [], []]);
    },
    60_000,
  );

  test("leaves what a fresh deployment of the last one gives, and nothing once all is removed", async () => {
    const last = EDITS[EDITS.length - 1];
    const edited = await everything();
    await destroyStacks(options());
    expect(await everything()).toEqual({ entries: [], jobs: [], nodes: [], services: [] });
    await deploy(last);
    expect(edited).toEqual(await everything());
    await destroyStacks(options());
  }, 60_000);
});

describe("a stack renamed, as with cdktf deploy, which keeps a state for each name", () => {
  const named = (name: string) => ({
    build: (app: App) => {
      const mesh = new ServiceMesh(new TestStack(app, name), "mesh");
      const props = { count: 0, port: 9001, workload: anyWorkload, protocol: Protocol.HTTP };
      mesh.addService("web", props).connectTo(mesh.addService("api", props));
    },
  });

  test("loses what it has where its old name is destroyed last", async () => {
    await deploy(named("old"), "old");
    await deploy(named("new"), "new");
    const before = await everything();
    await destroyStacks(options("old"));
    expect(before.jobs).toHaveLength(2);
    expect(await everything()).toEqual({ entries: [], jobs: [], nodes: [], services: [] });
    await destroyStacks(options("new"));
  }, 60_000);

  test("has all of it where its old name is destroyed first", async () => {
    await deploy(named("old"), "old");
    const before = await everything();
    await destroyStacks(options("old"));
    await deploy(named("new"), "new");
    expect(await everything()).toEqual(before);
    const again = await deploy(named("new"), "new");
    expect([again.created, again.updated, again.deleted]).toEqual([[], [], []]);
    await destroyStacks(options("new"));
  }, 60_000);
});
