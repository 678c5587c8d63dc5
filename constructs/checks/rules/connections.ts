import { ANY_SERVICE } from "../../consul/service-intentions";
import { describe } from "../../errors";
import type { MeshService } from "../../mesh/mesh-service";
import type { ServiceMesh } from "../../mesh/service-mesh";
import type { Check, CheckedApp } from "../check";
import { closestAmong } from "../closest";

const unknownService: Check = {
  id: "unknown-service",
  reason: "Consul takes any name for an upstream or a source; a misspelt one is found by nobody.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      const closest = closestAmong(mesh.services.map(({ serviceName }) => serviceName));
      for (const { source, destinationName, destination } of upstreamsOf({ meshes: [mesh] })) {
        if (destination === undefined) {
          yield {
            construct: source,
            problem: `It connects to "${destinationName}", which is no service of this mesh.`,
            fix: `${closest(destinationName)} A service of another team comes from MeshService.fromServiceName.`,
          };
        }
      }
      for (const { scope, source, sourceName, isWildcard } of mesh.intentions) {
        if (typeof source === "string" && !isWildcard && mesh.findService(sourceName) === undefined) {
          yield {
            construct: scope,
            problem: `It lets in "${sourceName}", which is no service of this mesh.`,
            fix: `${closest(sourceName)} A service of another team comes from MeshService.fromServiceName.`,
          };
        }
      }
    }
  },
};

const upstreamWithoutIntention: Check = {
  id: "upstream-without-intention",
  reason: "The mesh denies by default: an upstream alone ends in a refused connection.",
  level: "error",
  *find(app) {
    const admitted = new Map(app.meshes.map((mesh) => [mesh, admittedTo(mesh)]));
    for (const { source, destination } of upstreamsOf(app)) {
      if (destination?.mesh === undefined) {
        continue; // Unknown, which another check reports; or another team's, who says itself whom it lets in.
      }
      const { mesh, serviceName } = destination;
      if (![source.serviceName, ANY_SERVICE].some((name) => admitted.get(mesh)?.has(pair(name, serviceName)))) {
        yield {
          construct: source,
          problem: `It has an upstream to ${destination.serviceName}, but no intention lets it in.`,
          fix: `Use connectTo, or say it at ${describe(destination)} with allowFrom.`,
        };
      }
    }
  },
};

const intentionWithoutUpstream: Check = {
  id: "intention-without-upstream",
  reason: "Authority that nobody uses is a door left open.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      const connected = connectedIn(mesh);
      for (const { scope, source, sourceName, destinationName, isWildcard } of mesh.intentions) {
        const from = typeof source === "string" ? mesh.findService(sourceName) : mesh.findService(source.serviceName);
        if (isWildcard || from === undefined || reachesByItself(from)) {
          continue;
        }
        if (!connected.has(pair(from.serviceName, destinationName))) {
          yield {
            construct: scope,
            problem: `${sourceName} may reach ${destinationName}, but has no upstream to it.`,
            fix: "Use connectTo, add the upstream with addUpstream, or take the intention away.",
          };
        }
      }
    }
  },
};

const nativeWithLocalBind: Check = {
  id: "native-with-local-bind",
  reason: "A service that speaks mutual TLS by itself has no Envoy that could listen for its upstreams.",
  level: "error",
  *find(app) {
    for (const { source, destinationName, localBindPort } of upstreamsOf(app)) {
      if (source.props.connectNative === true && localBindPort !== undefined) {
        yield {
          construct: source,
          problem: `It is Connect native and binds port ${localBindPort} for ${destinationName}, where nothing will listen.`,
          fix: "Leave localBindPort away, or give it a sidecar.",
        };
      }
    }
  },
};

const environmentClash: Check = {
  id: "environment-clash",
  reason: "A variable has one value: the other upstream would not be found.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      const owners = new Map<string, string>();
      for (const { options, destinationName } of service.upstreams) {
        const owner = options.env === undefined ? undefined : owners.get(options.env);
        if (options.env !== undefined && owner !== undefined) {
          yield {
            construct: service,
            problem: `The variable ${options.env} is to name both ${owner} and ${destinationName}.`,
            fix: "Give one of the connections another env.",
          };
        }
        if (options.env !== undefined) {
          owners.set(options.env, destinationName);
        }
      }
    }
  },
};

const unreachableService: Check = {
  id: "unreachable-service",
  reason: "The mesh denies by default: a service that nothing is allowed to reach runs for nobody.",
  level: "warning",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      if (service.props.publish === undefined && service.mesh.intentionsFor(service.serviceName).length === 0) {
        yield {
          construct: service,
          problem: `Nothing may reach ${service.serviceName}: no intention lets any service in, and it publishes no port.`,
          fix: `Connect a service to it: x.connectTo(…), or publish it.`,
        };
      }
    }
  },
};

/** Who may reach whom. A set, since it is asked once for each upstream. */
function admittedTo(mesh: ServiceMesh): ReadonlySet<string> {
  return new Set(mesh.intentions.map(({ sourceName, destinationName }) => pair(sourceName, destinationName)));
}

/** Who has an upstream to whom. A set, since it is asked once for each intention. */
function connectedIn({ services }: ServiceMesh): ReadonlySet<string> {
  return new Set(
    services.flatMap(({ serviceName, upstreams }) =>
      upstreams.map(({ destinationName }) => pair(serviceName, destinationName)),
    ),
  );
}

function pair(sourceName: string, destinationName: string): string {
  return `${sourceName}/${destinationName}`;
}

function* upstreamsOf({ meshes }: Pick<CheckedApp, "meshes">) {
  for (const source of meshes.flatMap((mesh) => mesh.services)) {
    for (const upstream of source.upstreams) {
      const { destinationName, destination, localBindPort } = upstream;
      yield { source, destinationName, destination, localBindPort };
    }
  }
}

/** Whether a service needs no upstream to reach another. */
function reachesByItself({ props }: MeshService): boolean {
  return props.connectNative === true || props.transparentProxy !== undefined;
}

export const connectionChecks: readonly Check[] = [
  unknownService,
  upstreamWithoutIntention,
  intentionWithoutUpstream,
  nativeWithLocalBind,
  environmentClash,
  unreachableService,
];
