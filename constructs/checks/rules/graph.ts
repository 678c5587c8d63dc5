import type * as consul from "../../consul/generated/config-entries";
import { MeshError, ValueError, describePath } from "../../core/errors";
import { culpritAmongOverrides } from "../../core/override";
import { itemsOf } from "../../core/problems";
import { statedTenancy } from "../../consul/tenancy";
import { sourceKeyOf } from "../../model/cluster";
import type { GatewayRecord, InstancesRecord, UpstreamRecord } from "../../model/records";
import type { Emission, Snapshot } from "../../model/snapshot";
import { isBound, upstreamId, upstreamName } from "../../model/upstream";
import type * as nomad from "../../nomad/generated/job";
import { isIsolated } from "../../nomad/network";
import type { Check, Finding } from "../check";
import { gatewayOf, instancesIn, jobsIn, renderedInstances, type RenderedInstances } from "./records";
import { isToken } from "../../core/token";

const notRendered: Check = {
  id: "not-rendered",
  reason: "An object that cannot be rendered would be missing from the deployment.",
  level: "error",
  *find({ graph }) {
    for (const { origin, error } of graph.failures) {
      yield error instanceof MeshError
        ? { at: error.scope, problem: error.problem, fix: error.fix }
        : error instanceof ValueError
          ? { at: origin, problem: error.problem, fix: error.fix }
          : {
              at: origin,
              problem: `It could not be rendered: ${error instanceof Error ? error.message : String(error)}`,
              fix: "Fix the cause. If your code is correct, report a defect of Meshform.",
            };
    }
  },
};

const stackCycle: Check = {
  id: "stack-cycle",
  reason: "If stacks depend on each other, none can be applied first.",
  level: "error",
  *find({ graph }) {
    for (const cycle of graph.stackCycles) {
      const [{ from: first }] = cycle;
      yield {
        at: first,
        problem: `The stacks ${cycle.map(({ from }) => from).join(" and ")} depend on each other: ${cycle.map(({ because }) => because).join("; ")}.`,
        fix: "Move the objects that depend on each other into one stack.",
      };
    }
  },
};

const overrideRemoved: Check = {
  id: "override-removed",
  reason:
    "Other services rely on what the graph declares: an override that removes it from a job breaks them without an error.",
  level: "error",
  *find({ graph }) {
    for (const rendered of instancesIn(graph)) {
      const { instances, cluster } = rendered;
      const upstreams = graph.upstreamsOf(instances);
      const missing = missingFrom(rendered, upstreams);
      if (missing !== undefined) {
        const isThere = (job: nomad.Job) =>
          missingFrom(renderedInstances(graph, cluster, instances, job), upstreams) !== missing;
        yield removed(instances.key, missing, "job", culpritIn(graph, graph.emissionsOfJob(instances.job), isThere));
      }
    }
    for (const { job, rendered } of jobsIn(graph)) {
      const gateway = gatewayOf(graph, job);
      const missing = gateway && missingFromGateway(gateway, rendered.TaskGroups ?? []);
      if (gateway !== undefined && missing !== undefined) {
        const isThere = ({ TaskGroups = [] }: nomad.Job) => missingFromGateway(gateway, TaskGroups) !== missing;
        yield removed(gateway.key, missing, "job", culpritIn(graph, graph.emissionsOfJob(job.key), isThere));
      }
    }
    for (const cluster of graph.clusters) {
      for (const { key, kind, name } of cluster.members) {
        // Config entries do not contain which services can reach a gateway.
        const intentions = cluster.intentionsFor(name).filter(({ isGiven }) => isGiven !== true);
        if (kind === "gateway" || intentions.length === 0) {
          continue;
        }
        const entryKey = { kind: "service-intentions", name } as const;
        const emissions = graph.emissionsOfEntry(cluster, entryKey);
        const entry = graph.entryOf(cluster, entryKey) as consul.ServiceIntentionsConfigEntry | undefined;
        const sources = entry && sourcesOf(entry);
        // Without an emission, a plain resource has the entry. Another check reports its two owners.
        const lost =
          emissions.length === 0
            ? undefined
            : intentions.find(({ source }) => sources?.has(sourceKeyOf(source)) === false);
        if (lost !== undefined) {
          const isThere = (without: Pick<consul.ServiceIntentionsConfigEntry, "Sources">) =>
            sourcesOf(without).has(sourceKeyOf(lost.source));
          const missing = `the intention ${lost.source.service} → ${name}`;
          yield removed(key, missing, "service-intentions", culpritIn(graph, emissions, isThere));
        }
      }
    }
  },
};

/** Returns the sources of a service-intentions entry. */
function sourcesOf({ Sources }: Pick<consul.ServiceIntentionsConfigEntry, "Sources">): ReadonlySet<string> {
  return new Set(
    itemsOf(Sources).map(({ Name = "", Peer, ...place }) =>
      sourceKeyOf({ service: Name, peer: Peer || undefined, tenancy: statedTenancy(place) }),
    ),
  );
}

/** Returns the owner of the override that removes something. Overrides of resources are tried last. */
function culpritIn(
  graph: Snapshot,
  emissions: readonly Emission[],
  isThere: (content: object) => boolean,
): string | undefined {
  const [emission] = emissions;
  const render = () => emission.render(graph) ?? {};
  return isThere(render())
    ? `the resource ${emission.resource.node.path} (addOverride)`
    : culpritAmongOverrides(render, isThere);
}

function missingFromGateway(
  { name, hostPorts }: GatewayRecord,
  groups: readonly nomad.TaskGroup[],
): string | undefined {
  if (!groups.some(({ Services = [] }) => Services.some(({ Name }) => Name === name))) {
    return `the service ${name}`;
  }
  const lost = hostPorts.find((port) => !takesPort(groups, port));
  return lost === undefined ? undefined : `the port ${lost} of the node`;
}

/**
 * Whether groups use a port of the node. This is assumed for ports that only Terraform knows, and for groups on another network,
 * which other checks report.
 */
function takesPort(groups: readonly nomad.TaskGroup[], port: number): boolean {
  const taken = groups.flatMap(({ Networks }) => (Networks ?? []).flatMap(({ ReservedPorts }) => ReservedPorts ?? []));
  return (
    isToken(port) ||
    !groups.every(({ Networks }) => isIsolated(Networks?.[0])) ||
    taken.some(({ Value }) => Value === port)
  );
}

/**
 * @param culprit the owner of the override, if a single override removes it
 */
function removed(at: string, missing: string, what: string, culprit: string | undefined): Finding {
  const override = culprit === undefined ? "overrides have" : `the override of ${culprit} has`;
  return {
    at,
    problem: `The rendered ${what} lacks ${missing}, which ${describePath(at)} declares: ${override} removed it.`,
    fix: "Set only the fields to change in the override, or use props for the change.",
  };
}

/** Returns what is in the records but not in the job. */
function missingFrom(
  { instances, name, job, group, definition }: RenderedInstances,
  upstreams: readonly UpstreamRecord[],
): string | undefined {
  if (job.TaskGroups === undefined) {
    return undefined; // It could not be rendered; another check reports this.
  }
  if (group.Name === undefined) {
    return `the group ${instances.group}`;
  }
  if (definition.Name === undefined) {
    return `the service ${name}`;
  }
  const variable = missingVariable(instances, group, upstreams);
  if (variable !== undefined) {
    return variable;
  }
  if (instances.proxy === "native") {
    return definition.Connect?.Native === true ? undefined : `the native mutual TLS of ${name}`;
  }
  // An override can set null, independent of the type.
  const sidecar = definition.Connect?.SidecarService as nomad.ConsulSidecarService | null | undefined;
  if (sidecar == null) {
    return `the sidecar of ${name}`;
  }
  const { port } = instances;
  // Another check reports labels that mislead Envoy.
  if (port !== undefined && !isToken(port) && !isSamePort(definition.PortLabel, port)) {
    return `the port ${port} of ${name}`;
  }
  if (instances.publish !== undefined && !takesPort([group], instances.publish)) {
    return `the published port ${instances.publish} of ${name}`;
  }
  const there = sidecar.Proxy?.Upstreams ?? [];
  if (areRendered(upstreams, there)) {
    return undefined;
  }
  const found = there.flatMap((upstream) => idsOf(upstream).map((id) => ({ id, port: upstream.LocalBindPort })));
  const ids = new Set(found.map(({ id }) => id));
  const bound = new Set(found.map(({ id, port }) => `${id}:${port}`));
  for (const record of upstreams) {
    const { destination, localBindPort } = record;
    const [id, upstream] = [upstreamId(destination), `the upstream ${upstreamName(destination)}`];
    if (isBound(record) && !ids.has(id)) {
      return upstream;
    }
    if (localBindPort !== undefined && !bound.has(`${id}:${localBindPort}`)) {
      return `the local port ${localBindPort} of ${upstream}`;
    }
  }
  return undefined;
}

/** Whether the upstreams of a job are exactly the stated ones, in order, as in most jobs. */
function areRendered(stated: readonly UpstreamRecord[], there: readonly nomad.ConsulUpstream[]): boolean {
  return (
    stated.length === there.length &&
    stated.every(({ destination, localBindPort }, index) => {
      const upstream = there[index];
      return (
        upstream.DestinationPartition === destination.tenancy?.partition &&
        upstream.DestinationNamespace === destination.tenancy?.namespace &&
        upstream.DestinationName === upstreamName(destination) &&
        upstream.LocalBindPort === localBindPort &&
        upstream.Datacenter === destination.datacenter &&
        upstream.DestinationPeer === destination.peer
      );
    })
  );
}

/**
 * Returns the variable of a connection that a task lacks, or the task itself. The value is not compared, because an override can
 * change it.
 */
function missingVariable(
  { tasks }: InstancesRecord,
  { Tasks = [] }: nomad.TaskGroup,
  upstreams: readonly UpstreamRecord[],
): string | undefined {
  for (const name of tasks) {
    const task = Tasks.find(({ Name }) => Name === name);
    if (task === undefined) {
      return `the task ${name}`;
    }
    const { Env = {} } = task;
    const lost = upstreams.find(({ options: { env } }) => env !== undefined && (Env as Env)?.[env] === undefined);
    if (lost !== undefined && !isToken(Env)) {
      return `the variable ${lost.options.env ?? ""} of the task ${name}`;
    }
  }
  return undefined;
}

/** An override can set null, independent of the type. */
type Env = Readonly<Record<string, string>> | null;

function isSamePort(label: string | undefined, port: number | string): boolean {
  return label === String(port) || (label !== undefined && !/^\d+$/.test(label));
}

/** An override can say of an upstream in which namespace or partition its destination is. */
function idsOf(upstream: nomad.ConsulUpstream): string[] {
  const { DestinationName = "", Datacenter, DestinationPeer } = upstream;
  const destination = {
    service: DestinationName,
    datacenter: Datacenter || undefined,
    peer: DestinationPeer || undefined,
  };
  const { DestinationPartition: Partition, DestinationNamespace: Namespace } = upstream;
  const tenancy = statedTenancy({ Partition, Namespace });
  return [upstreamId(destination), ...(tenancy === undefined ? [] : [upstreamId({ ...destination, tenancy })])];
}

export const graphChecks: readonly Check[] = [notRendered, stackCycle, overrideRemoved];
