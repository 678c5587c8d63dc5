import type { AskedQuery } from "../constructs/model/reach";
import { isSeen } from "../cluster/fact";
import { queryAnswering } from "../lab/cluster/prepared-query";
import type { ConnectionFacts, Instance, RegisteredUpstream } from "./facts";
import { NotVisible, seen } from "./link";

/** What is needed to find upstreams. */
export type UpstreamFacts = Pick<ConnectionFacts, "queries"> & {
  readonly question: Pick<ConnectionFacts["question"], "destination">;
};

/**
 * The upstreams of an instance that lead to the destination: by its name, or by a prepared query that looks it up.
 *
 * @throws NotVisible if only a prepared query may lead there, and Consul does not show it
 */
export function upstreamsTo(
  { question, queries }: UpstreamFacts,
  { upstreams }: Pick<Instance, "upstreams">,
): readonly RegisteredUpstream[] {
  const byName = namedUpstreams({ upstreams }, question.destination);
  const byQuery = upstreams.filter(({ isQuery }) => isQuery);
  if (byQuery.length === 0) return byName;
  const known = byName.length > 0 && queries && !isSeen(queries) ? [] : seen(queries);
  const serviceOf = ({ name }: RegisteredUpstream) => queryAnswering(known, name)?.service;
  const own = byQuery.filter((it) => serviceOf(it) === question.destination);
  const hidden = byQuery.find((it) => serviceOf(it) === undefined);
  if (hidden && byName.length + own.length === 0) {
    throw new NotVisible(`Consul does not show the prepared query ${hidden.name}, to which there is an upstream`);
  }
  return [...byName, ...own];
}

/** Those that name the service itself, not a prepared query. */
function namedUpstreams({ upstreams }: Pick<Instance, "upstreams">, service: string): readonly RegisteredUpstream[] {
  return upstreams.filter(({ name, isQuery }) => !isQuery && name === service);
}

/** Where instances look up the name of the destination: in their own datacenter, unless all their upstreams name another one. */
export function lookupDatacenter(destination: string, instances: readonly Instance[]): string | undefined {
  const upstreams = instances.flatMap((it) => namedUpstreams(it, destination));
  return upstreams.every(({ datacenter }) => datacenter !== undefined) ? upstreams.at(0)?.datacenter : undefined;
}

/** A prepared query, and the upstream that asks it. */
export interface UpstreamQuery {
  readonly query: AskedQuery;
  readonly upstream: RegisteredUpstream;
}

/** The prepared query by which instances reach the destination; undefined if they also, or only, do so by its name. */
export function onlyQueryTo(facts: UpstreamFacts, instances: readonly Instance[]): UpstreamQuery | undefined {
  const { queries } = facts;
  const proxies = instances.filter(({ kind }) => kind === "connect-proxy");
  if (!queries || !isSeen(queries) || proxies.some(({ isTransparent }) => isTransparent)) return undefined;
  const known = proxies.filter(({ upstreams }) => upstreams.some(({ name }) => queryAnswering(queries.value, name)));
  const upstreams = known.flatMap((it) => upstreamsTo(facts, it));
  const upstream = upstreams.every(({ isQuery }) => isQuery) ? upstreams.at(0) : undefined;
  if (upstream === undefined) return undefined;
  const answering = queryAnswering(queries.value, upstream.name);
  return answering && { upstream, query: { ...answering, asked: upstream.name } };
}

/** `127.0.0.1:8080`, or the path of a Unix socket. */
export function bindOf({ port, socket }: RegisteredUpstream): string {
  return socket ?? `127.0.0.1:${port}`;
}
