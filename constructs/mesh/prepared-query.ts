import { PreparedQuery as PreparedQueryResource } from "@cdktf/provider-consul/lib/prepared-query";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { type DurationLike, optionalConsulDuration } from "../core/duration";
import { isDefaultTenancy, tenancyText } from "../consul/tenancy";
import { MeshError } from "../core/errors";
import * as is from "../core/shape";
import { escapeTemplate } from "../core/terraform-json";
import { isToken } from "../core/token";
import type { Mesh } from "./mesh";
import { nameOf, type IMeshService } from "./mesh-member";
import { MEMBER } from "./shapes";

/** Props of {@link ServiceMesh.addPreparedQuery}. */
export interface PreparedQueryBaseProps {
  /** Name of the query in Consul. With a template, the prefix of the names that it answers. @default the construct's id */
  readonly queryName?: string;
  /** The service that is looked up, or its name. With a template, the name can contain `${name.suffix}`, `${match(1)}` and others. */
  readonly service: IMeshService | string;
  /** Where instances are looked up if the own datacenter has no healthy one. @default nowhere */
  readonly failover?: QueryFailover;
  /** Tags that the instances must have or, with a leading `!`, must not have. @default any tags */
  readonly tags?: readonly string[];
  /** Whether instances with warnings are left out. @default false: only critical ones are */
  readonly onlyPassing?: boolean;
  /** Ids of checks that are ignored. @default none */
  readonly ignoreCheckIds?: readonly string[];
  /** Metadata that the nodes of the instances must have. @default any */
  readonly nodeMeta?: Readonly<Record<string, string>>;
  /** Metadata that the instances must have. @default any */
  readonly serviceMeta?: Readonly<Record<string, string>>;
  /**
   * The node to which the nearest instances come first, by network coordinates: its name, `_agent` for the node of the agent that is asked, or
   * `_ip` for the node with the address of the caller.
   *
   * @default the order is random
   */
  readonly near?: string;
  /**
   * Whether the answer contains the Envoys of the instances, for clients that use mutual TLS. Conditions then apply to the Envoys.
   *
   * @default false; an upstream to the query always gets Envoys
   */
  readonly connect?: boolean;
  /** How long clients can keep answers of DNS. @default the setting of the agent, 0 by default */
  readonly dnsTtl?: DurationLike;
  /** Answers all queries whose names begin with `queryName`, instead of one. @default one query */
  readonly template?: QueryTemplate;
}

/** Props of {@link PreparedQuery}. */
export interface PreparedQueryProps extends PreparedQueryBaseProps {
  /** The mesh whose Consul has the query. */
  readonly mesh: Mesh;
}

/** Where a prepared query looks next: in `targets`, or in the `nearest` datacenters and then in `datacenters`. */
export interface QueryFailover {
  /** Number of datacenters of a WAN federation, the nearest ones first. @default 0 */
  readonly nearest?: number;
  /** Datacenters of a WAN federation, in order. @default none */
  readonly datacenters?: readonly string[];
  /** Cluster peers and datacenters of a WAN federation, in order. @default none */
  readonly targets?: readonly QueryFailoverTarget[];
}

/** A cluster peer, or a datacenter of a WAN federation. */
export interface QueryFailoverTarget {
  /** Name of the cluster peer, which must export the service. @default none */
  readonly peer?: string;
  /** Name of the datacenter. @default none */
  readonly datacenter?: string;
}

/** How a prepared query depends on the name by which it is asked. */
export interface QueryTemplate {
  /** A regular expression (RE2) for the whole name. Its groups are `${match(1)}` and so on. */
  readonly regexp: string;
  /** Whether tags that are empty after the replacement are omitted. @default false */
  readonly removeEmptyTags?: boolean;
}

const TARGET_SHAPE: is.Shape<QueryFailoverTarget> = { peer: is.name, datacenter: is.name };
const FAILOVER_SHAPE: is.Shape<QueryFailover> = {
  nearest: is.number,
  datacenters: is.list(is.name),
  targets: is.list(is.block(TARGET_SHAPE)),
};
const TEMPLATE_SHAPE: is.Shape<QueryTemplate> = { regexp: is.required(is.text), removeEmptyTags: is.flag };
const PREPARED_QUERY_SHAPE: is.Shape<PreparedQueryProps> = {
  mesh: is.required(is.like("a ServiceMesh", "addMember")),
  queryName: is.text,
  service: is.required(MEMBER),
  failover: is.block(FAILOVER_SHAPE),
  tags: is.list(is.text),
  onlyPassing: is.flag,
  ignoreCheckIds: is.list(is.text),
  nodeMeta: is.map(is.text),
  serviceMeta: is.map(is.text),
  near: is.name,
  connect: is.flag,
  dnsTtl: is.durationText,
  template: is.block(TEMPLATE_SHAPE),
};

/**
 * A query in Consul for the instances of a service, by DNS (`<name>.query.consul`), by Consul's API, or by upstreams (`preparedQuery` of
 * `connectTo`).
 *
 * @example
 * const orders = mesh.addService("orders", { port: 8000, workload });
 * const query = mesh.addPreparedQuery("near-orders", { service: orders, near: "_agent", failover: { nearest: 2 } });
 * shop.connectTo(orders, { preparedQuery: query.queryName });
 * @see https://developer.hashicorp.com/consul/docs/manage-traffic/failover/prepared-query
 */
export class PreparedQuery extends Construct {
  /** Name of the query in Consul. */
  readonly queryName: string;
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: PreparedQueryResource;

  /**
   * @throws MeshError if Consul would refuse the query, or if it would find nothing
   */
  constructor(scope: Construct, id: string, props: PreparedQueryProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, PREPARED_QUERY_SHAPE);
    const { queryName = id, service, failover, template, dnsTtl, tags, near } = props;
    this.queryName = queryName;
    const serviceName = nameOf(service);
    this.refuseContradictions(serviceName, props);
    this.refuseTenancy(props.mesh);
    const literal = (text: string) => (isToken(text) ? text : escapeTemplate(text));
    props.mesh.addQuery(this, {
      ...{ name: queryName, service: serviceName, template: template && { regexp: template.regexp } },
      peers: failover?.targets?.flatMap(({ peer }) => peer ?? []) ?? [],
    });
    this.resource = new PreparedQueryResource(this, "Resource", {
      name: queryName,
      service: literal(serviceName),
      tags: tags?.map(literal),
      near: near === undefined ? undefined : literal(near),
      onlyPassing: props.onlyPassing,
      connect: props.connect,
      ignoreCheckIds: props.ignoreCheckIds && [...props.ignoreCheckIds],
      nodeMeta: props.nodeMeta,
      serviceMeta: props.serviceMeta,
      failover: failover && {
        nearestN: failover.nearest,
        datacenters: failover.datacenters?.map(literal),
        targets: failover.targets?.map((target) => ({ ...target })),
      },
      dns: dnsTtl === undefined ? undefined : { ttl: optionalConsulDuration(dnsTtl) },
      template: template && {
        type: "name_prefix_match",
        regexp: escapeTemplate(template.regexp),
        removeEmptyTags: template.removeEmptyTags,
      },
    });
    addressByIdentity(this.resource, queryName);
  }

  /** The name that DNS answers. */
  get address(): string {
    return `${this.queryName}.query.consul`;
  }

  /** The Terraform provider has no fields for it. */
  private refuseTenancy({ tenancy = {} }: Mesh): void {
    if (!isDefaultTenancy(tenancy)) {
      throw new MeshError(
        this,
        `Its mesh is in ${tenancyText(tenancy)}, and Terraform writes prepared queries only to the default namespace of the default partition.`,
        "Use a failover of the service instead, with resolve.",
      );
    }
  }

  private refuseContradictions(service: string, { failover = {}, template }: PreparedQueryProps): void {
    const { nearest = 0, datacenters = [], targets = [] } = failover;
    if (targets.length > 0 && (nearest > 0 || datacenters.length > 0)) {
      throw new MeshError(
        this,
        "Its failover has targets and datacenters, of which Consul accepts only one.",
        "Add the datacenters to the targets, in order.",
      );
    }
    for (const { peer, datacenter } of targets) {
      if ((peer === undefined) === (datacenter === undefined)) {
        throw new MeshError(this, "A target of its failover needs a peer or a datacenter, and not both.", "Set one.");
      }
    }
    if (template === undefined && service.includes("${") && !isToken(service)) {
      throw new MeshError(
        this,
        `Without a template, it looks up a service with the name "${service}".`,
        'Set `template`, such as { regexp: "^near-(.+)$" }, or the name of a service.',
      );
    }
  }
}
