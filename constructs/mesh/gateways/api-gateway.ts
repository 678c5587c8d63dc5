import type { AclBindingRule } from "@cdktf/provider-consul/lib/acl-binding-rule";
import type { Construct } from "constructs";
import type { WorkloadAuthMethod } from "../../access/workload-auth-method";
import type * as consul from "../../consul/generated/config-entries";
import { MeshError } from "../../core/errors";
import { proxyServiceOf, inboundTaskName } from "../../nomad/inbound-gateway-job";
import { sidecarOf } from "../../nomad/gateway-job";
import { type ConsulConfigEntry, DerivedConfigEntry } from "../config-entry";
import { allow, type IntentionOptions } from "../intention";
import { nameOf, referenceTo, type IMeshService } from "../mesh-member";
import type { ApiGatewayListener } from "./api-gateway-listener";
import { ApiGatewayRoute, type ApiGatewayRouteOptions, type WeightedService } from "./api-gateway-route";
import { defaultsOf, InboundGateway, type InboundGatewayBaseProps } from "./inbound-gateway";
import type { InMesh } from "./gateway";
import * as is from "../../core/shape";
import {
  API_GATEWAY_CONNECTION_SHAPE,
  API_GATEWAY_ROUTE_SHAPE,
  API_GATEWAY_SHAPE,
  MEMBER,
  WEIGHTED_SERVICES,
} from "../shapes";

/** Props of {@link ServiceMesh.addApiGateway}. */
export type ApiGatewayBaseProps = InboundGatewayBaseProps<ApiGatewayListener>;

/** Props of {@link ApiGateway}. */
export interface ApiGatewayProps extends ApiGatewayBaseProps, InMesh {}

/** Options of {@link ApiGateway.connectTo}: those of the route and those of the intention. */
export interface ApiGatewayConnectOptions
  extends ApiGatewayRouteOptions, Pick<IntentionOptions, "permissions" | "description"> {}

const TARGET = is.either({ fits: Array.isArray, rule: WEIGHTED_SERVICES }, MEMBER);

/**
 * A gateway for clients outside the mesh. It routes by host, path, headers and parameters of a request, or by port.
 *
 * Terraform manages the job and the config entries: one for the gateway with its listeners, one for each route, and those of the
 * certificates. The job requires Nomad 1.10.3 or newer. It also registers a proxy service, `<name>-envoy`, with which Envoy connects to
 * Consul as sidecars do. Look up the proxy service in the catalog to find the ports of the gateway on the nodes.
 *
 * @example
 * const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
 * gateway.connectTo(api, { hosts: ["api.example"], match: { pathPrefix: "/v1" } });
 * @see https://developer.hashicorp.com/consul/docs/north-south/api-gateway
 */
export class ApiGateway extends InboundGateway<ApiGatewayListener, ApiGatewayBaseProps> {
  private readonly entry: ConsulConfigEntry;
  private readonly routes: ApiGatewayRoute[] = [];

  constructor(scope: Construct, id: string, props: ApiGatewayProps) {
    super(scope, id, props, "API gateway", API_GATEWAY_SHAPE);
    const listeners = this.listeners.map((listener) => ({ listener, certificates: this.bindCertificates(listener) }));
    this.entry = new DerivedConfigEntry<consul.APIGatewayConfigEntry>(this, "Entry", {
      kind: "api-gateway",
      name: this.serviceName,
      entry: () => ({
        Listeners: listeners.map(({ listener, certificates }) =>
          listener.render(certificates.map(({ reference }) => reference)),
        ),
      }),
      dependsOn: listeners.flatMap(({ certificates }) => certificates.map(({ entry }) => entry)),
    });
    this.declareFront("api-gateway", {
      files: this.listeners.flatMap(({ options }) => options.tls?.certificates.flatMap(({ files }) => files) ?? []),
      // The listeners open only when their routes exist. Until then the gateway is not healthy.
      needs: () => [this.entry, ...this.routes.map(({ entry }) => entry)],
    });
  }

  /**
   * Connects clients outside the mesh to a service, or to several services by weight. It adds a route, and intentions that allow the
   * gateway to reach each service.
   *
   * @param target the service, or its name in this mesh
   */
  connectTo(target: IMeshService | string | readonly WeightedService[], options: ApiGatewayConnectOptions = {}): void {
    is.refuseWrongArgument(this, "target", target, TARGET);
    is.refuseWrongValues(this, options, API_GATEWAY_CONNECTION_SHAPE, "route");
    const { permissions, description, ...routeOptions } = options;
    this.addRouteTo(target, routeOptions);
    for (const { service } of weighted(target)) {
      allow(this, this.mesh, this, service, { permissions, description });
    }
  }

  /**
   * Adds a route to a service, or to several services by weight. It adds no intentions: the owners of the services call `allowFrom`.
   *
   * @param target the service, or its name in this mesh
   */
  addRoute(target: IMeshService | string | readonly WeightedService[], options: ApiGatewayRouteOptions = {}): void {
    is.refuseWrongArgument(this, "target", target, TARGET);
    is.refuseWrongValues(this, options, API_GATEWAY_ROUTE_SHAPE, "route");
    this.addRouteTo(target, options);
  }

  private addRouteTo(
    target: IMeshService | string | readonly WeightedService[],
    options: ApiGatewayRouteOptions,
  ): void {
    const { listener: port, name: givenName, ...routeOptions } = options;
    const listener = this.listenerAt(port);
    const services = weighted(target);
    const name = givenName ?? [this.serviceName, ...services.map(({ service }) => nameOf(service))].join("-");
    if (this.node.tryFindChild(name) !== undefined) {
      throw new MeshError(
        this,
        `It already has a route "${name}".`,
        "Rename one of the two. If both do the same, list their matches in one route.",
      );
    }
    const own = this.headerChangesAt(listener);
    const targets = services.map(({ service, ...share }) => ({ reference: referenceTo(service, this.mesh), ...share }));
    const references = targets.map(({ reference }) => reference);
    const needs = [{ entry: { kind: "api-gateway", name: this.serviceName } }, ...defaultsOf(references)] as const;
    const route = new ApiGatewayRoute(this, listener, name, targets, routeOptions, own, needs);
    this.addRouteRecord(listener, { targets: references, hosts: route.hosts, claims: route.claims });
    this.routes.push(route);
  }

  protected override addRule(access: WorkloadAuthMethod): AclBindingRule {
    return access.allowApiGateway(this.serviceName, this.workload, proxyServiceOf(this.serviceName));
  }

  private bindCertificates(listener: ApiGatewayListener) {
    const { certificates = [] } = listener.options.tls ?? {};
    if (certificates.length > 1 && certificates.some(({ isFile }) => isFile)) {
      throw new MeshError(
        this,
        `Its listener on port ${listener.options.port} has several certificates, not all of them inline.`,
        "Use one certificate with all names: Consul does not read the names in a file.",
      );
    }
    return certificates.map((certificate, index) =>
      certificate.bind(
        this,
        [this.serviceName, listener.options.port, ...(index === 0 ? [] : [index + 1])].join("-"),
        (file) => sidecarOf(this.props).pathOf(inboundTaskName(this.serviceName), file),
      ),
    );
  }
}

function weighted(target: IMeshService | string | readonly WeightedService[]): readonly WeightedService[] {
  return typeof target === "string" || "serviceName" in target ? [{ service: target }] : target;
}
