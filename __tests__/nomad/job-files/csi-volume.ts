import { HealthCheck, Port, Sidecar, Volume, Workload, type ServiceMesh } from "../../../constructs";

export function addSeries(mesh: ServiceMesh): void {
  mesh.addService("series", {
    nodePool: "storage",
    priority: 70,
    count: 2,
    port: 9090,
    ports: { envoy: Port.dynamic({ to: 9102 }) },
    shutdownDelay: "30s",
    volumes: {
      data: Volume.csi("series", { perAlloc: true, mountOptions: { fsType: "ext4", mountFlags: ["noatime"] } }),
      certificates: Volume.host("certificates", { readOnly: true }),
    },
    restart: { attempts: 3, interval: "5m", delay: "25s", mode: "delay", renderTemplates: true },
    migrate: { maxParallel: 1, healthCheck: "task_states", minHealthyTime: "30s", healthyDeadline: "10m" },
    disconnect: { lostAfter: "6h", replace: false, reconcile: "keep_original" },
    tags: ["http.enable=true"],
    meta: { envoy_port: "${NOMAD_HOST_PORT_envoy}" },
    healthCheck: HealthCheck.http("/-/healthy", { name: "healthy", interval: "10s" }),
    sidecar: Sidecar.docker({
      resources: { cpuMhz: 128, memoryMib: 96 },
      config: { envoy_prometheus_bind_addr: "0.0.0.0:9102" },
    }),
    workload: Workload.docker({
      image: "example/series:2",
      args: ["--data=/data"],
      user: "65534",
      volumeMounts: [
        { volume: "data", destination: "/data" },
        {
          volume: "certificates",
          destination: "/etc/certificates",
          readOnly: true,
          propagationMode: "host-to-task",
        },
      ],
      resources: { cpuMhz: 500, memoryMib: 512, memoryMaxMib: 1024 },
      killSignal: "SIGTERM",
      killTimeout: "2m",
    }),
  });
}
