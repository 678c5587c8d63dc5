import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  Affinity,
  ApiGatewayListener,
  Constraint,
  HealthCheck,
  Protocol,
  synthesize,
  Template,
  Workload,
} from "../../../constructs";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";

const HOST = "${attr.unique.hostname}";

/**
 * What faults happen to. A page on client-1 asks, whenever it is asked itself, a service of one instance, which would rather be on
 * client-2, one of two instances on two hosts, one of tcp, and, through a terminating gateway, one outside, which is the page again,
 * on its node's port. An API gateway on client-1 leads to the service of two instances. MESHFORM_TEST_VARIANT is the version of the first two.
 */
synthesize((app) => {
  const version = process.env.MESHFORM_TEST_VARIANT ?? "";
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  const onFirst = [Constraint.equals(HOST, "client-1")];
  const relay = (port: number, edition = version) =>
    Workload.exec({
      driver: "raw_exec",
      command: "node",
      args: ["${NOMAD_TASK_DIR}/relay.mjs"],
      templates: [
        Template.text(readFileSync(join(__dirname, "relay.mjs"), "utf8"), {
          destination: "local/relay.mjs",
          leftDelimiter: "[[",
          rightDelimiter: "]]",
        }),
      ],
      env: { PORT: String(port), VERSION: edition },
      resources: { cpuMhz: 50, memoryMib: 64 },
    });
  const healthCheck = HealthCheck.http("/", { interval: "1s", timeout: "1s" });
  const update = { minHealthyTime: "1s" };
  const http = { protocol: Protocol.HTTP, healthCheck, update };

  const single = mesh.addService("single", {
    ...{ ...http, port: 7101, workload: relay(7101) },
    affinities: [Affinity.equals(HOST, "client-2", 100)],
  });
  const double = mesh.addService("double", { ...http, port: 7102, count: 2, workload: relay(7102) });
  const plain = mesh.addService("plain", {
    ...{ port: 7103, workload: relay(7103), healthCheck, update },
    affinities: [Affinity.equals(HOST, "client-2", 100)],
  });

  const page = mesh.addService("page", {
    ...{ ...http, port: 9301, publish: 9301, workload: relay(9301, "v1") },
    constraints: onFirst,
  });
  page.connectTo(single, { env: "SINGLE" });
  page.connectTo(double, { env: "DOUBLE" });
  page.connectTo(plain, { env: "TCP" });
  const outside = mesh.addExternalService("outside", {
    ...{ address: "10.200.1.1", port: 9301, protocol: Protocol.HTTP },
    plaintext: "What is measured is the gateway, not the way behind it.",
  });
  const egress = mesh.addTerminatingGateway("egress", { update, constraints: onFirst });
  egress.addService(outside);
  page.connectTo(outside, { env: "OUTSIDE" });

  const gate = mesh.addApiGateway("gate", {
    ...{ listeners: [ApiGatewayListener.http({ port: 9302 })], update, constraints: onFirst },
  });
  gate.connectTo(double);
});
