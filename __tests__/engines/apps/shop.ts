import {
  HealthCheck,
  HttpPermission,
  Protocol,
  silence,
  synthesize,
  Workload,
  type ConnectOptions,
} from "../../../constructs";
import { program } from "../../../examples/count-dashboard";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { addTour } from "../../nomad/job-files/periodic-client";
import { addCatalogue } from "../../nomad/job-files/port-label";
import { addShop } from "../../nomad/job-files/several-groups";
import { addAccounts } from "../../nomad/job-files/several-services";

/** Answers `/api` with the status that the API answers with, and anything else with 200. */
const passOn = `
require("http").createServer(async ({ url }, response) => {
  response.statusCode = url === "/api" ? (await fetch(process.env.COUNTING_SERVICE_URL)).status : 200;
  response.end();
}).listen(9003);`;

/**
 * The count, as a test wants it: two instances of the API, and by MESHFORM_TEST_VARIANT
 * - `connected`: as in the example;
 * - `disconnected`: without the connection;
 * - `readers`: the dashboard may only ask for another path than it does;
 * - `guarded`: with a stranger, who looks for the API too, but is not let in;
 * - `alone`: without the dashboard;
 * - `job-files`: with four of the jobs whose files are in `__tests__/nomad/job-files`.
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
  if (variant === "guarded") {
    const stranger = mesh.addService("stranger", {
      port: 9003,
      publish: 9003,
      workload: Workload.exec({ command: "node", args: ["-e", passOn], driver: "raw_exec" }),
    });
    stranger.addUpstream(api, options);
    silence(stranger, "upstream-without-intention", "It shows that nobody gets in without an intention.");
  }
  if (variant === "job-files") {
    const { api: shop, page } = addShop(mesh);
    const { accounts, admin } = addAccounts(mesh, shop);
    const stations = [page, accounts, admin, addCatalogue(mesh)];
    const tour = addTour(mesh, stations);
    shop.allowFrom(accounts);
    stations.forEach((station) => station.allowFrom(tour));
  }
  if (variant === "readers") {
    dashboard.connectTo(api, { ...options, permissions: [HttpPermission.get("/elsewhere")] });
  } else if (variant !== "disconnected") {
    dashboard.connectTo(api, options);
  }
});
