import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import { ConsulConfigEntry } from "../../consul/consul-config-entry";
import type { GatewayAccess } from "../../consul/gateway-access";
import type * as consul from "../../consul/generated/config-entries";
import { Protocol } from "../../consul/protocol";
import { isUnknown } from "../../core/collections";
import { MeshError } from "../../core/errors";
import { companionOf, frontTaskName } from "../../nomad/front-gateway-job";
import { sidecarOf } from "../../nomad/gateway-job";
import type { IntentionOptions } from "../intention";
import { nameOf, type IMeshService } from "../mesh-member";
import type { ApiGatewayListener } from "./api-gateway-listener";
import { ApiGatewayRoute, type ApiGatewayRouteOptions, type WeightedService } from "./api-gateway-route";
import { FrontGateway, isHostName, type FrontGatewayBaseProps } from "./front-gateway";
import type { InMesh } from "./gateway";

/** What {@link ServiceMesh.addApiGateway} takes. */
export type ApiGatewayBaseProps = FrontGatewayBaseProps<ApiGatewayListener>;

/** Props of {@link ApiGateway}. */
export interface ApiGatewayProps extends ApiGatewayBaseProps, InMesh {}

/** What {@link ApiGateway.connectTo} takes: how the service is found, and what may be asked of it. */
export interface ApiGatewayConnectOptions
  extends ApiGatewayRouteOptions, Pick<IntentionOptions, "permissions" | "description"> {}

/**
 * Lets those outside into the mesh: by host, path, header and parameter of a request, or by port.
 *
 * Its job and its entries in Consul are Terraform's: the gateway with its listeners, a route for each connection, and the
 * certificates. Nomad 1.10.3 or newer must run it. In Consul it comes with a companion, a service named after it and ending
 * in `-envoy`, by which its Envoy reaches Consul as sidecars do; at that name its ports on the nodes are found.
 *
 * @example
 * const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
 * gateway.connectTo(api, { hosts: ["api.example"], match: { pathPrefix: "/v1" } });
 * @see https://developer.hashicorp.com/consul/docs/north-south/api-gateway
 */
export class ApiGateway extends FrontGateway<ApiGatewayListener, ApiGatewayRoute, ApiGatewayBaseProps> {
  private readonly entry: ConsulConfigEntry;

  constructor(scope: Construct, id: string, props: ApiGatewayProps) {
    super(scope, id, props, "api-gateway");
    const listeners = this.listeners.map((listener) => ({ listener, certificates: this.bindCertificates(listener) }));
    this.entry = new ConsulConfigEntry<consul.APIGatewayConfigEntry>(this, "Entry", {
      kind: "api-gateway",
      name: this.serviceName,
      entry: () => ({
        Listeners: listeners.map(({ listener, certificates }) =>
          listener.render(certificates.map(({ reference }) => reference)),
        ),
      }),
      dependsOn: listeners.flatMap(({ certificates }) => certificates.map(({ entry }) => entry)),
    });
    // Its listeners open once their routes are there, and until then it does not count as healthy.
    this.addJob(() => [this.entry, ...this.routes.map(({ entry }) => entry)]);
  }

  override get kind(): string {
    return "API gateway";
  }

  override get envoyFiles(): readonly string[] {
    return this.listeners.flatMap(({ options }) => options.tls?.certificates.flatMap(({ files }) => files) ?? []);
  }

  /**
   * Connects those outside to a service, or to several by their weights: the gateway leads there (a route) and may reach each
   * of them (an intention).
   *
   * @param target the service, or its name in this mesh
   */
  connectTo(target: IMeshService | string | readonly WeightedService[], options: ApiGatewayConnectOptions = {}): void {
    const { permissions, description, ...routeOptions } = options;
    this.addRoute(target, routeOptions);
    for (const { service } of weighted(target)) {
      this.intend(service, { permissions, description });
    }
  }

  /**
   * Leads to a service, or to several by their weights. Grants nothing: the services' owners say `allowFrom`.
   *
   * @param target the service, or its name in this mesh
   */
  addRoute(target: IMeshService | string | readonly WeightedService[], options: ApiGatewayRouteOptions = {}): void {
    const { listener: port, name: givenName, ...routeOptions } = options;
    const listener = this.listenerAt(port);
    const services = weighted(target);
    const name = givenName ?? [this.serviceName, ...services.map(({ service }) => nameOf(service))].join("-");
    if (this.node.tryFindChild(name) !== undefined) {
      throw new MeshError(
        this,
        `It has a route "${name}" already.`,
        "Give one of the two another name; or, where both do the same, say what they match in a list.",
      );
    }
    if (listener.protocol === Protocol.TCP && this.routesFrom(listener).length > 0) {
      throw new MeshError(
        this,
        `Its listener on port ${listener.options.port} takes tcp connections, and leads to a service already.`,
        "Give the other service a listener of its own.",
      );
    }
    const targets = services.map(({ service }) => service);
    const needs = () => [this.entry, ...this.defaultsOf({ targets })];
    const own = this.headerChangesAt(listener);
    this.record(listener, new ApiGatewayRoute(this, listener, name, services, routeOptions, own, needs));
  }

  override problemOfHost(listener: ApiGatewayListener, host: string): [problem: string, fix: string] | undefined {
    const { port, hostname = "*" } = listener.options;
    if (isUnknown(host)) {
      return undefined;
    }
    if (host.includes("*") || !isHostName(host)) {
      return [
        `"${host}" cannot be the host of a route.`,
        "Use a DNS name without wildcards; a listener's hostname may have one.",
      ];
    }
    const fits = isUnknown(hostname) || hostname.startsWith("*") ? host.endsWith(hostname.slice(1)) : host === hostname;
    return fits
      ? undefined
      : [
          `Its listener on port ${port} takes requests for ${hostname} only, not for ${host}.`,
          "Give the route a host of the listener, or the listener another hostname.",
        ];
  }

  protected override addRule(access: GatewayAccess): AclBindingRule {
    return access.allowApiGateway(this.serviceName, this.workload, companionOf(this.serviceName));
  }

  private bindCertificates(listener: ApiGatewayListener) {
    const { certificates = [] } = listener.options.tls ?? {};
    if (certificates.length > 1 && certificates.some(({ isInline }) => !isInline)) {
      throw new MeshError(
        this,
        `Its listener on port ${listener.options.port} has several certificates, not all of them inline.`,
        "Give it one, with all names in it: which names a file is for, Consul does not know.",
      );
    }
    return certificates.map((certificate, index) =>
      certificate.bind(
        this,
        [this.serviceName, listener.options.port, ...(index === 0 ? [] : [index + 1])].join("-"),
        (file) => sidecarOf(this.effectiveProps).pathOf(frontTaskName(this.serviceName), file),
      ),
    );
  }
}

function weighted(target: IMeshService | string | readonly WeightedService[]): readonly WeightedService[] {
  return typeof target === "string" || "serviceName" in target ? [{ service: target }] : target;
}
