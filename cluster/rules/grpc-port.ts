import { onNodes } from "../on-nodes";
import { rule } from "../rule";

/** Nodes whose Nomad sees no gRPC port of Consul. */
export const grpcPort = rule({
  id: "grpc-port",
  reason: "Envoy gets its configuration over Consul's gRPC port; Nomad places no sidecar where it sees none.",
  needs: ["nodes", "consulAgent"],
  find: ({ nodes, consulAgent: { DebugConfig } }) =>
    onNodes(nodes, ({ Attributes }) => {
      const { "consul.version": version, "consul.grpc": port } = Attributes;
      if (version === undefined || Number(port ?? -1) > 0) return undefined;
      const problem = `Nomad sees no gRPC port of Consul (consul.grpc is ${port ?? "not set"}).`;
      if (DebugConfig.GRPCPort <= 0 && DebugConfig.GRPCTLSPort > 0) {
        return {
          problem: `${problem} Consul has only the gRPC port with TLS, ${DebugConfig.GRPCTLSPort}, which Nomad uses only if it reaches Consul by HTTPS.`,
          fix:
            `Set ssl = true, ca_file, grpc_ca_file and grpc_address = "127.0.0.1:${DebugConfig.GRPCTLSPort}" in Nomad's ` +
            "`consul` block, with the HTTPS port of Consul in address.",
        };
      }
      return {
        problem,
        fix: "Set `ports { grpc = 8502 }` in Consul, or `ports { grpc_tls = 8503 }` with TLS, and restart the Nomad client.",
      };
    }),
});
