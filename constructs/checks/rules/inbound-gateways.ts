import { X509Certificate } from "node:crypto";
import { isUnknown } from "../../core/collections";
import { Protocol } from "../../consul/protocol";
import { isHostName, isHostOfRequests } from "../../core/domain-name";
import type { GatewayRecord, GatewayRouteRecord, ListenerRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check } from "../check";
import { describePath } from "../../core/errors";
import { gatewaysIn } from "./records";

const duplicateListener: Check = {
  id: "duplicate-listener",
  reason: "A gateway can use a port for one listener, and a port of the node for one gateway.",
  level: "error",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      const inside = new Set<number>();
      const outside = new Set<number>();
      for (const { port, hostPort } of gateway.listeners) {
        if (inside.has(port) || outside.has(hostPort)) {
          yield {
            at: gateway.key,
            problem: inside.has(port)
              ? `Two of its listeners are on port ${port}.`
              : `Two of its listeners use port ${hostPort} of the node.`,
            fix: "Use a different port for each; one http listener can serve many hosts.",
          };
        }
        inside.add(port);
        outside.add(hostPort);
      }
    }
  },
};

const listenerWithoutRoute: Check = {
  id: "listener-without-route",
  reason: "Envoy does not open a listener without a route, and Consul refuses such an ingress gateway.",
  level: "error",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      for (const { port } of gateway.listeners) {
        if (!graph.routesOf(gateway.key).some(({ listener }) => listener === port)) {
          yield {
            at: gateway.key,
            problem: `Its listener on port ${port} has no service.`,
            fix: `Connect it: connectTo(…, { listener: ${port} }), or remove the listener.`,
          };
        }
      }
    }
  },
};

const gatewayProtocol: Check = {
  id: "gateway-protocol",
  reason: "Consul routes a listener only to services with the same protocol; routes of API gateways are http or tcp.",
  level: "error",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      const cluster = graph.clusterOf(gateway.mesh);
      for (const { listener, route } of routesOf(graph, gateway)) {
        for (const target of route.targets) {
          const service = graph.resolve(cluster, target);
          if (service !== undefined && service.protocol !== listener.protocol) {
            yield {
              at: gateway.key,
              problem: `Its listener on port ${listener.port} has the protocol ${listener.protocol}, but ${target.service} has ${service.protocol}.`,
              fix: fixOfProtocol(gateway, service.protocol, describePath(service.key)),
            };
          }
        }
      }
    }
  },
};

function fixOfProtocol({ gatewayKind }: GatewayRecord, protocol: Protocol, service: string): string {
  const isApiGateway = gatewayKind === "API gateway";
  return isApiGateway && (protocol === Protocol.HTTP2 || protocol === Protocol.GRPC)
    ? `An API gateway has no listener for ${protocol}: set another protocol at ${service}, or use an ingress gateway.`
    : `Use ${isApiGateway ? "ApiGatewayListener" : "IngressListener"}.${protocol}, or set another protocol at ${service}.`;
}

const duplicateRoute: Check = {
  id: "duplicate-route",
  reason: "Of two equal routes it is undefined which one applies, and Consul refuses equal hosts.",
  level: "error",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      const owners = new Map<string, string>();
      for (const { listener, route } of routesOf(graph, gateway)) {
        const names = route.targets.map(({ service }) => service);
        for (const claim of route.claims) {
          const key = `${listener.port}/${claim}`;
          const owner = owners.get(key);
          if (owner !== undefined) {
            yield {
              at: gateway.key,
              problem: `Its listener on port ${listener.port} routes ${claim} both to ${owner} and to ${names.join(", ")}.`,
              fix: "Use different hosts or a different match for one of them.",
            };
          }
          owners.set(key, names.join(", "));
        }
      }
    }
  },
};

const gatewayHost: Check = {
  id: "gateway-host",
  reason: "Consul refuses an invalid host, and no request arrives for one that the listener does not accept.",
  level: "error",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      for (const { listener, route } of routesOf(graph, gateway)) {
        for (const host of route.hosts) {
          const problem = isUnknown(host)
            ? undefined
            : gateway.gatewayKind === "API gateway"
              ? problemOfApiHost(listener, host)
              : problemOfIngressHost(listener, host);
          if (problem !== undefined) {
            yield { at: gateway.key, problem: problem[0], fix: problem[1] };
          }
        }
      }
    }
  },
};

const inlineCertificate: Check = {
  id: "inline-certificate",
  reason: "Anyone who can read Terraform's state, or Consul's configuration, has the key.",
  level: "warning",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      for (const { port, tls } of gateway.listeners) {
        if (tls?.hasInlineKey === true) {
          yield {
            at: gateway.key,
            problem: `The key of its listener on port ${port} passes through Terraform's state.`,
            fix: 'Use GatewayCertificate.files. If this is intended, silence(…, "inline-certificate", "why").',
          };
        }
      }
    }
  },
};

const ambiguousCertificate: Check = {
  id: "ambiguous-certificate",
  reason:
    "Of several certificates on a listener, Consul 1.21 uses none for a name that it finds twice, the common name included: clients get one of the mesh's CA.",
  level: "warning",
  *find({ graph }) {
    for (const gateway of gatewaysIn(graph)) {
      for (const { port, tls } of gateway.listeners) {
        const certificates = tls?.certificates ?? [];
        const names = certificates.map(namesOfCertificate);
        const twice = names.flatMap((each) => each ?? []).find((name, index, all) => all.indexOf(name) !== index);
        if (certificates.length > 1 && (twice !== undefined || names.includes(undefined))) {
          yield {
            at: gateway.key,
            problem:
              twice === undefined
                ? `Its listener on port ${port} has several certificates. Where a certificate's common name is also one of its alternative names, as usual, clients get a certificate of the mesh's CA instead.`
                : `The certificates of its listener on port ${port} have the name ${twice} twice, so clients that ask for it get a certificate of the mesh's CA.`,
            fix: 'Use one certificate with all names, or a listener for each. If no name is repeated, silence(…, "ambiguous-certificate", "why").',
          };
        }
      }
    }
  },
};

/** Returns the names in a certificate as Consul collects them; `undefined` if its text is not known. */
function namesOfCertificate(text: string | undefined): readonly string[] | undefined {
  if (text === undefined || isUnknown(text)) {
    return undefined;
  }
  try {
    const { subject, subjectAltName = "" } = new X509Certificate(text);
    return [
      ...(/^CN=(.+)$/m.exec(subject)?.slice(1) ?? []),
      ...[...subjectAltName.matchAll(/(?:DNS|IP Address):([^,\s]+)/g)].map(([, name]) => name),
    ];
  } catch {
    return []; // Another check reports text that is not a certificate.
  }
}

/** Returns why a listener of an API gateway cannot have a route for a host: a sentence, and the fix. */
function problemOfApiHost({ port, hostname = "*" }: ListenerRecord, host: string): [string, string] | undefined {
  if (host.includes("*") || !isHostOfRequests(host)) {
    return [
      `"${host}" cannot be the host of a route.`,
      "Use a DNS name without wildcards; a listener's hostname may have one.",
    ];
  }
  const isWithin = hostname.startsWith("*") ? host.endsWith(hostname.slice(1)) : host === hostname;
  const fits = isUnknown(hostname) || isWithin;
  return fits
    ? undefined
    : [
        `Its listener on port ${port} accepts requests only for ${hostname}, not for ${host}.`,
        "Use a host of the listener, or change the hostname of the listener.",
      ];
}

/** Returns the same for an ingress gateway. */
function problemOfIngressHost({ port, tls }: ListenerRecord, host: string): [string, string] | undefined {
  // The hosts of a listener with TLS are the names of its certificate, which have no port.
  if (host === "*" ? tls === undefined : tls === undefined ? isHostOfRequests(host) : isHostName(host)) {
    return undefined;
  }
  if (tls !== undefined && isHostOfRequests(host)) {
    return [
      `"${host}" has a port, but its listener on port ${port} has TLS, and a certificate has no ports in its names.`,
      "Omit the port.",
    ];
  }
  return host === "*"
    ? [
        `Its listener on port ${port} has TLS, but the hosts of its certificate are unknown.`,
        "Set the hosts that clients use.",
      ]
    : [`"${host}" is not a valid host name.`, "Use a DNS name, in which only the first label can be *."];
}

function* routesOf(
  graph: Snapshot,
  gateway: GatewayRecord,
): Iterable<{ readonly listener: ListenerRecord; readonly route: GatewayRouteRecord }> {
  const listeners = new Map(gateway.listeners.map((listener) => [listener.port, listener]));
  for (const route of graph.routesOf(gateway.key)) {
    const listener = listeners.get(route.listener);
    if (listener !== undefined) {
      yield { listener, route };
    }
  }
}

export const inboundGatewayChecks: readonly Check[] = [
  duplicateListener,
  listenerWithoutRoute,
  gatewayProtocol,
  duplicateRoute,
  gatewayHost,
  inlineCertificate,
  ambiguousCertificate,
];
