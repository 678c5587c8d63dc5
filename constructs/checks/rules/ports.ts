import { append } from "../../core/collections";
import { isToken } from "../../core/token";
import type { InstancesRecord, UpstreamRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check, Finding } from "../check";
import { describePath } from "../../core/errors";
import { allocationsIn, gatewaysIn, jobsIn, sidecarServicesIn, type SidecarService } from "./records";

/** Nomad assigns each Envoy of an allocation an admin port from 19000 up and a readiness port from 19100 up. */
const ENVOY_PORTS = { first: 19_000, last: 19_199 };

const portRange: Check = {
  id: "port-range",
  reason: "A port is a number from 1 to 65535.",
  level: "error",
  *find({ graph }) {
    const fix = "Use a whole number from 1 to 65535.";
    for (const instances of graph.data.instances.values()) {
      const { key: at, port, publish } = instances;
      for (const [what, given] of [
        ["port", port],
        ["publish", publish],
      ] as const) {
        if (typeof given === "number" && !isPort(given)) {
          yield { at, problem: `${what} is ${given}.`, fix };
        }
      }
      for (const { localBindPort, destination } of graph.upstreamsOf(instances)) {
        if (localBindPort !== undefined && !isPort(localBindPort)) {
          yield { at, problem: `The localBindPort for ${destination.service} is ${localBindPort}.`, fix };
        }
      }
    }
    for (const gateway of gatewaysIn(graph)) {
      for (const port of gateway.hostPorts.filter((each) => !isPort(each))) {
        yield { at: gateway.key, problem: `A port is ${port}.`, fix };
      }
    }
    for (const member of graph.data.members.values()) {
      for (const { port } of member.kind === "external service" ? member.instances : []) {
        if (!isPort(port)) {
          yield { at: member.key, problem: `port is ${port}.`, fix };
        }
      }
    }
  },
};

function isPort(port: number): boolean {
  return isToken(port) || (Number.isInteger(port) && port >= 1 && port <= 65_535);
}

const localBindClash: Check = {
  id: "local-bind-clash",
  reason:
    "A port can be bound once in an allocation: Envoy would not start, or would receive the traffic of the service.",
  level: "error",
  *find({ graph }) {
    for (const allocation of allocationsIn(graph)) {
      if (!takesPortsOnce(graph, allocation)) {
        yield* clashesOf(graph, allocation);
      }
    }
    for (const service of sidecarServicesIn(graph)) {
      if (service.definition.Connect?.SidecarService?.Proxy?.Expose?.Path !== undefined) {
        yield* clashesOfExposedPaths(service);
      }
    }
  },
};

/** Envoy exposes a path on the port inside the allocation that its label stands for, on all addresses, whatever the path is. */
function* clashesOfExposedPaths({ at, group, definition }: SidecarService): Iterable<Finding> {
  const { Networks = [], Services = [] } = group;
  const ports = Networks.flatMap(({ ReservedPorts = [], DynamicPorts = [] }) => [...ReservedPorts, ...DynamicPorts]);
  const proxies = Services.map(({ Name = "", PortLabel, Connect }) => ({
    ...{ Name, PortLabel },
    ...Connect?.SidecarService?.Proxy,
  }));
  const owners = new Map<number, { readonly what: string; readonly label?: string }>();
  for (const { Name, PortLabel, LocalServicePort, Upstreams = [] } of proxies) {
    owners.set(LocalServicePort ?? Number(PortLabel), { what: `the service ${Name}` });
    for (const { DestinationName = "", LocalBindPort = 0 } of Upstreams) {
      owners.set(LocalBindPort, { what: `the upstream ${DestinationName}` });
    }
  }
  for (const { Name, Path = "", ListenerPort: label } of proxies.flatMap(({ Name, Expose }) =>
    (Expose?.Path ?? []).map((exposed) => ({ Name, ...exposed })),
  )) {
    const { To = -1, Value = -1 } = ports.find(({ Label }) => Label === label) ?? {};
    const inside = To > 0 ? To : Value;
    const owner = owners.get(inside);
    // Another check reports a label that is used for two paths.
    if (inside > 0 && owner !== undefined && owner.label !== label && Name === definition.Name) {
      yield {
        at,
        problem: `The exposed path ${Path} needs port ${inside}, to which the label "${label ?? ""}" maps, but that port is used by ${owner.what}.`,
        fix: "Map the label to an unused port, or omit its `to`.",
      };
    }
    owners.set(inside, { what: `the exposed path ${Path}`, label });
  }
}

/**
 * Whether no port is bound twice, and none of Envoy's own ports is used, even without comparing addresses. This is so in most
 * allocations.
 */
function takesPortsOnce(graph: Snapshot, allocation: readonly InstancesRecord[]): boolean {
  const taken = new Set<number>();
  let count = 0;
  for (const instances of allocation) {
    if (typeof instances.port === "number") {
      count++;
      taken.add(instances.port);
    }
    for (const { localBindPort } of graph.upstreamsOf(instances)) {
      if (localBindPort !== undefined) {
        if (localBindPort >= ENVOY_PORTS.first) {
          return false;
        }
        count++;
        taken.add(localBindPort);
      }
    }
  }
  return taken.size === count;
}

function* clashesOf(graph: Snapshot, allocation: readonly InstancesRecord[]): Iterable<Finding> {
  const owners = new Map<string, string>();
  const nameOf = ({ service }: InstancesRecord) => graph.data.members.get(service)?.name ?? "";
  for (const instances of allocation) {
    const { port } = instances;
    if (typeof port === "number" && !isToken(port)) {
      const owner = owners.get(`127.0.0.1:${port}`);
      if (owner !== undefined) {
        yield {
          at: instances.key,
          problem: `The port ${port} of ${nameOf(instances)} is used by ${owner} in the same group.`,
          fix: "Change one of the two ports: the services share a network namespace.",
        };
      }
      owners.set(`127.0.0.1:${port}`, allocation.length === 1 ? "the service itself" : nameOf(instances));
    }
  }
  for (const instances of allocation) {
    for (const upstream of graph.upstreamsOf(instances)) {
      yield* clashOf(instances, upstream, owners);
    }
  }
}

function* clashOf(
  { key }: InstancesRecord,
  { localBindPort, destination, options }: UpstreamRecord,
  owners: Map<string, string>,
): Iterable<Finding> {
  if (localBindPort === undefined || isToken(localBindPort)) {
    return;
  }
  const place = `${options.localBindAddress ?? "127.0.0.1"}:${localBindPort}`;
  const owner = owners.get(place);
  if (owner !== undefined) {
    yield {
      at: key,
      problem: `The local port ${localBindPort} for ${destination.service} is used by ${owner}.`,
      fix: "Set another localBindPort, or omit it to have one assigned.",
    };
  }
  if (localBindPort >= ENVOY_PORTS.first && localBindPort <= ENVOY_PORTS.last) {
    yield {
      at: key,
      problem: `The local port ${localBindPort} for ${destination.service} is reserved for Envoy (${ENVOY_PORTS.first} to ${ENVOY_PORTS.last}).`,
      fix: "Set another localBindPort, or omit it to have one assigned.",
    };
  }
  owners.set(place, `the upstream ${destination.service}`);
}

const publishedPortClash: Check = {
  id: "published-port-clash",
  reason: "A port can be used once per node, so Nomad could not place the second service.",
  level: "error",
  *find({ graph }) {
    const owners = new Map<string, HostPort[]>();
    for (const hostPort of hostPortsIn(graph)) {
      if (isToken(hostPort.port)) {
        continue;
      }
      const key = `${hostPort.nomad}/${hostPort.port}`;
      const owner = owners.get(key)?.find((other) => other.group !== hostPort.group && mayShareNodes(other, hostPort));
      if (owner !== undefined) {
        yield {
          at: hostPort.at,
          problem: `It publishes port ${hostPort.port}, which ${describePath(owner.at)} also publishes.`,
          fix: "Publish another port, or run one of them in another node pool or datacenter.",
        };
      }
      append(owners, key, hostPort);
    }
  },
};

/** A port of the node that a job uses, and the nodes on which it can run. */
interface HostPort {
  /** Path of the construct. */
  readonly at: string;
  /** Job and group. */
  readonly group: string;
  readonly port: number;
  readonly nomad: string;
  readonly nodePool: string;
  readonly datacenters: readonly string[];
  /** Admin partition of Consul, which each node has one of. @default any */
  readonly partition?: string;
}

/** Yields the ports of nodes that jobs use. */
function* hostPortsIn(graph: Snapshot): Iterable<HostPort> {
  for (const { job, rendered } of jobsIn(graph)) {
    const { NodePool: nodePool = "default", Datacenters: datacenters = ["*"], TaskGroups = [] } = rendered;
    const nomad = graph.nomadOf(job);
    for (const { Name = "", Networks = [], Consul } of TaskGroups) {
      for (const { Value: port, HostNetwork = "default" } of Networks.flatMap(
        ({ ReservedPorts }) => ReservedPorts ?? [],
      )) {
        if (port !== undefined && !isToken(port)) {
          const place = { nomad: `${nomad}/${HostNetwork}`, nodePool, datacenters, partition: Consul?.Partition };
          yield { at: job.key, group: `${job.key}/${Name}`, port, ...place };
        }
      }
    }
  }
}

/** Whether both could run on the same node. The pool `all` contains all nodes. */
function mayShareNodes(left: HostPort, right: HostPort): boolean {
  if (left.partition !== undefined && right.partition !== undefined && left.partition !== right.partition) {
    return false;
  }
  const pools = [left.nodePool, right.nodePool];
  return (
    (pools[0] === pools[1] || pools.includes("all")) &&
    left.datacenters.some((one) => right.datacenters.some((other) => mayMatchAlike(one, other)))
  );
}

/** Whether a name can match both patterns, in which `*` stands for any text. For two patterns with `*`, this is assumed. */
function mayMatchAlike(left: string, right: string): boolean {
  const isPattern = (name: string) => name.includes("*") || isToken(name);
  if (isPattern(left) || isPattern(right)) {
    return (isPattern(left) && isPattern(right)) || matches(left, right) || matches(right, left);
  }
  return left === right;
}

function matches(pattern: string, name: string): boolean {
  const [first, ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) {
    return pattern === name;
  }
  if (!name.startsWith(first)) {
    return false;
  }
  let from = first.length;
  for (const part of others) {
    const index = name.indexOf(part, from);
    if (index < 0) {
      return false;
    }
    from = index + part.length;
  }
  return name.length - last.length >= from && name.endsWith(last);
}

export const portChecks: readonly Check[] = [portRange, localBindClash, publishedPortClash];
