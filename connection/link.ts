import { isSeen, type Fact } from "../cluster/fact";
import type { ConnectionFacts, EnvoyFact, Instance } from "./facts";

/** Something that a request meets on its way, and that may be broken. */
export interface Link {
  /** Identifies it in messages. */
  readonly id: string;
  /** What is looked at, in a few words. */
  readonly title: string;
  /** @throws NotVisible if the facts for it are missing */
  find(facts: ConnectionFacts): Iterable<LinkFinding>;
}

export interface LinkFinding {
  /** A `remark` does not keep requests from succeeding. @default "cause" */
  readonly level?: "cause" | "remark";
  /** The service, instance or node with the problem. */
  readonly at: string;
  /** The problem in one sentence, with the value that was found. */
  readonly problem: string;
  /** The fix in one sentence. @default nothing needs to be done */
  readonly fix?: string;
}

/** The facts that a link needs are missing. */
export class NotVisible extends Error {}

/** @throws NotVisible if it is not known */
export function seen<T>(fact: Fact<T> | undefined): T {
  if (fact === undefined) throw new NotVisible("it was not asked, since what leads to it is missing");
  if (isSeen(fact)) return fact.value;
  throw new NotVisible(`${fact.request} of ${fact.engine}: ${fact.words}`);
}

export type SeenEnvoy = Extract<EnvoyFact, { readonly envoy: unknown }>;

/** The Envoys of those instances that were asked and answer. */
export function envoysOf(
  facts: ConnectionFacts,
  instances: readonly Instance[],
): (SeenEnvoy & { readonly instance: Instance })[] {
  return instances.flatMap((instance) => {
    const fact = facts.envoys[instance.id];
    return fact !== undefined && "envoy" in fact ? [{ instance, ...fact }] : [];
  });
}

/** Ends with an error where none of several Envoys could be asked, and says why. */
export function requireEnvoys(facts: ConnectionFacts, instances: readonly Instance[]): ReturnType<typeof envoysOf> {
  const envoys = envoysOf(facts, instances);
  const proxies = instances.filter(({ kind }) => kind !== "native");
  if (envoys.length > 0 || proxies.length === 0) return envoys;
  const [first] = proxies.flatMap(({ id }) => facts.envoys[id] ?? []);
  throw new NotVisible("words" in first ? first.words : "no Envoy was asked");
}

/** `count-api on client-1`: an instance in messages. */
export function placeOf({ service, node, allocation }: Instance): string {
  return `${service} on ${node}${allocation === undefined ? "" : ` (${allocation.slice(0, 8)})`}`;
}
