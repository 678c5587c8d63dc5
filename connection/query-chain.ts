import type { AskedQuery } from "../constructs/model/reach";
import type { ChainTarget, CompiledChain } from "./facts";

/** Where and for which upstream a prepared query is run. */
export interface QueryRun {
  /** The datacenter that runs it. */
  readonly datacenter: string;
  /** The protocol of the upstream. */
  readonly protocol: string;
  /** The datacenters of its WAN federation, the nearest ones first. */
  readonly nearest: readonly string[];
}

/** The discovery chain that finds the instances of a prepared query: Envoys that use the query have no other one for its service. */
export function chainOfQuery(
  { asked, service, lookup }: AskedQuery,
  { datacenter, protocol, nearest }: QueryRun,
): CompiledChain {
  const { NearestN = 0, Datacenters, Targets } = lookup.Failover ?? {};
  const near = nearest.filter((name) => name !== datacenter).slice(0, NearestN);
  const named = [...near, ...(Datacenters ?? [])].map((Datacenter) => ({ Datacenter }));
  const failover = [...named, ...(Targets ?? [])];
  const Filter = filterOf(lookup);
  const targetAt = ({ Peer, Datacenter }: (typeof failover)[number] & { readonly Peer?: string }): ChainTarget => ({
    ID: [asked, Peer ? `peer ${Peer}` : Datacenter].join("/"),
    Service: service,
    Datacenter: Datacenter || datacenter,
    ...(Peer && { Peer }),
    // Envoy adds the trust domain.
    Name: `${asked}.default.${datacenter}.query.`,
    ...(Filter !== "" && { Subset: { Filter } }),
    OnlyPassing: lookup.OnlyPassing,
    IgnoreCheckIDs: lookup.IgnoreCheckIDs,
  });
  const [first, ...others] = [{ Datacenter: datacenter }, ...failover].map(targetAt);
  return {
    ...{ Datacenter: datacenter, Protocol: protocol, StartNode: asked },
    Nodes: {
      [asked]: {
        ...{ Type: "resolver", Name: asked },
        Resolver: { Target: first.ID, Failover: { Targets: others.map(({ ID }) => ID) } },
      },
    },
    Targets: Object.fromEntries([first, ...others].map((target) => [target.ID, target])),
    Query: { asked, service, lookup: { ...lookup, Failover: { Targets: failover } } },
  };
}

/** What the query requires of instances, in Consul's filter language. */
function filterOf({ Tags, ServiceMeta, NodeMeta }: AskedQuery["lookup"]): string {
  const fields = (selector: string, meta: Readonly<Record<string, string>> | null | undefined) =>
    Object.entries(meta ?? {}).map(([key, value]) => `${selector}[${JSON.stringify(key)}] == ${JSON.stringify(value)}`);
  return [
    ...(Tags ?? []).map((tag) =>
      tag.startsWith("!")
        ? `${JSON.stringify(tag.slice(1))} not in Service.Tags`
        : `${JSON.stringify(tag)} in Service.Tags`,
    ),
    ...fields("Service.Meta", ServiceMeta),
    ...fields("Node.Meta", NodeMeta),
  ].join(" and ");
}
