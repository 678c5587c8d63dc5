import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Testing } from "cdktf";
import { applyStacks, type ApplyOptions, type ApplyResult, destroyStacks } from "../../lab/apply";
import { ensureEngines } from "../../lab/engines/ensure-engines";
import { type DevAgents, startDevAgents } from "../support/dev-agents";
import { type Edit, EDITS } from "../support/edit-series";

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

function options(): ApplyOptions {
  return {
    outDir: join(folder, "cdktf.out"),
    stateDir: join(folder, "state"),
    endpoints: agents.endpoints,
    engine: ENGINE,
    onProgress: () => undefined,
  };
}

async function deploy({ build }: Edit): Promise<ApplyResult> {
  const { outDir } = options();
  rmSync(outDir, { recursive: true, force: true });
  const app = Testing.app({ outdir: outDir });
  build(app);
  app.synth();
  return applyStacks(options());
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
