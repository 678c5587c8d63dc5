import { Constraint, HealthCheck, JobKind, Port, Workload, type ServiceMesh } from "../../../constructs";

export function addEdge(mesh: ServiceMesh): void {
  mesh.addService("edge", {
    kind: JobKind.system(),
    nomadDatacenters: ["dc1", "dc2"],
    priority: 90,
    description: "What comes in from **outside**.",
    links: { Dashboard: "https://edge.example.com" },
    jobMeta: { owner: "platform" },
    port: 8443,
    connectNative: true,
    networkMode: "host",
    ports: { http: Port.static(80), https: Port.static(443, { hostNetwork: "public" }) },
    constraints: [Constraint.equals("${node.class}", "edge"), Constraint.version("${attr.nomad.version}", ">= 1.8")],
    meta: { instance: "${NOMAD_ALLOC_ID}" },
    healthCheck: HealthCheck.tcp({ name: "listens", port: "https", interval: "5s" }),
    workload: Workload.docker({
      image: "example/edge:3",
      args: ["--http=:${NOMAD_PORT_http}", "--https=${NOMAD_ADDR_https}"],
      config: { network_mode: "host" },
      consulCluster: "default",
      identities: { default: { env: true, file: true } },
      actions: { routes: { command: "/bin/edge", args: ["routes"] } },
    }),
  });
}
