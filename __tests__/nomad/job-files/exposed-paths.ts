import { HealthCheck, MeshService, Port, Sidecar, Template, Workload, type ServiceMesh } from "../../../constructs";

export function addReports(mesh: ServiceMesh): void {
  const registry = MeshService.fromServiceName(mesh, "registry", "registry");
  const reports = mesh.addService("reports", {
    nomadDatacenters: ["dc1"],
    port: 8080,
    ports: { alive: Port.dynamic({ to: -1 }), figures: Port.dynamic({ to: -1 }) },
    ephemeralDisk: { sizeMib: 500 },
    healthCheck: [
      HealthCheck.http("/alive", {
        name: "alive",
        port: "alive",
        interval: "10s",
        timeout: "3s",
        checkRestart: { limit: 3, grace: "2m" },
      }),
      HealthCheck.http("/figures", {
        name: "figures",
        port: "figures",
        interval: "20s",
        timeout: "3s",
        onUpdate: "ignore",
      }),
    ],
    expose: [
      { path: "/alive", portLabel: "alive" },
      { path: "/figures", portLabel: "figures", localPort: 8081 },
    ],
    sidecar: Sidecar.docker({ image: "envoyproxy/envoy:v1.34.1", resources: { cpuMhz: 60, memoryMib: 64 } }),
    workload: Workload.docker({
      image: "example/reports:4",
      templates: [
        Template.text('registry {{ env "NOMAD_UPSTREAM_ADDR_registry" }}\n', {
          destination: "local/reports.conf",
          perms: "640",
          errMissingKey: true,
          changeScript: { command: "/bin/reload", args: ["--quietly"], timeout: "20s", failOnError: true },
          wait: { min: "2s", max: "10s" },
        }),
      ],
      logs: { maxFiles: 3, maxFileSizeMib: 20 },
    }),
  });
  reports.addUpstream(registry, { localBindPort: 18080 });
}
