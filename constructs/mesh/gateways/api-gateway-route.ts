import { Construct } from "constructs";
import type * as consul from "../../consul/generated/config-entries";
import { layHeaderChanges, type HeaderChanges } from "../../consul/header-changes";
import { renderHttpRouteRule, type HttpRouteMatch } from "../../consul/http-route";
import { Protocol } from "../../consul/protocol";
import { problemOfRoute, type RouteChanges } from "../../consul/service-router";
import { tenancyFields } from "../../consul/tenancy";
import { renderJwtRequirement, type JwtRequirement } from "../../consul/jwt-requirement";
import type { Override } from "../../core/override";
import { overridden } from "../../consul/override";
import { MeshError } from "../../core/errors";
import { sourceKeyOf } from "../../model/cluster";
import type { Need } from "../../model/needs";
import type { Reference } from "../../model/records";
import { withoutUndefined } from "../../core/without-undefined";
import { type ConsulConfigEntry, DerivedConfigEntry } from "../config-entry";
import type { IMeshMember, IMeshService } from "../mesh-member";
import type { ApiGatewayListener } from "./api-gateway-listener";

/** A service that gets a share of the requests of a route. */
export interface WeightedService {
  /** The service, or its name in this mesh. */
  readonly service: IMeshService | string;
  /** Share of the service, in proportion to the weights of the others: a whole number from 1. @default 1 */
  readonly weight?: number;
}

/** Which requests an HTTP route applies to, and how it changes them. Only for http listeners. */
export interface HttpRouteOptions extends RouteChanges {
  /** Host names of the requests, without wildcards. @default all hosts that the listener accepts */
  readonly hosts?: readonly string[];
  /** Conditions for the requests. A request must meet at least one of them. @default none: all requests */
  readonly match?: HttpRouteMatch | readonly HttpRouteMatch[];
  /**
   * The tokens of which a request needs one. Requires Consul Enterprise; in both editions, `requireJwt` of the service requires them.
   *
   * @default the `default` of the listener's `jwt`
   */
  readonly jwt?: readonly JwtRequirement[];
  /** Other fields of the rule of the route. @default none */
  readonly override?: Override<consul.HTTPRouteRule>;
}

/**
 * Options of a route of an API gateway. For a tcp listener, only `listener` and `name` are allowed.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/http-route
 */
export interface ApiGatewayRouteOptions extends HttpRouteOptions {
  /** Port of the listener. Required if the gateway has several listeners. @default the port of the only listener */
  readonly listener?: number;
  /** Name of the config entry of the route. @default `<gateway>-<service>`, with the names of all services of the route */
  readonly name?: string;
}

/** @internal A destination of a route. */
export interface ApiGatewayRouteTarget extends Omit<WeightedService, "service"> {
  readonly reference: Reference;
}

/** @internal A route of an API gateway, with its config entry. */
export class ApiGatewayRoute extends Construct {
  readonly hosts: readonly string[];
  readonly entry: ConsulConfigEntry;

  private readonly matches: readonly HttpRouteMatch[];

  /** @throws MeshError for an option that Consul would refuse, or that has no effect for the listener */
  constructor(
    private readonly gateway: Construct & IMeshMember,
    private readonly listener: ApiGatewayListener,
    name: string,
    private readonly targets: readonly ApiGatewayRouteTarget[],
    private readonly options: HttpRouteOptions,
    private readonly ownHeaderChanges: HeaderChanges,
    needs: readonly Need[],
  ) {
    super(gateway, name);
    this.hosts = options.hosts ?? [];
    this.matches = [options.match ?? []].flat();
    const isTcp = listener.protocol === Protocol.TCP;
    if (isTcp) {
      this.refuseOnTcp();
    } else {
      this.refuseOnHttp();
    }
    this.entry = isTcp
      ? new DerivedConfigEntry<consul.TCPRouteConfigEntry>(this, "Entry", {
          kind: "tcp-route",
          name,
          entry: () => ({
            Parents: this.parents,
            Services: this.targets.map(({ reference: { service, tenancy } }) => ({
              Name: service,
              ...tenancyFields(tenancy),
            })),
          }),
          dependsOn: needs,
        })
      : new DerivedConfigEntry<consul.HTTPRouteConfigEntry>(this, "Entry", {
          kind: "http-route",
          name,
          entry: () => this.renderHttp(),
          dependsOn: needs,
        });
  }

  /** Descriptions of the requests of this route. No other route of the listener may send the same requests to another destination. */
  get claims(): readonly string[] {
    const hosts = this.hosts.length > 0 ? this.hosts : ["any host"];
    const matches = this.matches.length > 0 ? this.matches : [{}];
    return hosts.flatMap((host) => matches.map((match) => `requests for ${host.toLowerCase()}${inWords(match)}`));
  }

  private get parents(): readonly consul.ResourceReference[] {
    return [{ Kind: "api-gateway", Name: this.gateway.serviceName, SectionName: this.listener.name }];
  }

  private renderHttp(): Omit<consul.HTTPRouteConfigEntry, "Kind" | "Name"> {
    const targets = this.targets.map(({ reference: { service: name, tenancy }, weight = 1 }) => ({
      ...{ name, weight, tenancy },
    }));
    const { override, jwt, ...changes } = this.options;
    const requestHeaders = layHeaderChanges(this.ownHeaderChanges, changes.requestHeaders);
    const { Filters, ...rule } = renderHttpRouteRule(targets, this.matches, { ...changes, requestHeaders });
    const tokens = jwt === undefined ? undefined : { JWT: renderJwtRequirement(jwt) };
    return {
      Parents: this.parents,
      Hostnames: this.hosts.length > 0 ? this.hosts : undefined,
      Rules: [overridden({ ...rule, Filters: tokens === undefined ? Filters : { ...Filters, ...tokens } }, override)],
    };
  }

  private refuseOnTcp(): void {
    const { port } = this.listener.options;
    const meaningless = Object.keys(withoutUndefined(this.options)).at(0);
    if (meaningless !== undefined) {
      throw new MeshError(
        this.gateway,
        `Its listener on port ${port} is a tcp listener, for which ${meaningless} has no effect.`,
        "Omit it, or use an http listener.",
      );
    }
    if (this.targets.length > 1) {
      throw new MeshError(
        this.gateway,
        `Its listener on port ${port} is a tcp listener, which routes to a single service.`,
        "Use a separate listener for each service.",
      );
    }
  }

  private refuseOnHttp(): void {
    const { prefixRewrite, retries } = this.options;
    for (const match of this.matches.length > 0 ? this.matches : [{}]) {
      const problem = problemOfRoute({ match, prefixRewrite, retries });
      if (problem !== undefined) {
        throw new MeshError(this.gateway, ...problem);
      }
    }
    const names = this.targets.map(({ reference }) => sourceKeyOf(reference));
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) {
      throw new MeshError(this.gateway, `A route has ${twice} twice.`, "List it once, with the sum of its weights.");
    }
    for (const { reference, weight = 1 } of this.targets) {
      if (!Number.isInteger(weight) || weight < 1) {
        throw new MeshError(
          this.gateway,
          `The weight of ${reference.service} is ${weight}.`,
          "Use a whole number from 1, or omit the service.",
        );
      }
    }
  }
}

function inWords(match: HttpRouteMatch): string {
  const text = JSON.stringify(Object.fromEntries(Object.entries(match).sort()));
  return text === "{}" ? "" : ` with ${text}`;
}
