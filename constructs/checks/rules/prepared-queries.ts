import { append } from "../../core/collections";
import { queryFor } from "../../consul/prepared-query";
import type { Cluster } from "../../model/cluster";
import { failoverFix } from "../../model/reach";
import type { QueryRecord, UpstreamRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import type { Check } from "../check";
import { once, upstreamsIn, type StatedUpstream } from "./records";

/** An upstream to a prepared query of the app. */
interface QueryUpstream extends StatedUpstream {
  readonly query: QueryRecord;
}

const queryUpstreamsIn = once((graph: Snapshot): readonly QueryUpstream[] => {
  const queries = new Map<Cluster, QueryRecord[]>();
  for (const query of graph.data.queries) append(queries, graph.clusterOf(query.mesh), query);
  return upstreamsIn(graph).flatMap((it) => {
    const { query: name, datacenter } = it.upstream.destination;
    // A query with a datacenter is one of the Consul there.
    if (name === undefined || datacenter !== undefined) return [];
    const query = queryFor(queries.get(it.cluster) ?? [], name);
    return query === undefined ? [] : [{ ...it, query }];
  });
});

const queryOfAnotherService: Check = {
  id: "query-of-another-service",
  reason:
    "Requests go to the service that the query looks up, while the intention and the protocol are those of the upstream's service.",
  level: "error",
  *find({ graph }) {
    for (const { instances, upstream, query } of queryUpstreamsIn(graph)) {
      const { service } = upstream.destination;
      if (query.service !== service) {
        yield {
          at: instances.key,
          problem: `Its upstream ${service} uses the prepared query ${nameOf(upstream)}, which looks up ${query.service}.`,
          fix: `Connect to ${query.service}, or use a query for ${service}.`,
        };
      }
    }
  },
};

const queryFailoverToPeer: Check = {
  id: "query-failover-to-peer",
  reason:
    "Envoy accepts only certificates of its own cluster from the instances that a prepared query finds, so requests to those of a cluster peer fail.",
  level: "error",
  *find({ graph }) {
    for (const { instances, upstream, query } of queryUpstreamsIn(graph)) {
      const [peer] = query.peers;
      if (query.peers.length > 0) {
        yield {
          at: instances.key,
          problem: `Its upstream ${upstream.destination.service} uses the prepared query ${nameOf(upstream)}, which fails over to the cluster peer ${peer}: Envoy refuses the instances there.`,
          fix: failoverFix(query.service),
        };
      }
    }
  },
};

function nameOf({ destination }: UpstreamRecord): string {
  return destination.query ?? "";
}

export const preparedQueryChecks: readonly Check[] = [queryOfAnotherService, queryFailoverToPeer];
