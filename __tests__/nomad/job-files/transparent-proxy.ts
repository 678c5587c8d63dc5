import { Constraint, HealthCheck, Port, Sidecar, Workload, type ServiceMesh } from "../../../constructs";

export function addBilling(mesh: ServiceMesh): void {
  mesh.addService("billing", {
    count: 2,
    port: 8000,
    shutdownDelay: "20s",
    hostname: "billing.example.com",
    dns: { servers: ["10.0.0.2", "10.0.0.3"], searches: ["example.com"], options: ["ndots:2"] },
    ports: { probe: Port.static(9999) },
    onUpdate: "ignore_warnings",
    healthCheck: HealthCheck.script("/bin/ledger", {
      name: "ledger",
      args: ["check"],
      task: "ledger",
      interval: "30s",
      timeout: "10s",
      checkRestart: { limit: 2, grace: "90s", ignoreWarnings: true },
    }),
    sidecar: Sidecar.docker({ disableDefaultTcpCheck: true, shutdownDelay: "5s" }),
    transparentProxy: {
      uid: "101",
      outboundPort: 15001,
      excludeInboundPorts: ["probe", "9998"],
      excludeOutboundPorts: [123],
      excludeOutboundCidrs: ["10.9.0.0/16"],
      excludeUids: ["1000"],
      noDns: true,
    },
    workload: Workload.driver(
      "java",
      { jar_path: "local/billing.jar", jvm_options: ["-Xmx200m"] },
      {
        artifacts: [
          {
            source: "https://downloads.example.com/billing.jar",
            destination: "local/billing.jar",
            mode: "file",
            checksum: "sha256:aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f",
            headers: { "User-Agent": "nomad" },
          },
        ],
        resources: { cores: 1, memoryMib: 256 },
      },
    ),
    tasks: {
      ledger: Workload.docker({
        image: "example/ledger:1",
        leader: true,
        lifecycle: { hook: "prestart", sidecar: true },
        restart: { attempts: 1, interval: "1h", delay: "5s", mode: "delay" },
        resources: {
          devices: { "nvidia/gpu": { count: 1, constraints: [Constraint.of("${device.attr.memory}", ">=", "2 GiB")] } },
        },
      }),
    },
  });
}
