import { ANY_SERVICE } from "../../consul/service-intentions";
import { describe } from "../../core/errors";
import { isFrontGateway } from "../../mesh/gateways/front-gateway";
import { Gateway } from "../../mesh/gateways/gateway";
import { peerOf, type IMeshMember, type IMeshService } from "../../mesh/mesh-member";
import { MeshService } from "../../mesh/mesh-service";
import type { ServiceMesh } from "../../mesh/service-mesh";
import { destinationsOf } from "../../mesh/traffic/chain";
import { isTrafficOwner } from "../../mesh/traffic/service-traffic";
import type { Check, CheckedApp } from "../check";
import { closestAmong } from "../closest";

const unknownService: Check = {
  id: "unknown-service",
  reason: "Consul takes any name for an upstream or a source; a misspelt one is found by nobody.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      const closestService = closestAmong(
        [...mesh.services, ...mesh.virtualServices, ...mesh.externalServices].map(({ serviceName }) => serviceName),
      );
      const closestMember = closestAmong(mesh.members.map(({ serviceName }) => serviceName));
      for (const { source, destinationName, destination } of linksOf({ meshes: [mesh] })) {
        if (destination === undefined) {
          yield {
            construct: source,
            problem: `It connects to "${destinationName}", which is no service of this mesh.`,
            fix: `${closestService(destinationName)} A service of another team comes from MeshService.fromServiceName.`,
          };
        }
      }
      for (const { scope, source, sourceName, isWildcard, options } of mesh.intentions) {
        const isOwn = typeof source === "string" && !isWildcard && options.peer === undefined;
        if (isOwn && mesh.find(sourceName) === undefined) {
          yield {
            construct: scope,
            problem: `It lets in "${sourceName}", which is no service of this mesh.`,
            fix: `${closestMember(sourceName)} A service of another team comes from MeshService.fromServiceName.`,
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
    for (const { source, destination, isRoute } of linksOf(app)) {
      if (destination?.mesh === undefined) {
        continue; // Unknown, which another check reports; or another team's, who says itself whom it lets in.
      }
      const { mesh, serviceName } = destination;
      const peer = source.mesh && peerOf(source.mesh, mesh);
      if (![source.serviceName, ANY_SERVICE].some((name) => admitted.get(mesh)?.has(pair(name, serviceName, peer)))) {
        yield {
          construct: source,
          problem: `It ${isRoute ? "leads" : "has an upstream"} to ${destination.serviceName}, but no intention lets it in.`,
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
    const connected = connectedIn({ meshes });
    for (const mesh of meshes) {
      for (const { scope, source, sourceName, destinationName, isWildcard, options } of mesh.intentions) {
        const home = typeof source === "string" || source.mesh === undefined ? mesh : source.mesh;
        const isForeign = home === mesh && options.peer !== undefined;
        const from = isForeign ? undefined : home.find(sourceName);
        if (
          isWildcard ||
          from === undefined ||
          reachesByItself(from) ||
          connected.get(mesh)?.has(pair(sourceName, destinationName, peerOf(home, mesh)))
        ) {
          continue;
        }
        yield from instanceof Gateway
          ? {
              construct: scope,
              problem: `The ${from.kind} ${sourceName} may reach ${destinationName}, but does not lead there.`,
              fix: "Use connectTo, add a route with addRoute, or take the intention away.",
            }
          : {
              construct: scope,
              problem: `${sourceName} may reach ${destinationName}, but has no upstream to it.`,
              fix: "Use connectTo, add the upstream with addUpstream, or take the intention away.",
            };
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
    for (const service of meshes.flatMap((mesh) => mesh.serviceJobs)) {
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

const conflictingUpstream: Check = {
  id: "conflicting-upstream",
  reason:
    "Consul takes an upstream of a service once, so that what a version has from its service and its own must agree.",
  level: "error",
  *find({ meshes }) {
    for (const version of meshes.flatMap((mesh) => mesh.services).flatMap(({ versions }) => versions)) {
      for (const own of version.ownUpstreams) {
        const contradiction = version.inheritedUpstreams.find(({ id }) => id === own.id)?.contradictionWith(own);
        if (contradiction !== undefined) {
          yield {
            construct: version,
            problem: `Its upstream ${own.destinationName}, which it also has from ${describe(version.service)}, is given ${contradiction}.`,
            fix: "Keep one of the two, or set inheritConnections: false.",
          };
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
  const followed = [...mesh.followedIntentions.values()].flat();
  return new Set(
    [...mesh.intentions, ...followed].map((it) => pair(it.sourceName, it.destinationName, it.options.peer)),
  );
}

/** Who leads to a service of each mesh, or to a name that leads there. Sets, since they are asked once for each intention. */
function connectedIn({ meshes }: Pick<CheckedApp, "meshes">): ReadonlyMap<ServiceMesh, ReadonlySet<string>> {
  const connected = new Map(meshes.map((mesh) => [mesh, new Set<string>()]));
  for (const origin of meshes) {
    const add = (source: IMeshMember, mesh: ServiceMesh, destinationName: string) =>
      connected.get(mesh)?.add(pair(source.serviceName, destinationName, peerOf(origin, mesh)));
    for (const { source, destinationName, destination } of linksOf({ meshes: [origin] })) {
      const end = destination?.mesh ?? origin;
      add(source, end, destinationName);
      const owner = end.find(destinationName);
      for (const { mesh, service } of owner === undefined || !isTrafficOwner(owner) ? [] : destinationsOf(owner)) {
        add(source, mesh, service);
      }
    }
  }
  return connected;
}

/** @param peer the cluster of the source, where that is another one */
function pair(sourceName: string, destinationName: string, peer: string | undefined): string {
  return `${peer ?? ""}/${sourceName}/${destinationName}`;
}

/** How services find each other, and how gateways find them. */
function* linksOf({ meshes }: Pick<CheckedApp, "meshes">): Iterable<Link> {
  for (const { source, destinationName, destination } of upstreamsOf({ meshes })) {
    yield { source, destinationName, destination, isRoute: false };
  }
  for (const source of meshes.flatMap((mesh) => mesh.gateways).filter(isFrontGateway)) {
    for (const [destinationName, destination] of source.routes.flatMap((route) => source.destinationsOf(route))) {
      yield { source, destinationName, destination, isRoute: true };
    }
  }
}

interface Link {
  readonly source: IMeshMember;
  readonly destinationName: string;
  readonly destination: IMeshService | undefined;
  /** Whether it is a gateway's. */
  readonly isRoute: boolean;
}

function* upstreamsOf({ meshes }: Pick<CheckedApp, "meshes">) {
  for (const source of meshes.flatMap((mesh) => mesh.serviceJobs)) {
    // What a version has from its service is said once, at the service.
    for (const upstream of source.upstreams.filter((it) => it.source === source)) {
      const { destinationName, destination, localBindPort } = upstream;
      yield { source, destinationName, destination, localBindPort };
    }
  }
}

/** Whether a member of the mesh is a service that needs no upstream to reach another. */
function reachesByItself(member: IMeshMember): boolean {
  if (!(member instanceof MeshService)) {
    return !(member instanceof Gateway);
  }
  const { connectNative, transparentProxy } = member.props;
  return connectNative === true || transparentProxy !== undefined;
}

export const connectionChecks: readonly Check[] = [
  unknownService,
  upstreamWithoutIntention,
  intentionWithoutUpstream,
  nativeWithLocalBind,
  environmentClash,
  conflictingUpstream,
  unreachableService,
];
