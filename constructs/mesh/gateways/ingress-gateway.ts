import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type { WorkloadAuthMethod } from "../../access/workload-auth-method";
import type * as consul from "../../consul/generated/config-entries";
import { layHeaderChanges, renderHeaderChanges, type HeaderChanges } from "../../consul/header-changes";
import { Protocol } from "../../consul/protocol";
import { ANY_SERVICE } from "../../consul/service-intentions";
import { renderPassiveHealthCheck } from "../../consul/upstream-config";
import type { Override } from "../../core/override";
import { overridden } from "../../consul/override";
import { MeshError } from "../../core/errors";
import { proxyServiceOf } from "../../nomad/inbound-gateway-job";
import { DerivedConfigEntry } from "../config-entry";
import { allow, Intention, type IntentionOptions } from "../intention";
import { nameOf, type IMeshService } from "../mesh-member";
import { defaultsOf, InboundGateway, type InboundGatewayBaseProps } from "./inbound-gateway";
import type { InMesh } from "./gateway";
import { refuseWrongArgument, refuseWrongValues } from "../../core/shape";
import { INGRESS_GATEWAY_SHAPE, INGRESS_CONNECTION_SHAPE, INGRESS_ROUTE_SHAPE, MEMBER } from "../shapes";
import type { IngressListener } from "./ingress-listener";

/** Props of {@link ServiceMesh.addIngressGateway}. */
export interface IngressGatewayBaseProps extends InboundGatewayBaseProps<IngressListener> {
  /** Limits for each service of the gateway. @default Envoy's: 1024 of each */
  readonly limits?: IngressLimits;
}

/** Props of {@link IngressGateway}. */
export interface IngressGatewayProps extends IngressGatewayBaseProps, InMesh {}

/** Limits for what one instance of the gateway sends to all instances of a service. */
export interface IngressLimits {
  /** Maximum number of concurrent connections. @default 1024, Envoy's default */
  readonly maxConnections?: number;
  /** Maximum number of requests that wait for a connection. @default 1024, Envoy's default */
  readonly maxPendingRequests?: number;
  /** Maximum number of concurrent requests, for http2 and gRPC. @default 1024, Envoy's default */
  readonly maxConcurrentRequests?: number;
}

/** Options of a route of an ingress gateway. */
export interface IngressRouteOptions {
  /** Port of the listener. Required if the gateway has several listeners. @default the port of the only listener */
  readonly listener?: number;
  /**
   * Host names of the requests for the service. The leftmost label can be `*`; without TLS, the whole name can be `*`, for any host.
   * Not allowed for a tcp listener, or for every service (`"*"`).
   *
   * @default `<service>.ingress.*`
   */
  readonly hosts?: readonly string[];
  /** Limits for this service. @default the limits of the gateway */
  readonly limits?: IngressLimits;
  /** Changes to request headers, which take precedence over `forwardedHeaders`. Not allowed for a tcp listener. @default none */
  readonly requestHeaders?: HeaderChanges;
  /** Changes to response headers. Not allowed for a tcp listener. @default none */
  readonly responseHeaders?: HeaderChanges;
  /** Other fields of the service in the config entry. @default none */
  readonly override?: Override<consul.IngressService>;
}

/** Options of {@link IngressGateway.connectTo}: those of the route and those of the intention. */
export interface IngressConnectOptions
  extends IngressRouteOptions, Pick<IntentionOptions, "permissions" | "description"> {}

/**
 * A gateway for clients outside the mesh. It routes by host name or by port. Ingress gateways are deprecated since Consul 1.16: use an
 * {@link ApiGateway}, unless you need http2 or gRPC listeners, or certificates of the mesh's CA, which only ingress gateways have.
 *
 * @example
 * const ingress = mesh.addIngressGateway("ingress", { listeners: [IngressListener.http({ port: 8080 })] });
 * ingress.connectTo(api, { hosts: ["api.example"] });
 * @see https://developer.hashicorp.com/consul/docs/north-south/ingress-gateway
 */
export class IngressGateway extends InboundGateway<IngressListener, IngressGatewayBaseProps> {
  /** Keys of the routes so far: `<port of the listener>/<service>`. */
  private readonly served = new Set<string>();

  constructor(scope: Construct, id: string, props: IngressGatewayProps) {
    super(scope, id, props, "ingress gateway", INGRESS_GATEWAY_SHAPE);
    if (props.passiveHealthCheck?.enforcingConsecutive5xx === 0) {
      throw new MeshError(
        this,
        "enforcingConsecutive5xx is 0, which Consul reads as 100 for an ingress gateway.",
        "Use a whole number from 1, or maxEjectionPercent: 0 to eject none.",
      );
    }
    const entry = new DerivedConfigEntry<consul.IngressGatewayConfigEntry>(this, "Entry", {
      kind: "ingress-gateway",
      name: this.serviceName,
      entry: (graph) => ({
        // Consul always returns TLS and limits (0 for none). Without them, each plan would show a difference.
        TLS: { Enabled: false },
        Defaults: {
          ...renderLimits({ maxConnections: 0, maxPendingRequests: 0, maxConcurrentRequests: 0, ...props.limits }),
          PassiveHealthCheck: renderPassiveHealthCheck(props.passiveHealthCheck),
        },
        Listeners: this.listeners.map((listener) =>
          listener.render(
            graph
              .routesOf(this.node.path)
              .flatMap(({ listener: port, ingress }) => (port === listener.options.port ? (ingress ?? []) : [])),
          ),
        ),
      }),
      dependsOn: (graph) => graph.routesOf(this.node.path).flatMap(({ targets }) => defaultsOf(targets)),
      // Consul requires that the services of a listener have its protocol.
      renewedBy: Object.fromEntries(
        this.listeners.map(({ options, protocol }) => [`listener-${options.port}`, protocol]),
      ),
    });
    this.declareFront("ingress-gateway", { needs: () => [entry] });
  }

  /** None: the config entry contains the passive health check, and a route can override it. */
  protected override get envoyRuntime(): undefined {
    return undefined;
  }

  /**
   * Connects clients outside the mesh to a service. It adds a route, and an intention that allows the gateway to reach the service.
   *
   * With `"*"`, the listener routes to every service of the datacenter that has an Envoy and the protocol of the listener, by the host
   * `<service>.ingress.*`. The gateway is allowed to reach the services of this app; other teams call `allowFrom` of their services. If a
   * service is also connected to the listener by name, the hosts of that connection apply instead. If another call allows or denies this
   * gateway something at a service, for example with permissions, it applies there instead. `"*"` does not include services without an
   * Envoy, virtual services and external services.
   *
   * @param target the service, its name in this mesh, or `"*"` for all services
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/ingress-gateway#listeners-services-name
   */
  connectTo(target: IMeshService | string, options: IngressConnectOptions = {}): Intention {
    refuseWrongArgument(this, "target", target, MEMBER);
    refuseWrongValues(this, options, INGRESS_CONNECTION_SHAPE, "route", nameOf(target));
    const { permissions, description, ...routeOptions } = options;
    if (target === ANY_SERVICE) {
      this.addRouteTo(target, routeOptions, { permissions, description });
      return new Intention(this, this.serviceName, target, { permissions, description });
    }
    this.addRouteTo(target, routeOptions);
    return allow(this, this.mesh, this, target, { permissions, description });
  }

  /**
   * Adds a route to a service, or with `"*"` to all services that {@link connectTo} would include. It adds no intention: the owner of
   * the service calls `allowFrom`.
   *
   * @param target the service, its name in this mesh, or `"*"` for all services
   */
  addRoute(target: IMeshService | string, options: IngressRouteOptions = {}): void {
    refuseWrongArgument(this, "target", target, MEMBER);
    refuseWrongValues(this, options, INGRESS_ROUTE_SHAPE, "route", nameOf(target));
    this.addRouteTo(target, options);
  }

  private addRouteTo(
    target: IMeshService | string,
    options: IngressRouteOptions,
    allowed?: Pick<IntentionOptions, "permissions" | "description">,
  ): void {
    const listener = this.listenerAt(options.listener);
    const { hosts, limits, requestHeaders, responseHeaders, override } = options;
    const isTcp = listener.protocol === Protocol.TCP;
    const name = nameOf(target);
    const isAny = name === ANY_SERVICE;
    const { port } = listener.options;
    if (isAny && hosts !== undefined) {
      throw new MeshError(
        this,
        `Its listener on port ${port} routes to every service ("*") by the host <service>.ingress.*, so it cannot have hosts.`,
        "Omit hosts, and connect services with other hosts by name.",
      );
    }
    if (isTcp) {
      if (isAny) {
        throw new MeshError(
          this,
          `Its listener on port ${port} is a tcp listener, which routes to a single service, not to every one ("*").`,
          "Set the service, or use an http listener.",
        );
      }
      if (requestHeaders !== undefined || responseHeaders !== undefined) {
        throw new MeshError(
          this,
          `Its listener on port ${port} is a tcp listener, which has no headers.`,
          "Omit requestHeaders and responseHeaders, or use an http listener.",
        );
      }
      if (hosts !== undefined) {
        throw new MeshError(
          this,
          `Its listener on port ${port} is a tcp listener, which has no hosts.`,
          "Omit hosts, or use an http listener.",
        );
      }
    }
    const key = `${port}/${name}`;
    if (this.served.has(key)) {
      throw new MeshError(
        this,
        `Its listener on port ${port} already routes to ${name}.`,
        "Set all hosts of a service in one call.",
      );
    }
    this.served.add(key);
    this.addRouteRecord(listener, {
      targets: isAny ? [] : this.referencesTo([target]),
      anyService: isAny ? { allowed } : undefined,
      hosts: hosts ?? [],
      claims: isAny ? [] : (hosts ?? [`${name}.ingress.*`]).map((host) => `requests for ${host.toLowerCase()}`),
      ingress: overridden<consul.IngressService>(
        {
          Name: name,
          Hosts: hosts,
          ...(limits && renderLimits(limits)),
          ...(!isTcp && {
            RequestHeaders: renderHeaderChanges(layHeaderChanges(this.headerChangesAt(listener), requestHeaders)),
            ResponseHeaders: renderHeaderChanges(responseHeaders),
          }),
        },
        override,
      ),
    });
  }

  protected override addRule(access: WorkloadAuthMethod): AclBindingRule {
    return access.allowIngressGateway(this.serviceName, this.workload, proxyServiceOf(this.serviceName));
  }
}

function renderLimits(limits: IngressLimits): consul.IngressServiceConfig {
  return {
    MaxConnections: limits.maxConnections,
    MaxPendingRequests: limits.maxPendingRequests,
    MaxConcurrentRequests: limits.maxConcurrentRequests,
  };
}
