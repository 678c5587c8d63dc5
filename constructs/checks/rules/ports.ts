import { Token } from "cdktf";
import type { IConstruct } from "constructs";
import { describe } from "../../errors";
import { Gateway } from "../../mesh/gateways/gateway";
import type { ServiceMesh } from "../../mesh/service-mesh";
import type { ServiceJob } from "../../mesh/service-job";
import type { Check, Finding } from "../check";

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
    for (const mesh of meshes) {
      const owners = new Map<string, IConstruct>();
      for (const { construct, nodePool, port } of hostPortsOf(mesh)) {
        const key = `${nodePool}/${port}`;
        const owner = owners.get(key);
        if (owner !== undefined) {
          yield {
            construct,
            problem: `It publishes port ${port}, which ${describe(owner)} publishes already.`,
            fix: "Publish another port, or run one of them in another node pool.",
          };
        }
        owners.set(key, construct);
      }
    }
  },
};

/** The ports that a mesh takes on the nodes of a pool. */
function* hostPortsOf({ serviceJobs, gateways, jobDefaults }: ServiceMesh) {
  for (const member of [...serviceJobs, ...gateways]) {
    const ports = member instanceof Gateway ? member.hostPorts : [member.props.publish];
    const nodePool = member.props.nodePool ?? jobDefaults.nodePool ?? "default";
    for (const port of ports) {
      if (port !== undefined && !Token.isUnresolved(port)) {
        yield { construct: member, nodePool, port };
      }
    }
  }
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
