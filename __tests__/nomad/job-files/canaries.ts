import {
  Affinity,
  Constraint,
  HealthCheck,
  Port,
  Sidecar,
  Spread,
  Template,
  Workload,
  type ServiceMesh,
} from "../../../constructs";

const REDIS_ENV = `{{ with secret "kv/data/cart" }}
REDIS_PASSWORD={{ .Data.data.password }}
{{ end }}
`;

export function addCart(mesh: ServiceMesh): void {
  mesh.addService("cart", {
    namespace: "shop",
    allAtOnce: true,
    count: 4,
    port: 7070,
    ports: { grpc: Port.dynamic({ to: 7070 }) },
    spreads: [Spread.over("${node.datacenter}", { dc1: 75, dc2: 25 }, 80)],
    affinities: [Affinity.equals("${meta.disk}", "ssd", 30)],
    constraints: [Constraint.distinctHosts()],
    reschedule: { delay: "10s", delayFunction: "fibonacci", maxDelay: "10m", unlimited: true },
    update: {
      maxParallel: 2,
      canary: 1,
      minHealthyTime: "30s",
      healthyDeadline: "3m",
      progressDeadline: "15m",
      autoRevert: true,
      stagger: "1m",
    },
    scaling: { min: 2, max: 8, policy: { cooldown: "2m" } },
    tags: ["v2", "grpc"],
    canaryTags: ["canary"],
    enableTagOverride: true,
    meta: { version: "2" },
    canaryMeta: { version: "next" },
    taggedAddresses: { wan: "203.0.113.9:7070" },
    weights: { passing: 4, warning: 1 },
    healthCheck: HealthCheck.grpc({
      name: "serving",
      port: "grpc",
      service: "cart.v1.Cart",
      interval: "10s",
      successBeforePassing: 2,
      failuresBeforeWarning: 1,
      failuresBeforeCritical: 3,
    }),
    sidecar: Sidecar.docker({ tags: ["proxy"], shutdownDelay: "5s" }),
    workload: Workload.docker({
      image: "example/cart:2",
      config: { ports: ["grpc"] },
      vault: { role: "cart", changeMode: "signal", changeSignal: "SIGUSR1", env: false, disableFile: true },
      templates: [Template.text(REDIS_ENV, { destination: "secrets/redis.env", env: true })],
      identities: { cloud: { audience: ["sts.example.com"], file: true, ttl: "1h", changeMode: "restart" } },
    }),
  });
}
