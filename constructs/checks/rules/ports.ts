import { Token } from "cdktf";
import { describe } from "../../errors";
import type { MeshService } from "../../mesh/mesh-service";
import type { Check, Finding } from "../check";

/** Nomad gives each Envoy of an allocation an admin port from 19000 up and a readiness port from 19100 up. */
const ENVOY_PORTS = { first: 19_000, last: 19_199 };

const portRange: Check = {
  id: "port-range",
  reason: "A port is a number from 1 to 65535.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      for (const [what, port] of portsOf(service)) {
        if (!Token.isUnresolved(port) && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
          yield { construct: service, problem: `${what} is ${port}.`, fix: "Use a whole number from 1 to 65535." };
        }
      }
    }
  },
};

const localBindClash: Check = {
  id: "local-bind-clash",
  reason: "In one allocation a port is bound once: Envoy would not start, or would shadow the service.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      yield* clashesOf(service);
    }
  },
};

function* clashesOf(service: MeshService): Iterable<Finding> {
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
      const owners = new Map<number, MeshService>();
      for (const service of mesh.services) {
        const { publish } = service.props;
        if (publish === undefined || Token.isUnresolved(publish)) {
          continue;
        }
        const owner = owners.get(publish);
        if (owner !== undefined) {
          yield {
            construct: service,
            problem: `It publishes port ${publish}, which ${describe(owner)} publishes already.`,
            fix: "Publish another port.",
          };
        }
        owners.set(publish, service);
      }
    }
  },
};

function portsOf({ props, upstreams }: MeshService): [what: string, port: number][] {
  return [
    ["port", props.port],
    ...(props.publish === undefined ? [] : ([["publish", props.publish]] as [string, number][])),
    ...upstreams.flatMap(({ localBindPort, destinationName }): [string, number][] =>
      localBindPort === undefined ? [] : [[`The localBindPort for ${destinationName}`, localBindPort]],
    ),
  ];
}

export const portChecks: readonly Check[] = [portRange, localBindClash, publishedPortClash];
