import { onNodes } from "../on-nodes";
import { rule } from "../rule";

const FIX = "Set `connect { enabled = true }` in the configuration of Consul's servers and clients, and restart them.";

/** Connect that is off, on servers or on clients. */
export const connectEnabled = rule({
  id: "connect-enabled",
  reason: "Without Connect, Consul issues no certificates and configures no Envoy.",
  needs: ["connect", "nodes"],
  find: ({ connect, nodes }) => [
    ...(connect.enabled ? [] : [{ at: "Consul's servers", problem: "Connect is not enabled.", fix: FIX }]),
    ...onNodes(nodes, ({ Attributes }) =>
      Attributes["consul.connect"] === "false"
        ? { problem: "Connect is not enabled in the Consul agent of the node (consul.connect is false).", fix: FIX }
        : undefined,
    ),
  ],
});
