import { rule } from "../rule";
import { nameOf } from "./agent-name";

/** The `consul` block of the Nomad agent that answers, where it reaches gRPC by TLS, or has settings that contradict it. */
export const grpcCaFile = rule({
  id: "grpc-ca-file",
  reason: "An Envoy that does not know the CA of Consul's gRPC port never gets its configuration, and logs no error.",
  needs: ["nomadAgent", "consulAgent"],
  find: ({ nomadAgent, consulAgent: { DebugConfig } }) => {
    if (!nomadAgent.config.Client.Enabled) return [];
    return (nomadAgent.config.Consuls ?? []).flatMap(({ Name, EnableSSL, GRPCAddr, GRPCCAFile }) => {
      if (Name !== "default") return [];
      const at = nameOf(nomadAgent);
      const port = Number(/:(\d+)$/.exec(GRPCAddr)?.[1] ?? 0);
      if (EnableSSL === true && !GRPCCAFile) {
        return [
          {
            at,
            problem: "Its `consul` block has ssl = true, but no grpc_ca_file.",
            fix: "Set grpc_ca_file to the file of the CA that signs Consul's certificates.",
          },
        ];
      }
      if (GRPCCAFile && port > 0 && port === DebugConfig.GRPCPort) {
        return [
          {
            at,
            problem: `Its \`consul\` block has grpc_ca_file, but grpc_address ${GRPCAddr} is Consul's gRPC port without TLS.`,
            fix: `Use the gRPC port with TLS (${portOf(DebugConfig.GRPCTLSPort)}) in grpc_address, or omit grpc_ca_file.`,
          },
        ];
      }
      if (!GRPCCAFile && port > 0 && port === DebugConfig.GRPCTLSPort) {
        return [
          {
            at,
            problem: `grpc_address ${GRPCAddr} in its \`consul\` block is Consul's gRPC port with TLS, but there is no grpc_ca_file.`,
            fix: `Set grpc_ca_file, or use the gRPC port without TLS (${portOf(DebugConfig.GRPCPort)}).`,
          },
        ];
      }
      return [];
    });
  },
});

function portOf(port: number): string {
  return port > 0 ? String(port) : "which is off";
}
