import { CONSUL_DNS_ADDRESS } from "../constructs/nomad/dns";
import { injectedTasks } from "../constructs/nomad/validate/injected";
import type * as nomad from "../constructs/nomad/generated/job";
import { identityOf, readDocuments } from "../lab/apply/documents";
import { blocksOf, isObject, type JsonObject } from "../lab/apply/json";
import type { SynthesizedStack } from "../lab/apply/synthesized";

/** What the stacks of an app need of the cluster that they are deployed to. */
export interface AppNeeds {
  readonly jobs: readonly NeededJob[];
  /** Names of the services in the mesh. */
  readonly services: readonly string[];
  /** Auth methods that the app itself creates. */
  readonly ownAuthMethods: readonly string[];
}

/** A job of the app. */
export interface NeededJob {
  readonly id: string;
  readonly namespace: string;
  /** Path of the construct. */
  readonly construct: string;
  readonly nodePool: string;
  /** Drivers of its tasks, with those of the Envoys that Nomad adds. */
  readonly drivers: readonly string[];
  /** Names of host networks that its ports are on, without `default`. */
  readonly hostNetworks: readonly string[];
  readonly hasTransparentProxy: boolean;
  /** Whether Consul is the name server of tasks, for transparent proxy or because the job sets it. */
  readonly needsConsulDns: boolean;
  /** Images of the Envoys, where the job names them. */
  readonly envoyImages: readonly string[];
  /** The whole job; absent if a part of it is known only once Terraform has applied something. */
  readonly job?: nomad.Job;
}

/** Reads what an app needs from its synthesized stacks. */
export function readNeeds(stacks: readonly SynthesizedStack[]): AppNeeds {
  const { jobs } = readDocuments(stacks);
  return {
    jobs: jobs.map(({ job, construct, isOpen }) => ({ ...needsOf(job), construct, ...(!isOpen && { job }) })),
    services: [...new Set(jobs.flatMap(({ job }) => groupsOf(job).flatMap(meshServicesOf)))],
    ownAuthMethods: stacks.flatMap(({ config }) => {
      const { consul_acl_auth_method: methods } = (config.resource ?? {}) as JsonObject;
      const blocks = isObject(methods) ? Object.values(methods).flatMap(blocksOf) : [];
      return blocks.flatMap(({ name }) => (typeof name === "string" ? [name] : []));
    }),
  };
}

function needsOf(job: nomad.Job): Omit<NeededJob, "construct" | "job"> {
  const { ID, Namespace } = identityOf(job);
  const groups = groupsOf(job);
  const envoys = groups.flatMap((group) => injectedTasks(job, group));
  const tasks = groups.flatMap(({ Tasks }) => Tasks ?? []);
  const networks = groups.flatMap(({ Networks }) => Networks ?? []);
  const ports = networks.flatMap(({ ReservedPorts, DynamicPorts }) => [
    ...(ReservedPorts ?? []),
    ...(DynamicPorts ?? []),
  ]);
  const blocks = groups.flatMap(({ Services }) => (Services ?? []).map(({ Connect }) => Connect));
  const transparent = blocks.flatMap((connect) => connect?.SidecarService?.Proxy?.TransparentProxy ?? []);
  return {
    id: ID,
    namespace: Namespace,
    nodePool: textOf(job.NodePool) ?? "default",
    drivers: unique([...tasks, ...envoys.map(({ task }) => task)].map(({ Driver }) => Driver)),
    hostNetworks: unique(ports.map(({ HostNetwork }) => HostNetwork)).filter((name) => name !== "default"),
    hasTransparentProxy: transparent.length > 0,
    needsConsulDns:
      transparent.some(({ NoDNS }) => NoDNS !== true) ||
      networks.some(({ DNS }) => DNS?.Servers?.some((server) => server.includes(CONSUL_DNS_ADDRESS))),
    envoyImages: unique(blocks.map((connect) => connect?.SidecarTask?.Config?.image)),
  };
}

function groupsOf(job: nomad.Job): readonly nomad.TaskGroup[] {
  return job.TaskGroups ?? [];
}

function meshServicesOf({ Services }: nomad.TaskGroup): string[] {
  return (Services ?? []).flatMap(({ Name, Connect }) => (Connect && textOf(Name) !== undefined ? [Name ?? ""] : []));
}

function unique(values: readonly unknown[]): string[] {
  return [...new Set(values.map(textOf))].filter((value) => value !== undefined);
}

/** A text that is known now: not one of Nomad's or Terraform's expressions. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" && !value.includes("${") && !value.includes("(known to")
    ? value
    : undefined;
}
