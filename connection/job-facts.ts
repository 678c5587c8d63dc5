import { isSeen, valueOf, type Fact } from "../cluster/fact";
import { identityOf, type MeshDocuments } from "../lab/apply/documents";
import type { EngineAnswer } from "../lab/cluster/engine-api";
import { readJobs } from "../lab/cluster/read-jobs";
import { ask, type AskedCluster } from "./asked-cluster";
import type { JobFact } from "./facts";

/** The jobs of a cluster that have instances of some services: those that an app has for it, or all that are registered. */
export async function readJobFacts(
  { consul, nomad }: AskedCluster,
  datacenter: string,
  services: readonly string[],
  documents: MeshDocuments | undefined,
): Promise<Fact<readonly JobFact[]>> {
  const ofApp = documents && jobsOf(documents, datacenter, services);
  const states = await Promise.all(
    (ofApp ?? []).map(({ id, namespace }) => {
      const path = `/v1/job/${encodeURIComponent(id)}?namespace=${encodeURIComponent(namespace)}`;
      return ask(nomad, path, { read: readState });
    }),
  );
  const unseen = states.find((state) => !isSeen(state));
  if (unseen && !isSeen(unseen)) return unseen;
  try {
    const isMeant = (job: { readonly ID: string; readonly Namespace: string }) =>
      ofApp === undefined || ofApp.some(({ id, namespace }) => id === job.ID && namespace === job.Namespace);
    const statuses = await readJobs({ consul, nomad }, isMeant);
    const registered = statuses.flatMap(({ id, namespace, services: its }) =>
      its.filter(({ name }) => services.includes(name)).map(({ name }) => ({ id, namespace, service: name })),
    );
    return {
      value: (ofApp ?? registered).map(({ id, namespace, service }, index) => {
        const status = statuses.find((it) => it.id === id && it.namespace === namespace);
        // What is registered was submitted.
        const state = valueOf(states.at(index)) ?? "submitted";
        const groups = new Set(status?.services.filter(({ name }) => name === service).map(({ group }) => group));
        const count = Object.entries(status?.groups ?? {}).reduce(
          (sum, [group, it]) => (groups.has(group) ? sum + it : sum),
          0,
        );
        return { service, datacenter, id, namespace, state, count, ...(status && { status }) };
      }),
    };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    return { engine: "Nomad", request: "GET /v1/jobs", kind: /403/.test(words) ? "denied" : "failed", words };
  }
}

function jobsOf({ jobs }: MeshDocuments, datacenter: string, services: readonly string[]) {
  const own = jobs.filter((it) => it.datacenter === undefined || it.datacenter === datacenter);
  return own.flatMap(({ job }) => {
    const { ID: id, Namespace: namespace } = identityOf(job);
    const names = (job.TaskGroups ?? []).flatMap(({ Services }) => (Services ?? []).map(({ Name = "" }) => Name));
    return names.filter((name) => services.includes(name)).map((service) => ({ id, namespace, service }));
  });
}

function readState({ status, text }: EngineAnswer): JobFact["state"] | undefined {
  if (status === 404) return "absent";
  if (status !== 200) return undefined;
  return (JSON.parse(text) as { Stop: boolean }).Stop ? "stopped" : "submitted";
}
