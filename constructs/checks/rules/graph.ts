import { Token } from "cdktf";
import { MeshError, ValueError, describePath } from "../../core/errors";
import type { GatewayRecord, UpstreamRecord } from "../../model/records";
import { upstreamId } from "../../model/upstream";
import type * as nomad from "../../nomad/generated/job";
import { isIsolated } from "../../nomad/network";
import type { Check, Finding } from "../check";
import { gatewayOf, instancesIn, jobsIn, type RenderedInstances } from "./records";

const notRendered: Check = {
  id: "not-rendered",
  reason: "What cannot be rendered is missing from the deployment.",
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
              fix: "Correct what it names; if nothing of yours is wrong, report it as a defect of Meshform.",
            };
    }
  },
};

const stackCycle: Check = {
  id: "stack-cycle",
  reason: "Of stacks that need each other, none can be applied first.",
  level: "error",
  *find({ graph }) {
    for (const cycle of graph.stackCycles) {
      const [{ from: first }] = cycle;
      yield {
        at: first,
        problem: `The stacks ${cycle.map(({ from }) => from).join(" and ")} need each other: ${cycle.map(({ because }) => because).join("; ")}.`,
        fix: "Put what needs each other into one stack.",
      };
    }
  },
};

const overrideRemoved: Check = {
  id: "override-removed",
  reason: "What the graph states, others rely on: an override that takes it out of a job breaks them in silence.",
  level: "error",
  *find({ graph }) {
    for (const rendered of instancesIn(graph)) {
      const missing = missingFrom(rendered, graph.upstreamsOf(rendered.instances));
      if (missing !== undefined) {
        yield removed(rendered.instances.key, missing);
      }
    }
    for (const { job, rendered } of jobsIn(graph)) {
      const gateway = gatewayOf(graph, job);
      const missing = gateway && missingFromGateway(gateway, rendered.TaskGroups ?? []);
      if (gateway !== undefined && missing !== undefined) {
        yield removed(gateway.key, missing);
      }
    }
  },
};

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
 * Whether groups take a port of the node. It is assumed of a port that only Terraform knows, and of a group on another network,
 * which other checks report.
 */
function takesPort(groups: readonly nomad.TaskGroup[], port: number): boolean {
  const taken = groups.flatMap(({ Networks }) => (Networks ?? []).flatMap(({ ReservedPorts }) => ReservedPorts ?? []));
  return (
    Token.isUnresolved(port) ||
    !groups.every(({ Networks }) => isIsolated(Networks?.[0])) ||
    taken.some(({ Value }) => Value === port)
  );
}

function removed(at: string, missing: string): Finding {
  return {
    at,
    problem: `The finished job lacks ${missing}, which ${describePath(at)} states: an override has replaced it.`,
    fix: "Name in the override only what is to change, or state the change with props.",
  };
}

/** What the records have and the job does not. */
function missingFrom(
  { instances, name, job, group, definition }: RenderedInstances,
  upstreams: readonly UpstreamRecord[],
): string | undefined {
  if (job.TaskGroups === undefined) {
    return undefined; // It could not be rendered, which another check reports.
  }
  if (group.Name === undefined) {
    return `the group ${instances.group}`;
  }
  if (definition.Name === undefined) {
    return `the service ${name}`;
  }
  if (instances.proxy === "native") {
    return definition.Connect?.Native === true ? undefined : `the native mutual TLS of ${name}`;
  }
  // An override may say null, whatever its type.
  const sidecar = definition.Connect?.SidecarService as nomad.ConsulSidecarService | null | undefined;
  if (sidecar == null) {
    return `the sidecar of ${name}`;
  }
  const { port } = instances;
  // Whether a label misleads Envoy is for another check.
  if (port !== undefined && !Token.isUnresolved(port) && !isSamePort(definition.PortLabel, port)) {
    return `the port ${port} of ${name}`;
  }
  if (instances.publish !== undefined && !takesPort([group], instances.publish)) {
    return `the published port ${instances.publish} of ${name}`;
  }
  const there = sidecar.Proxy?.Upstreams ?? [];
  const ids = new Set(there.map(idOf));
  const bound = new Set(there.map((upstream) => `${idOf(upstream)}:${upstream.LocalBindPort}`));
  // What an upstream is told to override is its own affair.
  for (const { destination, localBindPort } of upstreams.filter(({ options }) => !options.override)) {
    const [id, upstream] = [upstreamId(destination), `the upstream ${destination.service}`];
    if (localBindPort !== undefined && !ids.has(id)) {
      return upstream;
    }
    if (localBindPort !== undefined && !bound.has(`${id}:${localBindPort}`)) {
      return `the local port ${localBindPort} of ${upstream}`;
    }
  }
  return undefined;
}

function isSamePort(label: string | undefined, port: number | string): boolean {
  return label === String(port) || (label !== undefined && !/^\d+$/.test(label));
}

function idOf({ DestinationName = "", Datacenter, DestinationPeer }: nomad.ConsulUpstream): string {
  return upstreamId({
    service: DestinationName,
    datacenter: Datacenter || undefined,
    peer: DestinationPeer || undefined,
  });
}

export const graphChecks: readonly Check[] = [notRendered, stackCycle, overrideRemoved];
