import { JobKind, MeshGatewayMode, MeshService, Sidecar, Workload, type ServiceMesh } from "../../../constructs";

export function addInvoice(mesh: ServiceMesh): void {
  const invoice = mesh.addService("invoice", {
    kind: JobKind.parameterized({ payload: "required", metaRequired: ["order"], metaOptional: ["reason"] }),
    priority: 30,
    port: 8000,
    restart: { attempts: 2, interval: "1h", delay: "10s" },
    sidecar: Sidecar.docker({ shutdownDelay: "5s" }),
    workload: Workload.exec({
      command: "local/invoice",
      args: ["--order=${NOMAD_META_order}"],
      artifacts: [
        {
          source: "git::https://git.example.com/invoice.git",
          destination: "local/invoice",
          mode: "dir",
          options: { ref: "v1.4.0", depth: "1" },
        },
      ],
      dispatchPayload: "order.json",
      secrets: { database: { provider: "nomad", path: "secrets/invoice", config: { namespace: "default" } } },
      env: { PASSWORD: "${secret.database.password}" },
    }),
    tasks: { report: Workload.docker({ image: "example/report:1", lifecycle: { hook: "poststop" } }) },
  });
  invoice.addUpstream(MeshService.fromServiceName(mesh, "ledger", "ledger"), {
    localBindAddress: "127.0.0.2",
    localBindPort: 5432,
    datacenter: "dc2",
    meshGateway: MeshGatewayMode.LOCAL,
  });
}
