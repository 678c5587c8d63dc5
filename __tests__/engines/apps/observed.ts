import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  AccessLogs,
  ApiGatewayListener,
  Constraint,
  Failover,
  meshRules,
  Metrics,
  Protocol,
  Sidecar,
  synthesize,
  Template,
  Tracing,
  Workload,
  type MeshService,
  type nomad,
  type ServiceMesh,
} from "../../../constructs";
import { addShop } from "../../../examples/metrics";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";

/** Where the collector of traces and metrics is, seen from each host of the lab. */
const collector = "10.200.1.1";
const tracings = {
  none: undefined,
  secure: undefined,
  zipkin: Tracing.zipkin({ address: `${collector}:9411` }),
  "otlp-http": Tracing.otlp({ address: `${collector}:9411`, transport: "http" }),
  "otlp-grpc": Tracing.otlp({ address: `${collector}:4317` }),
};

/** The shop of the example, at the pace of a test: by MESHFORM_TEST_VARIANT with this tracing. */
synthesize((app) => {
  const variant = (process.env.MESHFORM_TEST_VARIANT ?? "none") as keyof typeof tracings;
  const settings = readSettings(app);
  const { mesh } = new MeshStack(app, "mesh", {
    ...settings,
    mesh: {
      metrics: [
        Metrics.prometheus(),
        Metrics.stats(),
        Metrics.statsd({ address: `${collector}:8125` }),
        Metrics.dogstatsd({ address: `${collector}:8126`, flushInterval: "2s" }),
      ],
      accessLogs: AccessLogs.stdout({
        json: { id: "%REQ(X-REQUEST-ID)%", path: "%REQ(:PATH)%", status: "%RESPONSE_CODE%", to: "%UPSTREAM_CLUSTER%" },
      }),
      tracing: tracings[variant],
    },
  });
  const { orders } = addShop(mesh, {
    ...settings,
    service: { update: { minHealthyTime: "1s" } },
    prometheus: {
      scrapeInterval: "1s",
      rules: meshRules({ window: "10s", for: "3s" }),
      update: { minHealthyTime: "1s" },
    },
  });
  addGateway(mesh, orders);
  addCollector(mesh);
});

/** Requests for `/spare` go to a name without instances, for which the orders stand in. */
function addGateway(mesh: ServiceMesh, orders: MeshService): void {
  const listeners = [ApiGatewayListener.http({ port: 8088 })];
  const gate = mesh.addApiGateway("gate", { listeners, update: { minHealthyTime: "1s" } });
  gate.connectTo(orders);
  const spare = mesh.addVirtualService("spare", { protocol: Protocol.HTTP, failover: Failover.to(orders) });
  gate.connectTo(spare, { match: { pathPrefix: "/spare" }, prefixRewrite: "/" });
}

/** Two services share its group, and so its network: two Envoys, each with a port for its metrics. */
function addCollector(mesh: ServiceMesh): void {
  mesh.addService("collector", {
    port: 9411,
    publish: 9411,
    workload: Workload.exec({
      driver: "raw_exec",
      command: "node",
      args: ["${NOMAD_TASK_DIR}/collector.mjs"],
      env: { HTTP_PORT: "9411", GRPC_PORT: "4317", STATSD_PORT: "8125", DOGSTATSD_PORT: "8126" },
      templates: ["collector.mjs", "protobuf.mjs"].map((file) =>
        Template.text(readFileSync(join(__dirname, file), "utf8"), {
          ...{ destination: `local/${file}`, leftDelimiter: "[[", rightDelimiter: "]]" },
        }),
      ),
    }),
    constraints: [Constraint.equals("${node.unique.name}", "client-1")],
    override: {
      group: {
        Services: [withSidecar("collector", 9411), withSidecar("collector-admin", 9412)],
        Networks: [
          {
            Mode: "bridge",
            ReservedPorts: [
              { Label: "published", Value: 9411, To: 9411 },
              { Label: "grpc", Value: 4317, To: 4317 },
              { Label: "statsd", Value: 8125, To: 8125 },
              { Label: "dogstatsd", Value: 8126, To: 8126 },
            ],
          },
        ],
      },
    },
  });
}

/** A service with an Envoy, as a job of several has it. */
function withSidecar(name: string, port: number): nomad.Service {
  const sidecar = Sidecar.exec();
  return {
    Name: name,
    PortLabel: String(port),
    Provider: "consul",
    Connect: { SidecarService: sidecar.renderService({}), SidecarTask: sidecar.renderTask() },
  };
}
