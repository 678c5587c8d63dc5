import type { EdgeTraffic, MeshEdge, MeshJob, MeshNode } from "./model";

/** A line of what is known: what it is about, and what there is. */
export type Fact = readonly [label: string, value: string];

/** What kind of thing a node is, in words. */
export function kindOf({ kind, gateway }: MeshNode): string {
  switch (kind) {
    case "gateway":
      return gateway === "api" ? "API gateway" : `${gateway ?? "some"} gateway`;
    case "external":
      return "outside the mesh";
    case "virtual":
      return "virtual service";
    case "name":
      return "not run by this app";
    case "any":
      return "any service";
    case "callers":
      return "outside the mesh";
    case "service":
    case "subset":
      return kind;
  }
}

/** The small line in a node's box. */
export function sublineOf(node: MeshNode): string {
  const { kind, protocol, port, published = [], addresses = [], listeners = [], health } = node;
  const instances = instancesOf(node);
  const state = health?.isDone ? "done" : health && `${health.healthy}/${health.wanted} healthy`;
  const count = state ?? (instances > 1 ? `×${instances}` : "");
  const kinds = [...new Set((node.jobs ?? []).flatMap((job) => job.kind ?? []))].join(", ");
  switch (kind) {
    case "service": {
      const where = [protocol, port && `:${port}`].filter(Boolean).join(" ");
      return [where, published.length > 0 && "published", kinds, count].filter(Boolean).join(" · ");
    }
    case "gateway":
      return [kindOf(node), shortened(listeners), count].filter(Boolean).join(" · ");
    case "external":
      return [protocol, shortened(addresses) || kindOf(node), kinds, count].filter(Boolean).join(" · ");
    case "virtual":
    case "name":
      return [protocol, kindOf(node)].filter(Boolean).join(" · ");
    case "subset":
    case "any":
    case "callers":
      return "";
  }
}

function shortened(list: readonly string[]): string {
  return list.length > 1 ? `${list[0]} +${list.length - 1}` : (list.at(0) ?? "");
}

export function instancesOf({ jobs = [] }: Pick<MeshNode, "jobs">): number {
  return jobs.reduce((sum, { instances }) => sum + instances, 0);
}

/** What the small text on an arrow says; most arrows need none. */
export function labelOf(edge: MeshEdge): string {
  const { traffic } = edge;
  const now = traffic && (traffic.perSecond > 0 || isFailing(traffic)) ? trafficPhrase(traffic) : "";
  return [meaningOf(edge), now].filter(Boolean).join(" · ");
}

function meaningOf({ kind, permission, weight, matches = [] }: MeshEdge): string {
  switch (kind) {
    case "connection":
      return permission?.allowed === "no" ? "refused" : permission?.allowed === "some requests" ? "L7" : "";
    case "split":
      return `${weight ?? 0} %`;
    case "route":
      return shortened(matches);
    case "failover":
    case "redirect":
      return kind;
    case "carries":
    case "subset":
    case "enters":
      return "";
  }
}

/** What an arrow says when it is pointed at: one sentence. */
export function sentenceOf(edge: MeshEdge, source: MeshNode, destination: MeshNode): string {
  const isFar = source.group !== destination.group;
  const [from, to] = [source, destination].map((node) =>
    isFar && node.group !== undefined ? `${titleOf(node)} (${node.group})` : titleOf(node),
  );
  switch (edge.kind) {
    case "connection":
      return `${from} ${verbOf(edge)} ${to}`;
    case "split":
      return `${edge.weight ?? 0} % of ${from} goes to ${to}`;
    case "route":
      return `${from} sends ${edge.matches?.join("; ") ?? "any request"} to ${to}`;
    case "redirect":
      return `${from} leads to ${to}`;
    case "failover":
      return `${from} falls back to ${to}`;
    case "subset":
      return `${to} is a subset of ${from}`;
    case "carries":
      return `${from} carries traffic to ${to}`;
    case "enters":
      return `${from} reach ${to}`;
  }
}

/** What a connection comes to. */
export function verbOf({ permission, ways }: MeshEdge): string {
  const finds = ways !== undefined;
  switch (permission?.allowed) {
    case "all":
      return finds ? "talks to" : "can reach";
    case "some requests":
      return finds ? "can send some requests to" : "can send some requests, but has no upstream, to";
    case "no":
      return "has an upstream to, but is refused by,";
    default:
      return "has an upstream to";
  }
}

/** A node's name, with the service that a subset is of. */
export function titleOf({ name, group, subsetOf }: MeshNode): string {
  return subsetOf === undefined ? name : `${subsetOf.slice(group === undefined ? 0 : group.length + 1)} ${name}`;
}

/** All that is known of a node except its name and its arrows. */
export function nodeFacts(node: MeshNode, groupName: string | undefined): readonly Fact[] {
  const { protocol, port, published, proxy, checks, extensions, listeners, addresses, exportedTo, filter } = node;
  const { isDefault, jobs, health } = node;
  return [
    ...fact("is", kindOf(node)),
    ...fact("in", groupName),
    ...fact("protocol", protocol),
    ...fact("port", port),
    ...fact("published on hosts", published?.map((it) => `:${it}`).join(", ")),
    ...fact("listens", listeners?.join(", ")),
    ...fact("address", addresses?.join(", ")),
    ...fact("instances with", filter),
    ...fact("default", isDefault && "requests without a subset go here"),
    ...fact("proxy", proxy),
    ...fact("health checks", checks?.join(", ")),
    ...fact("extensions of Envoy", extensions?.join(", ")),
    ...fact("exported to", exportedTo?.join(", ")),
    ...(jobs ?? []).flatMap((job) => fact("job", jobPhrase(job))),
    ...fact("healthy", health && `${health.healthy} of ${health.wanted}${health.isDone ? ", done" : ""}`),
    ...(health?.problems ?? []).flatMap((problem) => fact("problem", problem)),
  ];
}

function jobPhrase({ id, stack, instances, group, namespace, kind }: MeshJob): string {
  const count = instances === 1 ? "1 instance" : `${instances} instances`;
  return [
    id,
    kind,
    ...(group === undefined ? [] : [`group ${group}`]),
    kind === "system" || kind === "sysbatch" ? "on every eligible node" : count,
    ...(namespace === undefined ? [] : [`namespace ${namespace}`]),
    `stack ${stack}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** All that is known of an arrow. */
export function edgeFacts(edge: MeshEdge): readonly Fact[] {
  const { permission, ways, weight, choice, matches, remarks, traffic } = edge;
  return [
    ...fact("by", ways?.join(", ")),
    ...fact("may", mayOf(edge)),
    ...(permission?.rules ?? []).flatMap((rule) => fact("rule", rule)),
    ...fact("why", permission?.description),
    ...fact("share", weight === undefined ? undefined : `${weight} %`),
    ...fact("choice", choice?.toString()),
    ...(matches ?? []).flatMap((match) => fact("for", match)),
    ...(remarks ?? []).flatMap((remark) => fact("note", remark)),
    ...fact("now", traffic && ratePhrase(traffic)),
    ...fact("duration", traffic && durationPhrase(traffic)),
    ...fact("open", traffic?.open !== undefined && `${traffic.open} connection${traffic.open === 1 ? "" : "s"}`),
    ...fact("4xx", errorPhrase(traffic?.clientErrorsPerSecond)),
    ...fact("5xx", errorPhrase(traffic?.serverErrorsPerSecond)),
    ...fact("failed", errorPhrase(traffic?.failedPerSecond)),
  ];
}

const NO_UPSTREAM = ", but has no upstream";

function mayOf({ kind, permission, ways }: MeshEdge): string | undefined {
  if (kind !== "connection") return undefined;
  const by = permission?.wildcard ? ", by a wildcard" : "";
  switch (permission?.allowed) {
    case "all":
      return `everything${by}${ways ? "" : NO_UPSTREAM}`;
    case "some requests":
      return `some requests${by}${ways ? "" : NO_UPSTREAM}`;
    case "no":
      return `nothing${by}: every connection is refused`;
    default:
      return "as the destination's owner decides";
  }
}

/** `12.3 requests/s` */
export function ratePhrase({ unit, perSecond }: EdgeTraffic): string {
  return `${perSecond >= 10 ? perSecond.toFixed(0) : perSecond.toFixed(1)} ${unit === "requests" ? "req/s" : "conn/s"}`;
}

/** What stands on an arrow: `12 req/s, p95 8 ms, 5 % fail`. */
function trafficPhrase(traffic: EdgeTraffic): string {
  const { p95Ms, perSecond } = traffic;
  const failed = failuresOf(traffic);
  // Those that fail to connect are among the connections that were asked for.
  const share = failed > 0 ? Math.min(100, Math.max(1, Math.round((100 * failed) / Math.max(perSecond, failed)))) : 0;
  return [ratePhrase(traffic), p95Ms !== undefined && `p95 ${milliseconds(p95Ms)}`, share > 0 && `${share} % fail`]
    .filter(Boolean)
    .join(", ");
}

/** `mean 4.1 ms, p95 9.8 ms`; undefined if no request was measured. */
export function durationPhrase({ meanMs, p95Ms }: EdgeTraffic): string | undefined {
  if (meanMs === undefined || p95Ms === undefined) return undefined;
  return `mean ${milliseconds(meanMs)}, p95 ${milliseconds(p95Ms)}`;
}

/** `4xx 0.5/s, 5xx 2.0/s`; empty for none. */
export function errorsPhrase({ clientErrorsPerSecond, serverErrorsPerSecond, failedPerSecond }: EdgeTraffic): string {
  const kinds = { "4xx": clientErrorsPerSecond, "5xx": serverErrorsPerSecond, failed: failedPerSecond };
  return Object.entries(kinds)
    .flatMap(([kind, perSecond]) => (perSecond ? [`${kind} ${errorPhrase(perSecond) ?? ""}`] : []))
    .join(", ");
}

/** Whether requests were answered with 5xx, or connections could not be opened. */
export function isFailing(traffic: EdgeTraffic): boolean {
  return failuresOf(traffic) > 0;
}

function failuresOf({ serverErrorsPerSecond = 0, failedPerSecond = 0 }: EdgeTraffic): number {
  return serverErrorsPerSecond + failedPerSecond;
}

function milliseconds(ms: number): string {
  return ms >= 10_000 ? `${(ms / 1000).toFixed(0)} s` : `${ms >= 10 ? ms.toFixed(0) : ms.toFixed(1)} ms`;
}

function errorPhrase(perSecond: number | undefined): string | undefined {
  return perSecond ? `${perSecond.toFixed(1)}/s` : undefined;
}

function fact(label: string, value: string | false | undefined): readonly Fact[] {
  return value ? [[label, value]] : [];
}

/** Whether fewer of its instances are healthy than are wanted. */
export function isIll({ health }: MeshNode): boolean {
  return health !== undefined && health.healthy < health.wanted;
}
