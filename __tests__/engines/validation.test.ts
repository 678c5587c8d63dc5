import type { consul } from "../../constructs";
import { ensureEngines } from "../../lab/engines/ensure-engines";
import { startDevAgents, type DevAgents } from "../support/dev-agents";
import { ENTRY_CASES, type EntryCase } from "../support/entry-cases";
import { JOB_CASES, type JobCase } from "../support/job-cases";

jest.setTimeout(120_000);

let agents: DevAgents;

beforeAll(async () => {
  const engines = await ensureEngines();
  // A Vault that is never there: Nomad refuses jobs that use one where it knows of none.
  agents = await startDevAgents(engines, { vault: { enabled: true, address: "http://127.0.0.1:9" } });
}, 20 * 60_000);

afterAll(() => agents.stop());

/** What an engine says against something, `undefined` if nothing. */
async function refusalOf(url: string, body: unknown, headers?: Record<string, string>): Promise<string | undefined> {
  const answer = await fetch(url, { method: "PUT", body: JSON.stringify(body), headers });
  const text = await answer.text();
  return answer.ok ? undefined : text;
}

function expectVerdict(refusal: string | undefined, verdict: JobCase["verdict"], enterprise: RegExp): void {
  const isRefused = verdict === "refused" || verdict === "enterprise";
  expect({ refusal, isRefused: refusal !== undefined }).toEqual({ refusal, isRefused });
  if (verdict === "enterprise") {
    expect(refusal).toMatch(enterprise);
  }
}

describe("Nomad", () => {
  test.each(JOB_CASES.map((each) => [each.verdict, each.name, each] as const))("%s: %s", async (verdict, _, each) => {
    const { job, isRegistered = false } = each;
    const { address } = agents.endpoints.nomad;
    const path = isRegistered ? "/v1/jobs" : `/v1/job/${encodeURIComponent(job.ID ?? "")}/plan`;
    const refusal = await refusalOf(`${address}${path}`, { Job: job });
    expectVerdict(refusal, verdict, /Enterprise|unlicensed|Multiple vault namespaces/i);
  });
});

describe("Consul", () => {
  /** What entries refer to. */
  const BASE: readonly consul.ConfigEntry[] = [
    { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } },
    { Kind: "service-defaults", Name: "tcp-service", Protocol: "tcp" },
    { Kind: "service-resolver", Name: "db", Subsets: { v1: {} } },
  ];

  const address = () => `${agents.endpoints.consul.address}/v1/config`;
  const headers = () => ({ "X-Consul-Token": agents.endpoints.consul.token ?? "" });

  async function put(entry: consul.ConfigEntry): Promise<string | undefined> {
    // The one entry that has no name.
    const body = entry.Kind === "mesh" ? { ...entry, Name: undefined } : entry;
    return await refusalOf(address(), body, headers());
  }

  async function remove({ entry }: EntryCase): Promise<void> {
    const name = encodeURIComponent("Name" in entry ? (entry.Name ?? "") : "mesh");
    await fetch(`${address()}/${entry.Kind}/${name}`, { method: "DELETE", headers: headers() });
  }

  test.each(ENTRY_CASES.map((each) => [each.verdict, each.name, each] as const))("%s: %s", async (verdict, _, each) => {
    for (const entry of BASE) {
      expect(await put(entry)).toBeUndefined();
    }
    const refusal = await put(each.entry);
    if (refusal === undefined) {
      await remove(each);
    }
    expectVerdict(refusal, verdict, /enterprise|invalid config entry kind|Name must be "default"|namespaces/i);
  });
});
