import {
  ApiGatewayListener,
  Failover,
  Protocol,
  ServiceMesh,
  type consul,
  type nomad,
  type Tenancy,
} from "../../constructs";
import { problemsOfJob } from "../../constructs/nomad/validate-job";
import { problemsOfPortLabels } from "../../constructs/nomad/validate/port-labels";
import { readDocuments, type MeshDocuments } from "../../lab/apply/documents";
import { readStacks } from "../../lab/apply/synthesized";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { startDevAgents, type DevAgents } from "../support/dev-agents";
import { eventually } from "../support/eventually";
import { ENTRY_CASES, type EntryCase } from "../support/entry-cases";
import { JOB_CASES, type JobCase } from "../support/job-cases";
import { TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

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

describe("an app in namespaces and partitions of Consul Enterprise", () => {
  function documents(): MeshDocuments {
    const app = testApp();
    const meshIn = (id: string, tenancy: Tenancy) =>
      new ServiceMesh(new TestStack(app, id), "mesh", { tenancy, namespace: "default" });
    const shop = meshIn("shop", { partition: "team-a", namespace: "shop" });
    const payments = meshIn("payments", { partition: "team-b" });
    const http = { port: 80, protocol: Protocol.HTTP, workload: anyWorkload };
    const web = shop.addService("tenancy-web", http);
    const api = payments.addService("tenancy-api", http);
    web.connectTo(api);
    web.resolve({ failover: Failover.to(api) });
    shop.addApiGateway("tenancy-gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] }).connectTo(api);
    app.synth();
    return readDocuments(readStacks(app.outdir));
  }

  test("is refused by Consul's community edition only for the names of namespaces and partitions", async () => {
    const url = `${agents.endpoints.consul.address}/v1/config`;
    const headers = { "X-Consul-Token": agents.endpoints.consul.token ?? "" };
    const complaints = new Set<string>();
    for (const { entry } of documents().entries) {
      const refusal = await refusalOf(url, entry, headers);
      expect({ entry, refusal }).toEqual({ entry, refusal: expect.any(String) as string });
      const lines = refusal?.split("\n").filter((line) => line.startsWith("\t* ")) ?? [];
      lines.forEach((line) => complaints.add(line.replace(/\[\d+\]/g, "[]").replace(/^\t\* /, "")));
    }
    const inNamespace = (key: string) => `invalid config key "${key}", namespaces are a consul enterprise feature`;
    const inPartition = (key: string) => `invalid config key "${key}"`;
    // It knows those of the targets of a failover.
    const keys = ["", "Sources[].", "Rules[].Services[]."];
    expect([...complaints].sort()).toEqual(
      keys.flatMap((key) => [inNamespace(`${key}Namespace`), inPartition(`${key}Partition`)]).sort(),
    );
  });

  test("is accepted by Nomad's, which requires nodes of the partition", async () => {
    const { address } = agents.endpoints.nomad;
    for (const { job } of documents().jobs) {
      expect(await refusalOf(`${address}/v1/jobs`, { Job: job })).toBeUndefined();
    }
    const stored = (await (await fetch(`${address}/v1/job/tenancy-web`)).json()) as nomad.Job;
    const [group] = stored.TaskGroups ?? [];
    expect(group).toMatchObject({
      Consul: { Partition: "team-a", Namespace: "shop" },
      Constraints: expect.arrayContaining([
        { LTarget: "${attr.consul.partition}", RTarget: "team-a", Operand: "=" },
      ]) as unknown,
    });
    expect(group.Services?.[0]?.Connect?.SidecarService?.Proxy?.Upstreams).toMatchObject([
      { DestinationName: "tenancy-api", DestinationPartition: "team-b", DestinationNamespace: "default" },
    ]);
  });
});
