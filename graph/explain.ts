import type * as nomad from "../constructs/nomad/generated/job";
import type { HttpRequest } from "../constructs/model/http-request";
import { reach, reachByQuery, reachOf, type Reach } from "../constructs/model/reach";
import type { MeshDocuments } from "../lab/apply/documents";
import { LabError } from "../lab/core/errors";
import { requireServices } from "./names";
import { inPlaces, placeFrom } from "./tenancies";
import { isQuery, queryOf, serviceOf, wayOf } from "./upstreams";
import { worldOf } from "./world";

/** A question: may this service reach that one? */
export interface Question {
  /** Name of the source service. */
  readonly source: string;
  /** The name that it asks for. */
  readonly destination: string;
  /** Consul datacenter of the source; with its partition and namespace, `dc1/team-a/payments`. @default the only one with the source, or of the app */
  readonly datacenter?: string;
  /** Decide about this request. @default about any */
  readonly request?: HttpRequest;
}

/** Whether a service can reach another, by what way, and what decides. */
export interface Explanation {
  /** `some requests` where it depends on the request and none was given; `unknown` where another team's entries decide. */
  readonly allowed: Reach["allowed"];
  /**
   * How the source's Envoys lead to the name: `127.0.0.1:8080`, or `api.virtual.consul`. Empty where they do not; `undefined` for
   * a gateway, or a source that is not in the app.
   */
  readonly upstreams?: readonly string[];
  /** Where requests end, after routes, splits, redirects and failovers. */
  readonly ends: readonly ExplainedEnd[];
}

/** A service at which requests end. */
export interface ExplainedEnd {
  /** Name in Consul. */
  readonly service: string;
  /** @default the only one of the app, which has no name */
  readonly datacenter?: string;
  /** Whether requests come here only while nothing healthy is left elsewhere. */
  readonly isFailover: boolean;
  /** The rules that lead there, in order, such as `the redirect of orders-old`. */
  readonly by: readonly string[];
  readonly allowed: Reach["allowed"];
  /** What decides, in one sentence without a full stop. */
  readonly reason: string;
  /** What to do if it is refused and no intention can allow it. @default an intention can */
  readonly fix?: string;
}

/**
 * Explains whether one service can reach another, from what an app synthesized.
 *
 * @throws LabError if the app does not know one of the two, or has several datacenters and none is named
 */
export function explain(given: MeshDocuments, question: Question): Explanation {
  const { source, destination, request } = question;
  const documents = inPlaces(given);
  requireServices(documents, source, destination);
  const world = worldOf(documents);
  const datacenter = question.datacenter ?? onlyOne(placesOf(documents, source) ?? [...world.entries.keys()]);
  if (!world.entries.has(datacenter)) {
    throw new LabError(
      `The app has no datacenter ${datacenter}.`,
      `Known datacenters: ${[...world.entries.keys()].sort().join(", ")}.`,
    );
  }
  // An upstream to another datacenter of a WAN federation, or to another partition or namespace, is looked up there.
  const toIt = upstreamsTo(documents, { datacenter, source, destination });
  const places = toIt
    .filter(({ DestinationPeer }) => !DestinationPeer)
    .map(({ Datacenter, DestinationPartition: Partition, DestinationNamespace: Namespace }) =>
      placeFrom(datacenter, { Partition, Namespace }, Datacenter),
    );
  const there = places.find((place) => place !== undefined && place !== datacenter);
  const from = { datacenter, service: source };
  const byQuery = toIt.flatMap((upstream) => {
    const query = queryOf(documents, upstream, datacenter || undefined);
    const { DestinationName: asked = "", Datacenter: home } = upstream;
    return query ? reachByQuery(world, from, { ...query, asked }, home || datacenter, request).ends : [];
  });
  const upstreams = upstreamsOf(documents, { datacenter, source, destination });
  const isByQueryOnly = toIt.length > 0 && upstreams?.length === toIt.filter(isQuery).length;
  const byName = isByQueryOnly
    ? []
    : reach(world, from, { datacenter: there ?? datacenter, service: destination }, request).ends;
  const { allowed, ends } = reachOf([...byName, ...byQuery]);
  return {
    allowed,
    ...(upstreams && { upstreams }),
    ends: ends.map(({ service, datacenter: place, isFailover, by, decision, fix }) => ({
      service,
      ...(place !== "" && { datacenter: place }),
      ...{ isFailover, by },
      allowed: decision?.allowed ?? "unknown",
      reason: decision?.reason ?? "another team's entries decide",
      ...(fix !== undefined && { fix }),
    })),
  };
}

/** Where the app runs a service. @default it does not run it */
export function placesOf({ jobs }: Pick<MeshDocuments, "jobs">, service: string): readonly string[] | undefined {
  const places = jobs
    .filter(({ job }) => (job.TaskGroups ?? []).some((it) => it.Services?.some(({ Name }) => Name === service)))
    .map(({ datacenter = "" }) => datacenter);
  return places.length > 0 ? [...new Set(places)] : undefined;
}

function proxiesOf({ jobs }: MeshDocuments, { datacenter, source }: Question) {
  return jobs
    .filter((document) => (document.datacenter ?? "") === datacenter)
    .flatMap(({ job }) => job.TaskGroups ?? [])
    .flatMap(({ Services }) => Services ?? [])
    .filter(({ Name, Connect }) => Name === source && Connect && !Connect.Gateway)
    .map(({ Connect }) => Connect);
}

function upstreamsTo(documents: MeshDocuments, question: Question): readonly nomad.ConsulUpstream[] {
  return proxiesOf(documents, question)
    .flatMap((connect) => connect?.SidecarService?.Proxy?.Upstreams ?? [])
    .filter((upstream) => serviceOf(documents, upstream, question.datacenter || undefined) === question.destination);
}

function upstreamsOf(documents: MeshDocuments, question: Question): readonly string[] | undefined {
  const { destination } = question;
  const proxies = proxiesOf(documents, question);
  if (proxies.length === 0) return undefined;
  const upstreams = upstreamsTo(documents, question).map((upstream) =>
    isQuery(upstream)
      ? `${wayOf(upstream)} (by the prepared query ${upstream.DestinationName ?? ""}, without its routes, splits, redirects and failovers)`
      : wayOf(upstream),
  );
  const others = proxies.flatMap((connect) => {
    // Its own code asks Consul.
    if (connect?.Native) return ["Connect native"];
    return connect?.SidecarService?.Proxy?.TransparentProxy ? [`${destination}.virtual.consul`] : [];
  });
  return [...new Set([...upstreams, ...others])].sort();
}

function onlyOne(datacenters: readonly string[]): string {
  if (datacenters.length > 1) {
    throw new LabError(
      `The app has several datacenters: ${datacenters.join(", ")}.`,
      "Set datacenter to that of the source.",
    );
  }
  return datacenters[0] ?? "";
}
