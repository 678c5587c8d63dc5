import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type { WorkloadAuthMethod } from "../../access/workload-auth-method";
import type * as consul from "../../consul/generated/config-entries";
import { layHeaderChanges, renderHeaderChanges, type HeaderChanges } from "../../consul/header-changes";
import { Protocol } from "../../consul/protocol";
import { ANY_SERVICE } from "../../consul/service-intentions";
import { joinStaticClusters, STATIC_CLUSTERS } from "../../consul/static-cluster";
import { tenancyFields } from "../../consul/tenancy";
import {
  problemOfUpstreamPolicy,
  renderPassiveHealthCheck,
  type PassiveHealthCheck,
} from "../../consul/upstream-config";
import type { Override } from "../../core/override";
import { overridden } from "../../consul/override";
import { MeshError } from "../../core/errors";
import { sourceKeyOf } from "../../model/cluster";
import type { Snapshot } from "../../model/snapshot";
import { sidecarOf } from "../../nomad/gateway-job";
import { inboundTaskName, proxyServiceOf } from "../../nomad/inbound-gateway-job";
import { DerivedConfigEntry } from "../config-entry";
import { allow, Intention, type IntentionOptions } from "../intention";
import { nameOf, referenceTo, type IMeshService } from "../mesh-member";
import { defaultsOf, InboundGateway, type InboundGatewayBaseProps } from "./inbound-gateway";
import type { InMesh } from "./gateway";
import { refuseWrongArgument, refuseWrongValues } from "../../core/shape";
import { INGRESS_GATEWAY_SHAPE, INGRESS_CONNECTION_SHAPE, INGRESS_ROUTE_SHAPE, MEMBER } from "../shapes";
import type { IngressListener } from "./ingress-listener";
import {
  filesOfSdsServer,
  hasStaticCluster,
  problemOfSdsServer,
  renderSds,
  renderSdsServer,
  type SdsCertificate,
  type SdsServer,
} from "./sds";

/** Props of {@link ServiceMesh.addIngressGateway}. */
export interface IngressGatewayBaseProps extends InboundGatewayBaseProps<IngressListener> {
  /** Limits for each service of the gateway. @default Envoy's: 1024 of each */
  readonly limits?: IngressLimits;
  /**
   * Servers of the secret discovery service (SDS) from which listeners and routes get certificates, by the name that `sds` refers to.
   *
   * @default none
   * @see https://developer.hashicorp.com/consul/docs/north-south/ingress-gateway/tls-external-service
   */
  readonly sdsServers?: Readonly<Record<string, SdsServer>>;
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
  /** Limits for this service, the same for all listeners that route to it. @default the limits of the gateway */
  readonly limits?: IngressLimits;
  /** Changes to request headers, which take precedence over `forwardedHeaders`. Not allowed for a tcp listener. @default none */
  readonly requestHeaders?: HeaderChanges;
  /** Changes to response headers. Not allowed for a tcp listener. @default none */
  readonly responseHeaders?: HeaderChanges;
  /**
   * When the gateway ejects a failing instance of this service, the same for all listeners that route to it. Fields that are omitted
   * have the value of the gateway.
   *
   * @default the passive health check of the gateway
   */
  readonly passiveHealthCheck?: PassiveHealthCheck;
  /**
   * Certificate for `hosts`, which are required, from a server of the secret discovery service (SDS). The listener must have TLS.
   *
   * @default the certificate of the listener
   */
  readonly sds?: SdsCertificate;
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
  /** The routes so far. */
  private readonly served: {
    readonly port: number;
    readonly protocol: Protocol;
    readonly name: string;
    readonly policy: string;
  }[] = [];

  constructor(scope: Construct, id: string, props: IngressGatewayProps) {
    super(scope, id, props, "ingress gateway", INGRESS_GATEWAY_SHAPE);
    this.refuseWrongCheck(props.passiveHealthCheck);
    this.refuseWrongServers();
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
    this.declareFront("ingress-gateway", {
      needs: () => [entry],
      files: Object.values(props.sdsServers ?? {}).flatMap(filesOfSdsServer),
      proxyConfig: (graph) => this.renderSdsServers(graph),
    });
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
    const { hosts, limits, passiveHealthCheck, sds, requestHeaders, responseHeaders, override } = options;
    this.refuseWrongCheck(passiveHealthCheck);
    this.refuseUnknownCluster(sds);
    const isTcp = listener.protocol === Protocol.TCP;
    const targetName = nameOf(target);
    const isAny = targetName === ANY_SERVICE;
    const reference = referenceTo(target, this.mesh);
    const name = sourceKeyOf(reference);
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
    if (sds !== undefined && (listener.options.tls === undefined || hosts === undefined)) {
      throw new MeshError(
        this,
        `Its route to ${name} has a certificate, but ${hosts === undefined ? "no hosts" : `its listener on port ${port} has no TLS`}.`,
        hosts === undefined ? "Set the hosts for which the certificate is." : "Set tls: {} of the listener.",
      );
    }
    const own = { port, protocol: listener.protocol, name, policy: JSON.stringify([limits, passiveHealthCheck]) };
    this.refuseOtherPolicy(own);
    if (this.served.some((other) => other.port === port && other.name === name)) {
      throw new MeshError(
        this,
        `Its listener on port ${port} already routes to ${name}.`,
        "Set all hosts of a service in one call.",
      );
    }
    this.served.push(own);
    this.addRouteRecord(listener, {
      targets: isAny ? [] : [reference],
      anyService: isAny ? { allowed } : undefined,
      hosts: hosts ?? [],
      claims: isAny ? [] : (hosts ?? [`${name}.ingress.*`]).map((host) => `requests for ${host.toLowerCase()}`),
      ingress: overridden<consul.IngressService>(
        {
          Name: targetName,
          ...tenancyFields(reference.tenancy),
          Hosts: hosts,
          TLS: sds && { SDS: renderSds(sds) },
          ...(limits && renderLimits(limits)),
          PassiveHealthCheck: passiveHealthCheck && renderPassiveHealthCheck(passiveHealthCheck),
          ...(!isTcp && {
            RequestHeaders: renderHeaderChanges(layHeaderChanges(this.headerChangesAt(listener), requestHeaders)),
            ResponseHeaders: renderHeaderChanges(responseHeaders),
          }),
        },
        override,
      ),
    });
  }

  /** Consul configures one cluster for a service, from any one of the listeners that route to it. */
  private refuseOtherPolicy({ port, protocol, name, policy }: (typeof this.served)[number]): void {
    const other = this.served.find(
      (each) =>
        each.port !== port &&
        each.protocol === protocol &&
        each.policy !== policy &&
        (each.name === name || each.name === ANY_SERVICE || name === ANY_SERVICE),
    );
    if (other !== undefined) {
      throw new MeshError(
        this,
        `Its listeners on ports ${other.port} and ${port} route to ${name === ANY_SERVICE ? other.name : name} with different limits or passive health checks, but Consul uses those of any one listener.`,
        "Set the same for both, or set them in the props of the gateway.",
      );
    }
  }

  private refuseWrongCheck(check: PassiveHealthCheck | undefined): void {
    const problem = problemOfUpstreamPolicy({ passiveHealthCheck: check });
    if (problem !== undefined) {
      throw new MeshError(this, ...problem);
    }
    if (check?.enforcingConsecutive5xx === 0) {
      throw new MeshError(
        this,
        "enforcingConsecutive5xx is 0, which Consul reads as 100 for an ingress gateway.",
        "Use a whole number from 1, or maxEjectionPercent: 0 to eject none.",
      );
    }
  }

  private refuseWrongServers(): void {
    for (const [name, server] of Object.entries(this.props.sdsServers ?? {})) {
      const problem = problemOfSdsServer(name, server);
      if (problem !== undefined) {
        throw new MeshError(this, ...problem);
      }
    }
    for (const { options } of this.listeners) {
      this.refuseUnknownCluster(options.tls?.sds);
    }
  }

  private refuseUnknownCluster(sds: SdsCertificate | undefined): void {
    const { sdsServers = {} } = this.props;
    const clusters = sidecarOf(this.props).proxyConfig?.[STATIC_CLUSTERS];
    if (
      sds !== undefined &&
      !Object.hasOwn(sdsServers, sds.clusterName) &&
      !hasStaticCluster(clusters, sds.clusterName)
    ) {
      throw new MeshError(
        this,
        `Its certificate ${sds.certResource} is on the SDS server ${sds.clusterName}, which the gateway does not have.`,
        `Add the server to sdsServers. Its servers: ${Object.keys(sdsServers).join(", ") || "none"}.`,
      );
    }
  }

  /** The configuration of an Envoy replaces the clusters of the mesh, so it contains them too. */
  private renderSdsServers(graph: Snapshot): Readonly<Record<string, unknown>> | undefined {
    const servers = Object.entries(this.props.sdsServers ?? {});
    if (servers.length === 0) {
      return undefined;
    }
    const cluster = graph.clusterOf(this.mesh.node.path);
    const defaults = graph.entryOf(cluster, { kind: "proxy-defaults", name: "global" });
    const ofMesh = (defaults as consul.ProxyConfigEntry | undefined)?.Config?.[STATIC_CLUSTERS];
    const sidecar = sidecarOf(this.props);
    const pathOf = (file: string) => sidecar.pathOf(inboundTaskName(this.serviceName), file);
    return {
      [STATIC_CLUSTERS]: joinStaticClusters(
        sidecar.proxyConfig?.[STATIC_CLUSTERS] ?? ofMesh,
        ...servers.map(([name, server]) => renderSdsServer(name, server, pathOf)),
      ),
    };
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
