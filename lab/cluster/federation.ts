import { invocation } from "../core/invocation";
import { waitFor, type WaitOptions } from "../core/wait";
import type { Cluster } from "./cluster";
import { pairsOf, type PeeringStatus } from "./peering";

/** How each two datacenters of a WAN federation are joined: `ACTIVE` if each answers the other. */
export function readFederation(clusters: readonly Cluster[]): Promise<PeeringStatus[]> {
  return Promise.all(
    pairsOf(clusters).map(async ([left, right]) => {
      const isAnswered = await Promise.all([isReached(left, right), isReached(right, left)]);
      const state = isAnswered.every(Boolean) ? "ACTIVE" : isAnswered.some(Boolean) ? "half" : "absent";
      return { datacenters: [left.datacenter, right.datacenter] as const, state };
    }),
  );
}

/**
 * Waits until each datacenter of a WAN federation answers the others, which it does once their mesh gateways run, and has the config
 * entries of the primary.
 *
 * @param clusters the primary is the first one
 */
export async function awaitFederation(clusters: readonly Cluster[], options: WaitOptions): Promise<void> {
  await awaitAnswers(clusters, options);
  const [primary, ...others] = clusters;
  const behind = async () => {
    const entries = await entriesOf(primary);
    const copies = await Promise.all(others.map(async (it) => [it.datacenter, await entriesOf(it)] as const));
    return copies.filter(([, copy]) => copy !== entries).map(([datacenter]) => datacenter);
  };
  await waitFor("the config entries to be replicated", async () => (await behind()).length === 0, {
    ...options,
    lastSeen: async () => `Those of ${(await behind()).join(", ")} differ from those of ${primary.datacenter}.`,
    fix: "See the logs of Consul's servers.",
  });
}

/**
 * Waits until the CA of datacenters outside the primary of a WAN federation can sign. After a restart they know their roots at once, but
 * not yet those of the primary, so they are asked to sign.
 */
export async function awaitMeshCa(clusters: readonly Cluster[], options: WaitOptions): Promise<void> {
  // A name of its own: an agent would answer from memory what it has asked for before.
  const path = `/v1/agent/connect/ca/leaf/meshform-${String(Date.now())}`;
  const without = async () => {
    const signed = await Promise.all(
      clusters.map(({ consul }) =>
        consul.get(path).then(
          () => true,
          () => false,
        ),
      ),
    );
    return clusters.filter((_, index) => !signed[index]).map(({ datacenter }) => datacenter);
  };
  await waitFor("the CA of the mesh to sign certificates", async () => (await without()).length === 0, {
    ...options,
    intervalMs: 500,
    lastSeen: async () => `That of ${(await without()).join(", ")} does not.`,
    fix: "See the logs of Consul's servers.",
  });
}

/** Waits until each datacenter answers the others. */
async function awaitAnswers(clusters: readonly Cluster[], options: WaitOptions): Promise<void> {
  const apart = async () => (await readFederation(clusters)).filter(({ state }) => state !== "ACTIVE");
  await waitFor("the datacenters to be federated", async () => (await apart()).length === 0, {
    ...options,
    lastSeen: async () =>
      (await apart()).map(({ datacenters, state }) => `${datacenters.join(" and ")}: ${state}.`).join("\n"),
    fix: `See the logs of the mesh gateways: \`${invocation("logs", "<gateway>")}\`.`,
  });
}

const REPLICATED = ["service-intentions", "service-defaults", "service-resolver", "service-router", "proxy-defaults"];

/** The entries as text, by their hashes: Consul can add defaults of others to the entries that one of its servers has in memory. */
async function entriesOf({ consul }: Cluster): Promise<string> {
  const lists = (await Promise.all(REPLICATED.map((kind) => consul.get(`/v1/config/${kind}`)))) as ConfigEntry[][];
  const entries = lists.flat().map(({ Kind, Name, Hash }) => [Kind, Name, Hash]);
  // A new secondary ignores the entries until it has learned from the primary that intentions are config entries.
  const intentions = (await consul.get("/v1/connect/intentions")) as { SourceName: string; DestinationName: string }[];
  const pairs = intentions.map(({ SourceName, DestinationName }) => `${SourceName} ${DestinationName}`).sort();
  return JSON.stringify([entries, pairs]);
}

interface ConfigEntry {
  readonly Kind: string;
  readonly Name: string;
  readonly Hash: number;
}

/** Whether the servers of one datacenter reach those of another. */
async function isReached({ consul }: Cluster, { datacenter }: Cluster): Promise<boolean> {
  return consul.get(`/v1/status/leader?dc=${datacenter}`).then(
    () => true,
    () => false,
  );
}
