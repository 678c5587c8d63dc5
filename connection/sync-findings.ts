import type { EnvoyView } from "./envoy-view";
import type { LinkFinding } from "./link";

/** An Envoy that gets nothing new goes on with what it has: that breaks requests only once something has changed. */
export function syncFindings(at: string, { isConnected, rejected, counters }: EnvoyView): LinkFinding[] {
  const refusals = counters["cluster_manager.cds.update_rejected"] ?? 0;
  return [
    ...(isConnected
      ? []
      : [
          {
            level: "remark" as const,
            at,
            problem: "Its Envoy is not connected to Consul's gRPC port, so its configuration becomes stale.",
            fix: "Check that Consul's agent runs on the node, and its gRPC port: `meshform check`.",
          },
        ]),
    ...rejected.map((words) => ({
      at,
      problem: `Its Envoy refuses a listener that Consul sends: ${words.replace(/\.$/, "")}.`,
      fix: "Correct the config entry or the extension that it is from.",
    })),
    ...(refusals > 0
      ? [
          {
            level: "remark" as const,
            at,
            problem: `Since its start, its Envoy has refused ${refusals} updates of clusters.`,
            fix: "Read the log of the Envoy for the reason.",
          },
        ]
      : []),
  ];
}
