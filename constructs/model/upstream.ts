import type { UpstreamOptions } from "./upstream-options";
import { consulDuration, isDuration } from "../core/duration";
import { withoutUndefined } from "../core/without-undefined";
import { sourceKeyOf } from "./cluster";
import type { Reference, UpstreamRecord } from "./records";
import { isToken } from "../core/token";

/** Returns the name of the destination in an upstream: of the service, or of the prepared query that finds its instances. */
export function upstreamName({ service, query }: Reference): string {
  return query ?? service;
}

/** Returns the id by which Consul distinguishes the upstreams of a service: these fields, including empty ones. */
export function upstreamId(destination: Reference): string {
  const { datacenter, peer, tenancy = {} } = destination;
  const { partition, namespace } = tenancy;
  return [upstreamName(destination), datacenter, peer, partition, namespace].join("/").replace(/\/+$/, "");
}

/** Returns the key by which Consul distinguishes upstreams in the service-defaults of the source. */
export function upstreamKey({ destination }: UpstreamRecord): string {
  return sourceKeyOf({ ...destination, peer: destination.peer ?? "" });
}

/** Returns why two statements about one upstream contradict each other, or `undefined` if they do not. */
export function contradictionOf(one: UpstreamRecord, other: UpstreamRecord): string | undefined {
  const [here, there] = [one, other].map(
    ({ options, localBindPort }) => new Map<string, unknown>(Object.entries({ ...options, localBindPort })),
  );
  const bound = ["localBindPort", "localBindAddress", "localBindSocketPath"];
  for (const name of new Set([...there.keys(), ...bound])) {
    const [own, value] = [here.get(name), there.get(name)];
    const isOpen = !bound.includes(name) && (own === undefined || value === undefined);
    if (!isOpen && comparable(own) !== comparable(value)) {
      return `both the ${name} ${shown(own)} and ${shown(value)}`;
    }
  }
  return undefined;
}

/** Returns a text for comparing values, because a duration can be written in several ways. */
function comparable(value: unknown): unknown {
  const inOneWay = (_: string, field: unknown) =>
    isDuration(field) && !isToken(field) ? consulDuration(field) : field;
  return JSON.stringify(value, inOneWay);
}

/** Merges two statements about one upstream. The first one takes precedence. */
export function mergeUpstreams(one: UpstreamRecord, other: UpstreamRecord): UpstreamRecord {
  return {
    destination: one.destination.member === undefined ? other.destination : one.destination,
    localBindPort: one.localBindPort,
    options: { ...withoutUndefined(other.options), ...withoutUndefined(one.options) },
  };
}

/** Whether Envoy listens for the upstream. If not, the job does not contain it. */
export function isBound({ localBindPort, options }: UpstreamRecord): boolean {
  return localBindPort !== undefined || options.localBindSocketPath !== undefined;
}

/** Returns the `address:port` to which the tasks of the source connect, the path of the socket, or the virtual name of the destination. */
export function addressOf({ destination, localBindPort, options }: UpstreamRecord): string {
  if (options.localBindSocketPath !== undefined) {
    return options.localBindSocketPath.replace(/^alloc\//, "${NOMAD_ALLOC_DIR}/");
  }
  if (localBindPort !== undefined) {
    return `${options.localBindAddress ?? "127.0.0.1"}:${localBindPort}`;
  }
  return virtualName(destination);
}

/**
 * The name that DNS resolves to the virtual address of a service.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/dns
 */
function virtualName({ service, peer, tenancy }: Reference): string {
  const name = [service, "virtual"];
  if (tenancy === undefined) {
    return [...name, ...(peer === undefined ? [] : [peer]), "consul"].join(".");
  }
  const { partition, namespace } = tenancy;
  const labelled = { ns: namespace, ap: partition, peer };
  const labels = Object.entries(labelled).flatMap(([label, value]) => (value === undefined ? [] : [value, label]));
  return [...name, ...labels, "consul"].join(".");
}

function shown(value: unknown): string {
  return value === undefined ? "none" : JSON.stringify(value);
}

/** What is wrong with the options of an upstream, and its fix. */
export function problemOfUpstream(options: UpstreamOptions): readonly [problem: string, fix: string] | undefined {
  const { localBindSocketPath: path, localBindSocketMode: mode, localBindPort, preparedQuery } = options;
  if (path === undefined && mode !== undefined) {
    return ["localBindSocketMode has no socket.", "Set localBindSocketPath too, or omit the mode."];
  }
  if (path !== undefined && localBindPort !== undefined) {
    return ["Envoy would listen on a port and on a socket.", "Omit localBindPort or localBindSocketPath."];
  }
  if (path !== undefined && !isToken(path) && !/^alloc\/[^/].*[^/]$/.test(path)) {
    return [
      `localBindSocketPath is "${path}", which tasks and Envoy do not share.`,
      'Use a path below the shared directory of the allocation, such as "alloc/tmp/orders.sock".',
    ];
  }
  if (mode !== undefined && !isToken(mode) && !/^0?[0-7]{3}$/.test(mode)) {
    return [`localBindSocketMode is "${mode}".`, 'Use three octal digits, such as "0666".'];
  }
  const ignored = (["limits", "passiveHealthCheck", "connectTimeout"] as const).filter(
    (name) => options[name] !== undefined,
  );
  if (preparedQuery !== undefined && ignored.length > 0) {
    return [
      `Consul ignores ${ignored.join(", ")} of an upstream with a prepared query.`,
      "Use `config`, such as { connect_timeout_ms: 500 }, or an upstream without preparedQuery.",
    ];
  }
  return undefined;
}
