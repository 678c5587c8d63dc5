import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HealthCheck, Protocol, synthesize, Template, Workload } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";

/** A file of this folder, which travels in the job: a host needs nothing of it. */
function file(name: string): Template {
  const text = readFileSync(join(__dirname, name), "utf8");
  // The usual delimiters of templates also occur in programs.
  return Template.text(text, { destination: `local/${name}`, leftDelimiter: "[[", rightDelimiter: "]]" });
}

/** A shop in Node.js that asks orders in Python and a stock in Go, each of them run in another way. */
synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));

  // Python, as a program of the host: `raw_exec` runs whatever is in the host's /usr, /usr/local and /opt.
  const orders = mesh.addService("orders", {
    port: 8101,
    protocol: Protocol.HTTP,
    healthCheck: HealthCheck.http("/health"),
    workload: Workload.exec({
      driver: "raw_exec",
      command: "python3",
      args: ["${NOMAD_TASK_DIR}/orders.py", "${NOMAD_TASK_DIR}/orders.json"],
      templates: [file("orders.py"), file("orders.json")],
    }),
  });

  // A Go binary, as a container: cdktf.json names the binary, and `up` makes an image of it.
  const stock = mesh.addService("stock", {
    port: 8102,
    protocol: Protocol.HTTP,
    healthCheck: HealthCheck.http("/health"),
    workload: Workload.docker({ image: "own/stock:1" }),
  });

  // Node.js, in a root and control groups of its own: `exec`, whose root in the lab has Node.js and a shell.
  const shop = mesh.addService("shop", {
    port: 8100,
    publish: 8100,
    // A host has the port once: the next instance starts on another host before this one ends.
    update: { canary: 1, autoPromote: true },
    protocol: Protocol.HTTP,
    healthCheck: HealthCheck.http("/health"),
    workload: Workload.exec({
      driver: "exec",
      command: "node",
      args: ["${NOMAD_TASK_DIR}/shop.mjs"],
      templates: [file("shop.mjs")],
    }),
  });
  shop.connectTo(orders, { env: "ORDERS_URL" });
  shop.connectTo(stock, { env: "STOCK_URL" });
});
