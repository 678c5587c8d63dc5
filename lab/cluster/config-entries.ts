import type * as consul from "../../constructs/consul/generated/config-entries";
import { configEntries, type ConfigEntries, type ConfigEntryKind } from "../../constructs/model/config-entries";
import type { Cluster } from "./cluster";

/** The kinds that decide which service can reach which. */
const KINDS: readonly ConfigEntryKind[] = [
  "service-intentions",
  "service-resolver",
  "service-splitter",
  "service-router",
  "exported-services",
];

/** What decides in a running cluster which service can reach which. */
export async function readConfigEntries({ consul }: Pick<Cluster, "consul">): Promise<ConfigEntries> {
  const entries = await Promise.all(KINDS.map((kind) => consul.get(`/v1/config/${kind}`)));
  return configEntries((entries as (consul.ConfigEntry[] | null | undefined)[]).flatMap((of) => of ?? []));
}
