import { consulDuration, isDuration } from "../core/duration";
import { withoutUndefined } from "../core/without-undefined";
import type { Reference, UpstreamRecord } from "./records";
import { isToken } from "../core/token";

/** What Consul tells an upstream apart by, among those of one service: these three, empty ones too. */
export function upstreamId({ service, datacenter, peer }: Reference): string {
  return [service, datacenter, peer].join("/").replace(/\/+$/, "");
}

/** What Consul tells it apart by, in the source's service-defaults. */
export function upstreamKey({ destination }: UpstreamRecord): string {
  return `${destination.peer ?? ""}/${destination.service}`;
}

/** Why what was stated about one upstream in two places cannot both hold; `undefined` where it can. */
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

/** Text by which values compare: one length of time can be written in several ways. */
function comparable(value: unknown): unknown {
  const inOneWay = (_: string, field: unknown) =>
    isDuration(field) && !isToken(field) ? consulDuration(field) : field;
  return JSON.stringify(value, inOneWay);
}

/** One upstream that was stated in two places; what the first says goes before. */
export function mergeUpstreams(one: UpstreamRecord, other: UpstreamRecord): UpstreamRecord {
  return {
    destination: one.destination.member === undefined ? other.destination : one.destination,
    localBindPort: one.localBindPort,
    options: { ...withoutUndefined(other.options), ...withoutUndefined(one.options) },
  };
}

/** `address:port` that the tasks of the source connect to. */
export function addressOf({ destination, localBindPort, options }: UpstreamRecord): string {
  return localBindPort === undefined
    ? `${destination.service}.virtual.consul`
    : `${options.localBindAddress ?? "127.0.0.1"}:${localBindPort}`;
}

function shown(value: unknown): string {
  return value === undefined ? "none" : JSON.stringify(value);
}
