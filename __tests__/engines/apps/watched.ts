import { ApiGatewayListener, HealthCheck, HttpPermission, Protocol, synthesize, Workload } from "../../../constructs";
import { program } from "../../../examples/count-dashboard";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";

/** Listens for connections and says one word; after SIGUSR2 on another port, after SIGHUP on another address, after SIGWINCH as at first. */
const STORE = `let server;
const listen = (port, address) => {
  server?.close();
  server = require("net").createServer((socket) => socket.on("error", () => {}).end("hello")).listen(port, address);
};
process.on("SIGUSR2", () => listen(7005, "127.0.0.1"));
process.on("SIGHUP", () => listen(7001, "127.0.0.9"));
process.on("SIGWINCH", () => listen(7001, "127.0.0.1"));
listen(7001, "127.0.0.1");`;

/** Makes a connection every 200 ms; from SIGUSR2 to SIGWINCH it asks the API for what it has not, over and over. */
const TICKER = `let asks = false;
const ask = () => asks && fetch("http://127.0.0.1:7004/never").then((it) => it.text()).catch(() => {}).then(() => setTimeout(ask, 5));
process.on("SIGUSR2", () => { asks = true; ask(); });
process.on("SIGWINCH", () => { asks = false; });
setInterval(() => require("net").connect(7002, "127.0.0.1").on("error", () => {}).resume(), 200);
require("http").createServer((_, response) => response.end()).listen(7003);`;

/**
 * Something for a picture to show: a gateway, a dashboard that asks when it is asked, an API in two versions, and a service
 * that opens connections to a store all the time, but never asks the API, though it may.
 */
synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  const quick = { interval: "1s", timeout: "1s" };
  const update = { minHealthyTime: "1s" };
  const node = (text: string) =>
    Workload.exec({
      driver: "raw_exec",
      command: "node",
      args: ["-e", text],
      resources: { cpuMhz: 50, memoryMib: 64 },
    });
  const api = mesh.addService("count-api", {
    port: 9001,
    protocol: Protocol.HTTP,
    workload: program("counter-api.mjs"),
    healthCheck: HealthCheck.http("/health", quick),
    update,
  });
  const dashboard = mesh.addService("count-dashboard", {
    port: 9002,
    protocol: Protocol.HTTP,
    workload: program("counter-dashboard.mjs"),
    healthCheck: HealthCheck.http("/health", quick),
    update,
  });
  api.canary(api.addVersion("v2", { workload: program("counter-api.mjs") }), { percent: 50 });
  const door = mesh.addApiGateway("door", { listeners: [ApiGatewayListener.http({ port: 8085 })] });
  door.connectTo(dashboard);
  const store = mesh.addService("store", { port: 7001, workload: node(STORE), update });
  const ticker = mesh.addService("ticker", { port: 7003, workload: node(TICKER), update });
  dashboard.connectTo(api, { localBindPort: 8080, env: "COUNTING_SERVICE_URL" });
  ticker.connectTo(store, { localBindPort: 7002 });
  // One instance of a version is all that there is to eject.
  const passiveHealthCheck = { maxFailures: 3, baseEjectionTime: "300s", maxEjectionPercent: 100 };
  ticker.connectTo(api, { localBindPort: 7004, passiveHealthCheck, permissions: [HttpPermission.get("/never")] });
});
