import type { ServiceMesh } from "../../../constructs";

export function addExit(mesh: ServiceMesh): void {
  const exit = mesh.addTerminatingGateway("exit", { count: 2 });
  exit.addService(
    mesh.addExternalService("bank", {
      address: "bank.example.com",
      port: 443,
      tls: { caFile: "/etc/bank/ca.pem" },
    }),
  );
  exit.addService(
    mesh.addExternalService("printer", { address: "10.0.0.7", port: 631, plaintext: "It is in the same rack." }),
  );
}
