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
import { ConsulConfigEntry } from "../config-entry";
import { allow, Intention, type IntentionOptions } from "../intention";
import { nameOf, type IMeshService } from "../mesh-member";
import { defaultsOf, InboundGateway, type InboundGatewayBaseProps } from "./inbound-gateway";
import type { InMesh } from "./gateway";
import { refuseWrongArgument, refuseWrongValues } from "../../core/shape";
import { INGRESS_GATEWAY_SHAPE, INGRESS_CONNECTION_SHAPE, INGRESS_ROUTE_SHAPE, MEMBER } from "../shapes";
import type { IngressListener } from "./ingress-listener";

/** What {@link ServiceMesh.addIngressGateway} takes. */
export interface IngressGatewayBaseProps extends InboundGatewayBaseProps<IngressListener> {
  /** Limits for each service behind it. @default none */
  readonly limits?: IngressLimits;
}

/** Props of {@link IngressGateway}. */
export interface IngressGatewayProps extends IngressGatewayBaseProps, InMesh {}

/** How much of a service's instances an instance of the gateway takes. */
export interface IngressLimits {
  /** Connections at the same time. @default Envoy's 1024 */
  readonly maxConnections?: number;
  /** Requests that wait for a connection. @default Envoy's 1024 */
  readonly maxPendingRequests?: number;
  /** Requests at the same time, for http2 and gRPC. @default Envoy's 1024 */
  readonly maxConcurrentRequests?: number;
}

/** How an ingress gateway finds a service. */
export interface IngressRouteOptions {
  /** Port of the listener. @default that of the only one */
  readonly listener?: number;
  /**
   * Host names whose requests are for the service; `*` may stand for the leftmost label, or, without TLS, for any host. Not at
   * a tcp listener, and not for every service (`"*"`).
   *
   * @default `<service>.ingress.*`
   */
  readonly hosts?: readonly string[];
  /** Limits for this service. @default the gateway's */
  readonly limits?: IngressLimits;
  /** Changes of the request's headers, after the gateway's own (`forwardedHeaders`). Not at a tcp listener. @default none */
  readonly requestHeaders?: HeaderChanges;
  /** Changes of the response's headers. Not at a tcp listener. @default none */
  readonly responseHeaders?: HeaderChanges;
  /** Anything else of the service in the config entry. @default none */
  readonly override?: Override<consul.IngressService>;
}

/** What {@link IngressGateway.connectTo} takes: how the service is found, and what may be asked of it. */
export interface IngressConnectOptions
  extends IngressRouteOptions, Pick<IntentionOptions, "permissions" | "description"> {}

/**
 * Lets those outside into the mesh, by host name or by port. Consul has deprecated ingress gateways since 1.16; new work
 * takes an {@link ApiGateway}. What only this one does: http2 and gRPC, and certificates of the mesh's own authority.
 *
 * @example
 * const ingress = mesh.addIngressGateway("ingress", { listeners: [IngressListener.http({ port: 8080 })] });
 * ingress.connectTo(api, { hosts: ["api.example"] });
 * @see https://developer.hashicorp.com/consul/docs/north-south/ingress-gateway
 */
export class IngressGateway extends InboundGateway<IngressListener, IngressGatewayBaseProps> {
  /** Which listener leads to which service. */
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
    const entry = new ConsulConfigEntry<consul.IngressGatewayConfigEntry>(this, "Entry", {
      kind: "ingress-gateway",
      name: this.serviceName,
      entry: (graph) => ({
        // Consul always answers with TLS and limits, 0 being none; without them each plan would find a difference.
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
      // Consul wants what a listener leads to to speak its protocol.
      renewedBy: Object.fromEntries(
        this.listeners.map(({ options, protocol }) => [`listener-${options.port}`, protocol]),
      ),
    });
    this.declareFront("ingress-gateway", { needs: () => [entry] });
  }

  /** Its config entry says it, and a route may say otherwise. */
  protected override get envoyRuntime(): undefined {
    return undefined;
  }

  /**
   * Connects those outside to a service: the gateway leads there (a route) and may reach it (an intention).
   *
   * With `"*"` it leads to every service of the datacenter that has an Envoy and speaks the listener's protocol, by the host
   * `<service>.ingress.*`, and may reach those that are in this app; other teams say `allowFrom` at theirs. A service that is connected
   * to the listener by its name has the hosts that are given there instead; what is stated about this gateway at a service, permissions
   * say, holds there instead. Services without an Envoy, virtual ones, and those outside the mesh are not meant.
   *
   * @param target the service, or its name in this mesh, or `"*"` for all of them
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
   * Leads to a service, or with `"*"` to every one as {@link connectTo} does. Grants nothing: the service's owner says `allowFrom`.
   *
   * @param target the service, or its name in this mesh, or `"*"` for all of them
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
