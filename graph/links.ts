import { invocation } from "../lab/core/invocation";
import type { JobStatus } from "../lab/cluster/job-status";
import type { MeshGraph, MeshJob, MeshNode, NodeLink } from "./model";

/** Where the UIs of a datacenter are. */
export interface Uis {
  /** What Consul calls the datacenter. */
  readonly datacenter: string;
  /** With scheme and port, without a path. */
  readonly consul: string;
  /** The same of Nomad. */
  readonly nomad: string;
}

/** A lab, and what runs in it. */
export interface RunningLab {
  readonly name: string;
  readonly jobs: readonly JobStatus[];
}

/**
 * Adds what leads from a box to the pages about it in the UIs: the service in Consul, its job in Nomad and, in a lab, its instances, their
 * logs, and the command that prints the logs.
 *
 * @param uisOf by the id of a group; undefined for the datacenter that needs no name
 * @see https://github.com/hashicorp/nomad/blob/v1.11.3/ui/app/router.js
 */
export function withLinks(
  graph: MeshGraph,
  uisOf: (group: string | undefined) => Uis | undefined,
  lab?: RunningLab,
): MeshGraph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      const uis = uisOf(node.group);
      if (!uis || !["service", "gateway", "external"].includes(node.kind)) return node;
      const links = [serviceLink(node, uis), ...(node.jobs ?? []).flatMap((job) => jobLinks(job, uis, lab))];
      return { ...node, links, ...(lab && node.jobs && { commands: [logsCommand(node, lab.name)] }) };
    }),
  };
}

function serviceLink({ name }: MeshNode, { consul, datacenter }: Uis): NodeLink {
  const path = ["ui", datacenter, "services", name, "instances"].map(encodeURIComponent).join("/");
  return { title: "Consul: service", url: `${consul}/${path}` };
}

function jobLinks({ id, namespace = "default", group = id }: MeshJob, uis: Uis, lab: RunningLab | undefined) {
  const of = (...path: readonly string[]) => `${uis.nomad}/ui/${path.map(encodeURIComponent).join("/")}`;
  const isMeant = (job: JobStatus) =>
    job.id === id && job.namespace === namespace && ["", uis.datacenter].includes(job.datacenter);
  const instances = lab?.jobs.find(isMeant)?.instances.filter((it) => it.group === group) ?? [];
  return [
    { title: `Nomad: job ${id}`, url: of("jobs", `${id}@${namespace}`) },
    ...instances.flatMap(({ allocation, node, tasks }): NodeLink[] => [
      { title: `Nomad: allocation ${allocation.slice(0, 8)} on ${node}`, url: of("allocations", allocation) },
      ...tasks
        .filter(({ isSidecar, state }) => !isSidecar && state !== "pending")
        .map(({ name }) => ({ title: `logs of ${name}`, url: of("allocations", allocation, name, "logs") })),
    ]),
  ];
}

function logsCommand({ name }: MeshNode, lab: string): string {
  return invocation("logs", ...(lab === "default" ? [] : ["--name", lab]), name);
}
