import { Protocol } from "../../consul/protocol";
import { describe } from "../../core/errors";
import { ApiGateway } from "../../mesh/gateways/api-gateway";
import {
  isFrontGateway,
  type FrontGateway,
  type GatewayListener,
  type GatewayRoute,
} from "../../mesh/gateways/front-gateway";
import type { Check, CheckedApp } from "../check";

const duplicateListener: Check = {
  id: "duplicate-listener",
  reason: "A gateway listens on a port once, and a port of the node leads to one listener.",
  level: "error",
  *find(app) {
    for (const gateway of frontGatewaysOf(app)) {
      const inside = new Set<number>();
      const outside = new Set<number>();
      for (const { options } of gateway.listeners) {
        const { port, hostPort = port } = options;
        if (inside.has(port) || outside.has(hostPort)) {
          yield {
            construct: gateway,
            problem: inside.has(port)
              ? `Two of its listeners are on port ${port}.`
              : `Two of its listeners take port ${hostPort} of the node.`,
            fix: "Give each a port of its own; one http listener serves many hosts.",
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
  reason: "Envoy does not open a listener that leads nowhere, and Consul refuses such an ingress gateway.",
  level: "error",
  *find(app) {
    for (const gateway of frontGatewaysOf(app)) {
      for (const listener of gateway.listeners) {
        if (gateway.routesFrom(listener).length === 0) {
          yield {
            construct: gateway,
            problem: `Its listener on port ${listener.options.port} leads to no service.`,
            fix: `Connect it: connectTo(…, { listener: ${listener.options.port} }), or take the listener away.`,
          };
        }
      }
    }
  },
};

const gatewayProtocol: Check = {
  id: "gateway-protocol",
  reason: "Consul leads a listener to services of its own protocol only; routes of API gateways are http or tcp.",
  level: "error",
  *find(app) {
    for (const gateway of frontGatewaysOf(app)) {
      for (const { listener, route } of routesOf(gateway)) {
        for (const [name, service] of gateway.destinationsOf(route)) {
          if (service !== undefined && service.protocol !== listener.protocol) {
            yield {
              construct: gateway,
              problem: `Its listener on port ${listener.options.port} speaks ${listener.protocol}, but ${name} speaks ${service.protocol}.`,
              fix: fixOfProtocol(gateway, service.protocol, describe(service)),
            };
          }
        }
      }
    }
  },
};

function fixOfProtocol(gateway: FrontGateway, protocol: Protocol, service: string): string {
  const isApiGateway = gateway instanceof ApiGateway;
  return isApiGateway && (protocol === Protocol.HTTP2 || protocol === Protocol.GRPC)
    ? `An API gateway has no listener for ${protocol}: set another protocol at ${service}, or use an ingress gateway.`
    : `Use ${isApiGateway ? "ApiGatewayListener" : "IngressListener"}.${protocol}, or set another protocol at ${service}.`;
}

const duplicateRoute: Check = {
  id: "duplicate-route",
  reason:
    "A request is led one way: which of two equal routes it takes would be chance, and Consul refuses equal hosts.",
  level: "error",
  *find(app) {
    for (const gateway of frontGatewaysOf(app)) {
      for (const listener of gateway.listeners) {
        const owners = new Map<string, string>();
        for (const route of gateway.routesFrom(listener)) {
          const names = gateway.destinationsOf(route).map(([name]) => name);
          for (const claim of route.claims) {
            const owner = owners.get(claim);
            if (owner !== undefined) {
              yield {
                construct: gateway,
                problem: `Its listener on port ${listener.options.port} leads ${claim} both to ${owner} and to ${names.join(", ")}.`,
                fix: "Give one of the two other hosts, or another match.",
              };
            }
            owners.set(claim, names.join(", "));
          }
        }
      }
    }
  },
};

const gatewayHost: Check = {
  id: "gateway-host",
  reason: "A host that is none, or that the listener does not take, is refused by Consul or never asked for.",
  level: "error",
  *find(app) {
    for (const gateway of frontGatewaysOf(app)) {
      for (const { listener, route } of routesOf(gateway)) {
        for (const host of route.hosts) {
          const problem = gateway.problemOfHost(listener, host);
          if (problem !== undefined) {
            yield { construct: gateway, problem: problem[0], fix: problem[1] };
          }
        }
      }
    }
  },
};

const inlineCertificate: Check = {
  id: "inline-certificate",
  reason: "Whoever reads Terraform's state, or Consul's configuration, has the key.",
  level: "warning",
  *find(app) {
    for (const gateway of frontGatewaysOf(app)) {
      for (const { options } of gateway instanceof ApiGateway ? gateway.listeners : []) {
        if (options.tls?.certificates.some(({ isInline }) => isInline)) {
          yield {
            construct: gateway,
            problem: `The key of its listener on port ${options.port} passes through Terraform's state.`,
            fix: 'Use GatewayCertificate.files; or, where that is meant, silence(…, "inline-certificate", "why").',
          };
        }
      }
    }
  },
};

function frontGatewaysOf({ meshes }: CheckedApp): FrontGateway[] {
  return meshes.flatMap((mesh) => mesh.gateways).filter(isFrontGateway);
}

function* routesOf(gateway: FrontGateway): Iterable<{ listener: GatewayListener; route: GatewayRoute }> {
  for (const listener of gateway.listeners) {
    for (const route of gateway.routesFrom(listener)) {
      yield { listener, route };
    }
  }
}

export const frontGatewayChecks: readonly Check[] = [
  duplicateListener,
  listenerWithoutRoute,
  gatewayProtocol,
  duplicateRoute,
  gatewayHost,
  inlineCertificate,
];
