import { withLinks } from "../../graph/links";
import { readMeshGraph } from "../../graph/read";
import type { JobStatus } from "../../lab/cluster/job-status";
import { allow, handWritten, nodeOf, serviceJob } from "../support/mesh-graph";

const graph = readMeshGraph([
  handWritten({
    jobs: [{ ...serviceJob("web"), Namespace: "shop" }, serviceJob("a/b?c#d")],
    entries: [allow("web", "someone-else")],
  }),
]);
const uis = { datacenter: "dc1", consul: "http://127.0.0.1:8500", nomad: "http://127.0.0.1:4646" };
const urls = (of: typeof graph, id: string) => (nodeOf(of, id).links ?? []).map(({ title, url }) => [title, url]);

test("a service leads to itself in Consul and to its job in Nomad", () => {
  const linked = withLinks(graph, () => uis);
  expect(urls(linked, "web")).toEqual([
    ["Consul: service", "http://127.0.0.1:8500/ui/dc1/services/web/instances"],
    ["Nomad: job web", "http://127.0.0.1:4646/ui/jobs/web%40shop"],
  ]);
  expect(nodeOf(linked, "web").commands).toBeUndefined();
  expect(nodeOf(linked, "someone-else").links).toBeUndefined();
});

test("whatever the name of a service is, it stays within its part of the address", () => {
  expect(
    urls(
      withLinks(graph, () => uis),
      "a/b?c#d",
    ).map(([, url]) => new URL(url).pathname),
  ).toEqual(["/ui/dc1/services/a%2Fb%3Fc%23d/instances", "/ui/jobs/a%2Fb%3Fc%23d%40default"]);
});

test("in a lab it leads to its allocations and the logs of its tasks too, and has the command that prints them", () => {
  const task = (name: string, isSidecar: boolean) => ({
    name,
    isSidecar,
    state: "running",
    hasFailed: false,
    events: [],
  });
  const tasks = [task("server", false), task("connect-proxy-web", true)];
  const instance = { allocation: "1f2e3d4c-0000", group: "web", node: "client-1", tasks };
  const job = {
    ...{ id: "web", namespace: "shop", datacenter: "dc1" },
    instances: [instance, { ...instance, allocation: "9f9f9f9f-0000", group: "other" }],
  } as unknown as JobStatus;
  const linked = withLinks(graph, () => uis, { name: "trial", jobs: [job] });
  expect(urls(linked, "web").slice(2)).toEqual([
    ["Nomad: allocation 1f2e3d4c on client-1", "http://127.0.0.1:4646/ui/allocations/1f2e3d4c-0000"],
    ["logs of server", "http://127.0.0.1:4646/ui/allocations/1f2e3d4c-0000/server/logs"],
  ]);
  expect(nodeOf(linked, "web").commands).toEqual(["npm run logs -- --name trial web"]);
});

test("what is in a datacenter without a known UI has no link", () => {
  expect(
    nodeOf(
      withLinks(graph, () => undefined),
      "web",
    ).links,
  ).toBeUndefined();
});
