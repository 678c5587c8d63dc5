import { HealthCheck, HttpPermission, Protocol, synthesize, type ConnectOptions } from "../../../constructs";
import { program } from "../../../examples/count-dashboard";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";

/**
 * The count, as a test wants it: two instances of the API, and by MESHFORM_TEST_VARIANT
 * - `connected`: as in the example;
 * - `disconnected`: without the connection;
 * - `readers`: the dashboard may only ask for another path than it does;
 * - `alone`: without the dashboard.
 */
synthesize((app) => {
  const variant = process.env.MESHFORM_TEST_VARIANT ?? "connected";
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  const api = mesh.addService("count-api", {
    port: 9001,
    count: 2,
    protocol: Protocol.HTTP,
    workload: program("counter-api.mjs"),
    healthCheck: HealthCheck.http("/health", { interval: "1s", timeout: "1s" }),
    update: { minHealthyTime: "1s", maxParallel: 2 },
  });
  if (variant === "alone") {
    return;
  }
  const dashboard = mesh.addService("count-dashboard", {
    port: 9002,
    publish: 9002,
    protocol: Protocol.HTTP,
    workload: program("counter-dashboard.mjs"),
    healthCheck: HealthCheck.http("/health", { interval: "1s", timeout: "1s" }),
    update: { minHealthyTime: "1s" },
  });
  const options: ConnectOptions = { localBindPort: 8080, env: "COUNTING_SERVICE_URL" };
  if (variant === "readers") {
    dashboard.connectTo(api, { ...options, permissions: [HttpPermission.get("/elsewhere")] });
  } else if (variant !== "disconnected") {
    dashboard.connectTo(api, options);
  }
});
