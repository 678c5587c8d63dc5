import type { consul, nomad } from "../../constructs";
import { problemsOfJob } from "../../constructs/nomad/validate-job";
import { problemsOfPortLabels } from "../../constructs/nomad/validate/port-labels";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { startDevAgents, type DevAgents } from "../support/dev-agents";
import { eventually } from "../support/eventually";
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

describe("Nomad takes a label that no port of the group has", () => {
  /** Runs a job of one task to its end. */
  async function outcomeOf(ID: string, group: nomad.TaskGroup, script: string): Promise<string> {
    const { address } = agents.endpoints.nomad;
    const task = { Name: "task", Driver: "raw_exec", Env: { PORT: "${NOMAD_PORT_nope}" } };
    const job: nomad.Job = {
      ...{ ID, Type: "batch", Datacenters: ["*"] },
      TaskGroups: [
        {
          Name: "group",
          RestartPolicy: { Attempts: 0, Mode: "fail" },
          ReschedulePolicy: { Attempts: 0, Unlimited: false },
          ...group,
          Tasks: [{ ...task, Config: { command: "/bin/sh", args: ["-c", script] } }],
        },
      ],
    };
    expect(problemsOfJob(job)).toEqual([]);
    expect(problemsOfPortLabels(job)).not.toEqual([]);
    expect(await refusalOf(`${address}/v1/jobs`, { Job: job })).toBeUndefined();
    return await eventually(async () => {
      const answer = await fetch(`${address}/v1/job/${ID}/allocations`);
      const [status = ""] = ((await answer.json()) as { readonly ClientStatus: string }[]).map((it) => it.ClientStatus);
      expect(["complete", "failed"]).toContain(status);
      return status;
    });
  }

  test("and leaves a variable as it is", async () => {
    const script = 'case "$PORT" in *NOMAD_PORT_nope*) exit 0 ;; *) exit 1 ;; esac';
    expect(await outcomeOf("variable", {}, script)).toBe("complete");
  });

  test("and never starts what has a service there", async () => {
    const Services = [{ Name: "nope", PortLabel: "nope", Provider: "consul" }];
    expect(await outcomeOf("service", { Services }, "sleep 60")).toBe("failed");
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
