import { Token } from "cdktf";
import type { IConstruct } from "constructs";
import { describe } from "../../core/errors";
import { Gateway } from "../../mesh/gateways/gateway";
import type { ServiceMesh } from "../../mesh/service-mesh";
import type { ServiceJob } from "../../mesh/service-job";
import { withoutUndefined } from "../../core/without-undefined";
import type { Check, Finding } from "../check";
import { nomadClusterOf } from "../same-cluster";

/** Nomad gives each Envoy of an allocation an admin port from 19000 up and a readiness port from 19100 up. */
const ENVOY_PORTS = { first: 19_000, last: 19_199 };

const portRange: Check = {
  id: "port-range",
  reason: "A port is a number from 1 to 65535.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.serviceJobs)) {
      for (const [what, port] of portsOf(service)) {
        if (!isPort(port)) {
          yield { construct: service, problem: `${what} is ${port}.`, fix: "Use a whole number from 1 to 65535." };
        }
      }
    }
    for (const gateway of meshes.flatMap((mesh) => mesh.gateways)) {
      for (const port of gateway.hostPorts.filter((each) => !isPort(each))) {
        yield { construct: gateway, problem: `A port is ${port}.`, fix: "Use a whole number from 1 to 65535." };
      }
    }
    for (const service of meshes.flatMap((mesh) => mesh.externalServices)) {
      const { port } = service.props;
      if (!isPort(port)) {
        yield { construct: service, problem: `port is ${port}.`, fix: "Use a whole number from 1 to 65535." };
      }
    }
  },
};

function isPort(port: number): boolean {
  return Token.isUnresolved(port) || (Number.isInteger(port) && port >= 1 && port <= 65_535);
}

const localBindClash: Check = {
  id: "local-bind-clash",
  reason: "In one allocation a port is bound once: Envoy would not start, or would shadow the service.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.serviceJobs)) {
      yield* clashesOf(service);
    }
  },
};

function* clashesOf(service: ServiceJob): Iterable<Finding> {
  const owners = new Map<number, string>([[service.props.port, "the service itself"]]);
  for (const { localBindPort, destinationName } of service.upstreams) {
    if (localBindPort === undefined || Token.isUnresolved(localBindPort)) {
      continue;
    }
    const owner = owners.get(localBindPort);
    if (owner !== undefined) {
      yield {
        construct: service,
        problem: `Local port ${localBindPort} is to be bound for ${destinationName}, but is taken by ${owner}.`,
        fix: "Give the connection another localBindPort, or none to have one chosen.",
      };
    }
    if (localBindPort >= ENVOY_PORTS.first && localBindPort <= ENVOY_PORTS.last) {
      yield {
        construct: service,
        problem: `Local port ${localBindPort} for ${destinationName} is one of Envoy's own (${ENVOY_PORTS.first} to ${ENVOY_PORTS.last}).`,
        fix: "Give the connection another localBindPort, or none to have one chosen.",
      };
    }
    owners.set(localBindPort, `the upstream ${destinationName}`);
  }
}

const publishedPortClash: Check = {
  id: "published-port-clash",
  reason: "A node has a port once: the second service would find no node to run on.",
  level: "error",
  *find({ meshes }) {
    const owners = new Map<string, HostPort[]>();
    for (const hostPort of meshes.flatMap((mesh) => [...hostPortsOf(mesh)])) {
      const key = `${hostPort.cluster}/${hostPort.port}`;
      const others = owners.get(key) ?? [];
      const owner = others.find((other) => mayShareNodes(other, hostPort));
      if (owner !== undefined) {
        yield {
          construct: hostPort.construct,
          problem: `It publishes port ${hostPort.port}, which ${describe(owner.construct)} publishes already.`,
          fix: "Publish another port, or run one of them in another node pool or datacenter.",
        };
      }
      owners.set(key, [...others, hostPort]);
    }
  },
};

/** A port of nodes that a job takes, and which nodes those may be. */
interface HostPort {
  readonly construct: IConstruct;
  readonly port: number;
  readonly cluster: string;
  readonly nodePool: string;
  readonly datacenters: readonly string[];
}

/** The ports that a mesh takes on nodes. */
function* hostPortsOf(mesh: ServiceMesh): Iterable<HostPort> {
  const cluster = nomadClusterOf(mesh);
  const { jobDefaults } = mesh;
  for (const construct of [...mesh.serviceJobs, ...mesh.gateways]) {
    const { nodePool = "default", nomadDatacenters = ["*"] } = { ...jobDefaults, ...withoutUndefined(construct.props) };
    for (const port of construct instanceof Gateway ? construct.hostPorts : [construct.props.publish]) {
      if (port !== undefined && !Token.isUnresolved(port)) {
        yield { construct, port, cluster, nodePool, datacenters: nomadDatacenters };
      }
    }
  }
}

/** Whether there may be a node on which both could run. The pool `all` is every pool. */
function mayShareNodes(left: HostPort, right: HostPort): boolean {
  const pools = [left.nodePool, right.nodePool];
  return (
    (pools[0] === pools[1] || pools.includes("all")) &&
    left.datacenters.some((one) => right.datacenters.some((other) => mayMatchAlike(one, other)))
  );
}

/** Whether a name exists that both match, where `*` stands for any text; of two such patterns it is assumed. */
function mayMatchAlike(left: string, right: string): boolean {
  const isPattern = (name: string) => name.includes("*") || Token.isUnresolved(name);
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

function portsOf({ props, upstreams }: ServiceJob): [what: string, port: number][] {
  return [
    ["port", props.port],
    ...(props.publish === undefined ? [] : ([["publish", props.publish]] as [string, number][])),
    ...upstreams.flatMap(({ localBindPort, destinationName }): [string, number][] =>
      localBindPort === undefined ? [] : [[`The localBindPort for ${destinationName}`, localBindPort]],
    ),
  ];
}

export const portChecks: readonly Check[] = [portRange, localBindClash, publishedPortClash];
