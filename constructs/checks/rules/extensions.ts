import { Protocol } from "../../consul/protocol";
import { extensionsOf, type ExtensionFacts } from "../../consul/extensions/facts";
import type * as consul from "../../consul/generated/config-entries";
import { describePath } from "../../core/errors";
import { isToken } from "../../core/token";
import type { Cluster } from "../../model/cluster";
import type { ExternalServiceRecord, ServiceRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check } from "../check";
import { once, sidecarServicesIn } from "./records";

/** A service with the extensions of its Envoys. */
interface Extended {
  readonly cluster: Cluster;
  readonly service: ServiceRecord | ExternalServiceRecord;
  readonly extension: ExtensionFacts;
  /** Whether the extension is in proxy-defaults, and so applies to all services. */
  readonly isOfMesh: boolean;
}

const extendedIn = once((graph): readonly Extended[] =>
  graph.clusters.flatMap((cluster) => {
    const ofMesh = extensionsOf(fieldsOf(graph, cluster, { kind: "proxy-defaults", name: "global" })?.EnvoyExtensions);
    return cluster.members
      .filter((member) => member.kind === "service" || member.kind === "external service")
      .flatMap((service): Extended[] => {
        const defaults = fieldsOf(graph, cluster, { kind: "service-defaults", name: service.name });
        return [
          ...ofMesh.map((extension) => ({ cluster, service, extension, isOfMesh: true })),
          ...extensionsOf(defaults?.EnvoyExtensions).map((extension) => ({
            ...{ cluster, service, extension, isOfMesh: false },
          })),
        ];
      });
  }),
);

function fieldsOf(
  graph: Snapshot,
  cluster: Cluster,
  key: { readonly kind: "proxy-defaults" | "service-defaults"; readonly name: string },
) {
  return graph.entryOf(cluster, key) as consul.ServiceConfigEntry | consul.ProxyConfigEntry | undefined;
}

const extensionTarget: Check = {
  id: "extension-target",
  reason: "An extension of Envoy can only call upstreams of its service: without the upstream, Consul cannot apply it.",
  level: "error",
  *find({ graph }) {
    for (const { cluster, service, extension, isOfMesh } of extendedIn(graph)) {
      const { calls, name } = extension;
      if (calls === undefined || service.kind !== "service") {
        continue;
      }
      for (const instances of graph.instancesOf(service.key).filter(({ proxy }) => proxy === "sidecar")) {
        const names = graph.upstreamsOf(instances).map(({ destination }) => destination.service);
        if (!names.includes(calls.service)) {
          yield {
            at: instances.key,
            problem: `The extension ${name} of ${isOfMesh ? "the mesh" : service.name} calls ${calls.service}, which is not an upstream of ${service.name}.`,
            fix:
              isOfMesh && calls.service === service.name
                ? "Set the extension at the services that need it, instead of the mesh."
                : `Connect it with connectTo(${cluster.findService(calls.service) === undefined ? `"${calls.service}"` : calls.service}).`,
          };
        }
      }
    }
  },
};

const extensionProtocol: Check = {
  id: "extension-protocol",
  reason: "Consul does not apply an extension to a service with an unsuitable protocol, and reports nothing.",
  level: "error",
  *find({ graph }) {
    for (const { cluster, service, extension, isOfMesh } of extendedIn(graph)) {
      const { name, calls, needs } = extension;
      // One of the mesh applies to those services that it fits.
      if (!isOfMesh && needs !== undefined && !fits(service.protocol, needs)) {
        yield {
          at: service.key,
          problem: `The extension ${name} has no effect on ${service.name}, whose protocol is ${service.protocol}.`,
          fix: `Use ${NEEDS[needs]}, or omit the extension.`,
        };
      }
      const target = calls && cluster.findService(calls.service);
      if (calls !== undefined && target !== undefined && !CALLED_WITH[calls.protocol].includes(target.protocol)) {
        yield {
          at: service.key,
          problem: `The extension ${name} of ${service.name} calls ${target.name} by ${calls.protocol === "grpc" ? "gRPC" : "HTTP"}, but the protocol of ${target.name} is ${target.protocol}.`,
          fix: `Set the protocol ${CALLED_WITH[calls.protocol].join(" or ")} at ${describePath(target.key)}.`,
        };
      }
    }
  },
};

const NEEDS = { http: "the protocol http, http2 or grpc", "HTTP/1.1": "the protocol http", tcp: "the protocol tcp" };
const CALLED_WITH: Readonly<Record<"http" | "grpc", readonly Protocol[]>> = {
  http: [Protocol.HTTP],
  grpc: [Protocol.GRPC, Protocol.HTTP2],
};

function fits(protocol: Protocol, needs: keyof typeof NEEDS): boolean {
  if (isToken(protocol)) {
    return true;
  }
  return needs === "http" ? protocol !== Protocol.TCP : protocol === (needs === "tcp" ? Protocol.TCP : Protocol.HTTP);
}

const authorizationFailsOpen: Check = {
  id: "ext-authz-fails-open",
  reason:
    "Unless the extension is required, Envoy allows every request while the authorization service does not answer.",
  level: "warning",
  *find({ graph }) {
    for (const { service, extension, isOfMesh } of extendedIn(graph)) {
      if (extension.name === "builtin/ext-authz" && !extension.isRequired) {
        yield {
          at: isOfMesh ? service.mesh : service.key,
          problem: `Requests ${extension.listener === "outbound" ? "from" : "to"} ${isOfMesh ? "the services of the mesh" : service.name} are allowed while the authorization service does not answer.`,
          fix: "Set required: true, or silence this check with the reason.",
        };
        if (isOfMesh) return;
      }
    }
  },
};

const wasmRuntime: Check = {
  id: "wasm-runtime",
  reason: "An Envoy without the runtime of a Wasm module refuses the listener, so nothing can reach the service.",
  level: "warning",
  *find({ graph }) {
    const hosts = new Set(
      sidecarServicesIn(graph)
        .filter(({ definition }) => !["", "docker"].includes(definition.Connect?.SidecarTask?.Driver ?? ""))
        .map(({ definition }) => definition.Name),
    );
    for (const { service, extension } of extendedIn(graph)) {
      const { runtime } = extension;
      if (runtime === undefined || service.kind !== "service") {
        continue;
      }
      if (runtime !== "v8") {
        yield {
          at: service.key,
          problem: `The Wasm extension of ${service.name} needs an Envoy that was built with ${runtime}; released ones contain only v8.`,
          fix: `Use such an Envoy (Sidecar.docker({ image })), or a module for v8.`,
        };
      } else if (hosts.has(service.name)) {
        yield {
          at: service.key,
          problem: `The Wasm extension of ${service.name} needs an Envoy that was built with v8, and its sidecar runs the host's Envoy.`,
          fix: "Install a release of the Envoy project, which contains v8, or use Sidecar.docker(). The Envoy of the lab has no v8.",
        };
      }
    }
  },
};

export const extensionChecks: readonly Check[] = [
  extensionTarget,
  extensionProtocol,
  authorizationFailsOpen,
  wasmRuntime,
];
