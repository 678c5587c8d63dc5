import {
  HealthCheck,
  JobKind,
  MeshJob,
  Port,
  Protocol,
  ServiceMesh,
  Sidecar,
  Workload,
  type nomad,
} from "../../constructs";
import { testApp } from "../support/test-app";
import { findingsOf, synthMesh, synthStack, TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";

const server = Workload.exec({ command: "server" });
const tasks = { server };

/** The group of a job of two services. */
function shop(build: (mesh: ServiceMesh) => void): nomad.TaskGroup {
  return synthMesh(build).jobs.shop.TaskGroups?.[0] ?? {};
}

describe("a group", () => {
  test("has any number of services, each with its own Envoy, upstreams, defaults and intentions", () => {
    const { jobs, entries } = synthMesh((mesh) => {
      const api = mesh.addService("api", { port: 9000, protocol: Protocol.HTTP, workload: anyWorkload });
      const web = mesh.addJob("shop").addGroup("web", { count: 2, tasks });
      const page = web.addService("page", { port: 8080, protocol: Protocol.HTTP });
      const admin = web.addService("admin", { port: 8081, protocol: Protocol.GRPC });
      page.connectTo(api, { env: "API" });
      page.connectTo(admin);
      admin.connectTo(api);
      mesh.addService("browser", { port: 80, publish: 80, workload: anyWorkload }).connectTo(page);
    });
    const [group] = jobs.shop.TaskGroups ?? [];
    expect(group.Count).toBe(2);
    expect(group.Services?.map(({ Name, PortLabel }) => [Name, PortLabel])).toEqual([
      ["page", "8080"],
      ["admin", "8081"],
    ]);
    expect(entries["service-defaults/admin"]).toMatchObject({ Protocol: "grpc" });
    expect(entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "admin" }, { Name: "page" }] });
    expect(entries["service-intentions/page"]).toMatchObject({ Sources: [{ Name: "browser" }] });
    // Both reach the API from one network namespace, so at two ports.
    const ports = group.Services?.flatMap(({ Connect }) =>
      (Connect?.SidecarService?.Proxy?.Upstreams ?? []).map(({ LocalBindPort }) => LocalBindPort),
    );
    expect(ports).toHaveLength(3);
    expect(new Set(ports).size).toBe(3);
  });

  test("tells the task of a service, or all of its tasks, where an upstream is", () => {
    const group = shop((mesh) => {
      const api = mesh.addService("api", { port: 9000, workload: anyWorkload });
      const web = mesh.addJob("shop").addGroup("web", { tasks: { page: server, admin: server } });
      web.addService("page", { port: 8080, task: "page" }).connectTo(api, { env: "PAGE", localBindPort: 7001 });
      web.addService("admin", { port: 8081 }).connectTo(api, { env: "ALL", localBindPort: 7002 });
    });
    expect(group.Tasks?.map(({ Name, Env }) => [Name, Object.keys(Env ?? {})])).toEqual([
      ["page", ["PAGE", "ALL"]],
      ["admin", ["ALL"]],
    ]);
  });

  test("has ports of its own, and services outside the mesh at them", () => {
    const group = shop((mesh) => {
      const web = mesh.addJob("shop").addGroup("web", {
        ports: { metrics: Port.dynamic({ to: 9102 }), dns: Port.static(53), http: Port.dynamic({ to: 8080 }) },
        networkMode: "bridge",
        hostname: "shop",
        tasks,
      });
      web.addCatalogService("shop-metrics", { port: "metrics", tags: ["prometheus"], healthCheck: HealthCheck.tcp() });
      web.addService("page", { port: "http" });
    });
    expect(group.Networks).toMatchObject([
      {
        Hostname: "shop",
        ReservedPorts: [{ Label: "dns", Value: 53 }],
        DynamicPorts: [
          { Label: "metrics", To: 9102 },
          { Label: "http", To: 8080 },
        ],
      },
    ]);
    const [page, metrics] = group.Services ?? [];
    expect(metrics).toMatchObject({ Name: "shop-metrics", PortLabel: "metrics", Tags: ["prometheus"] });
    expect(metrics.Connect).toBeUndefined();
    // Envoy is told where the program listens, and the catalog the node's port.
    expect(page).toMatchObject({
      PortLabel: "http",
      Connect: { SidecarService: { Proxy: { LocalServicePort: 8080 } } },
    });
  });

  test("may have a service that offers nothing, and only reaches others", () => {
    const { jobs, entries } = synthMesh((mesh) => {
      const api = mesh.addService("api", { port: 9000, workload: anyWorkload });
      mesh
        .addJob("report", { kind: JobKind.batch() })
        .addGroup("report", { tasks })
        .addService("report")
        .connectTo(api);
    });
    expect(jobs.report).toMatchObject({
      Type: "batch",
      TaskGroups: [{ Services: [{ Name: "report", Connect: { SidecarService: {} } }] }],
    });
    expect(jobs.report.TaskGroups?.[0].Services?.[0].PortLabel).toBeUndefined();
    expect(entries["service-intentions/api"]).toMatchObject({ Sources: [{ Name: "report" }] });
  });

  test("takes the mesh's sidecar and place unless it says otherwise", () => {
    const { jobs } = synthMesh(
      (mesh) => {
        const job = mesh.addJob("shop", { jobName: "shop-prod", namespace: "prod" });
        job.addGroup("web", { groupName: "frontend", tasks }).addService("page", { port: 1 });
      },
      { sidecar: Sidecar.exec(), nodePool: "web", namespace: "default" },
    );
    expect(jobs["shop-prod"]).toMatchObject({
      Name: "shop-prod",
      Namespace: "prod",
      NodePool: "web",
      TaskGroups: [{ Name: "frontend", Services: [{ Connect: { SidecarTask: { Driver: "raw_exec" } } }] }],
    });
  });

  test("refuses a service of a task that it does not have, and a version of a service in it", () => {
    const group = new ServiceMesh(new TestStack(), "mesh").addJob("shop").addGroup("web", { tasks });
    expect(() => group.addService("page", { task: "sever" })).toThrow(
      'stack/mesh/shop/web: Its service page belongs to the task "sever", which the group does not have. Known names: server.',
    );
    expect(() => group.addService("page").addVersion("v2", { workload: server })).toThrow(
      /Only services with their own job can have versions, but this one shares the group "web".* Create it with mesh.addService\("page"/,
    );
  });
});

test("a job has any number of groups, and may be in another stack than its mesh", () => {
  const app = testApp();
  const mesh = new ServiceMesh(new TestStack(app, "first"), "mesh");
  const other = new TestStack(app, "other");
  const job = new MeshJob(other, "shop", { mesh, priority: 80 });
  const page = job.addGroup("web", { tasks }).addService("page", { port: 8080 });
  const cart = job.addGroup("cart", { count: 3, tasks }).addService("cart", { port: 8080 });
  page.connectTo(cart);
  mesh.addService("browser", { port: 80, publish: 80, workload: anyWorkload }).connectTo(page);

  const { jobs } = synthStack(other);
  expect(jobs.shop).toMatchObject({ Priority: 80, TaskGroups: [{ Name: "web" }, { Name: "cart", Count: 3 }] });
});

test("a job that is to end is not run again because it has ended", () => {
  const { terraform } = synthMesh((mesh) => {
    mesh.addJob("nightly", { kind: JobKind.periodic({ crons: ["@daily"] }) }).addGroup("nightly", { tasks });
    mesh.addJob("agent", { kind: JobKind.system() }).addGroup("agent", { tasks });
  });
  expect(terraform.resource?.nomad_job.nightly).not.toHaveProperty("rerun_if_dead");
  expect(terraform.resource?.nomad_job.agent).toMatchObject({ rerun_if_dead: true });
});

test("what is added once synthesis has begun is refused", () => {
  const stack = new TestStack();
  const mesh = new ServiceMesh(stack, "mesh");
  const web = mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload });
  expect(findingsOf(() => synthStack(stack))).toEqual([]);
  expect(() => web.connectTo("api")).toThrow(
    "stack/mesh/web: The graph is closed: synthesis has begun, and additions would be missing from the rendered jobs and entries. Add it before app.synth(), not in an aspect or a validation.",
  );
});
