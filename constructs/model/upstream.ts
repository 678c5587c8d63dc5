import { consulDuration, isDuration } from "../core/duration";
import { withoutUndefined } from "../core/without-undefined";
import type { Reference, UpstreamRecord } from "./records";
import { isToken } from "../core/token";

/** Returns the id by which Consul distinguishes the upstreams of a service: these three fields, including empty ones. */
export function upstreamId({ service, datacenter, peer }: Reference): string {
  return [service, datacenter, peer].join("/").replace(/\/+$/, "");
}

/** Returns the key by which Consul distinguishes upstreams in the service-defaults of the source. */
export function upstreamKey({ destination }: UpstreamRecord): string {
  return `${destination.peer ?? ""}/${destination.service}`;
}

/** Returns why two statements about one upstream contradict each other, or `undefined` if they do not. */
export function contradictionOf(one: UpstreamRecord, other: UpstreamRecord): string | undefined {
  const [here, there] = [one, other].map(
    ({ options, localBindPort }) => new Map<string, unknown>(Object.entries({ ...options, localBindPort })),
  );
  const bound = ["localBindPort", "localBindAddress"];
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

/** Returns the `address:port` to which the tasks of the source connect, or the virtual name of the destination. */
export function addressOf({ destination, localBindPort, options }: UpstreamRecord): string {
  if (localBindPort !== undefined) {
    return `${options.localBindAddress ?? "127.0.0.1"}:${localBindPort}`;
  }
  const { service, peer } = destination;
  return [service, "virtual", ...(peer === undefined ? [] : [peer]), "consul"].join(".");
}

function shown(value: unknown): string {
  return value === undefined ? "none" : JSON.stringify(value);
}
