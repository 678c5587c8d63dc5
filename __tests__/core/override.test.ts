import { Fn, TerraformVariable } from "cdktf";
import { HealthCheck, Port, Protocol, ServiceMesh, Sidecar, Template, Volume, Workload } from "../../constructs";
import type { JobOverride, MeshServiceBaseProps } from "../../constructs";
import { layOver, type Override } from "../../constructs/core/override";
import { groupOf, serviceOf, taskOf } from "../support/job";
import { synthMesh, synthWithVariables, TestStack } from "../support/synth";

describe("layOver", () => {
  const names = { Tasks: ({ Name }: Readonly<Record<string, unknown>>) => Name as string | undefined };
  const lay = <T extends object>(rendered: T, override: Override<T> | undefined) =>
    layOver(rendered, override, names, "it");
  const task = (Name: string | undefined, more: object = {}) => ({ Name, ...more });

  test("leaves what an override does not name, and what it names undefined", () => {
    const rendered = { A: { B: 1, C: { D: 2 } }, E: [3] };
    expect(lay(rendered, { A: { B: undefined, C: { D: 4 } } })).toEqual({ A: { B: 1, C: { D: 4 } }, E: [3] });
    expect(lay(rendered, undefined)).toBe(rendered);
    expect(rendered).toEqual({ A: { B: 1, C: { D: 2 } }, E: [3] });
  });

  test("removes what an override names null, at any depth", () => {
    const laid = lay({ A: { B: 1, C: 2 }, D: 3 }, { A: { B: null }, D: null });
    expect(JSON.stringify(laid)).toBe('{"A":{"C":2}}');
  });

  test("adds what is not rendered, without its nulls", () => {
    const rendered: { A?: { B?: number; C?: number } } = {};
    expect(JSON.stringify(lay(rendered, { A: { B: 1, C: null } }))).toBe('{"A":{"B":1}}');
  });

  test("merges named items by name, appends others, and keeps the rendered order", () => {
    const rendered = { Tasks: [task("a", { X: { Y: 1 } }), task("b")] };
    expect(lay(rendered, { Tasks: [task("c"), task("a", { X: { Z: 2 } })] })).toEqual({
      Tasks: [task("a", { X: { Y: 1, Z: 2 } }), task("b"), task("c")],
    });
  });

  test.each([
    ["an item without a name", [task("a"), task(undefined)]],
    ["no items", []],
  ])("replaces a list of named items by one with %s", (_, Tasks) => {
    expect(lay({ Tasks: [task("a", { X: 1 }), task("b")] }, { Tasks })).toEqual({ Tasks });
  });

  test("replaces lists of unnamed items, texts, numbers and booleans", () => {
    expect(lay({ L: [1, 2], S: "a", N: 1, B: true }, { L: [3], S: "", N: 0, B: false })).toEqual({
      L: [3],
      S: "",
      N: 0,
      B: false,
    });
  });
});

describe("override", () => {
  const base = { port: 8080, protocol: Protocol.HTTP } satisfies Partial<MeshServiceBaseProps>;

  function webOf(props: Partial<MeshServiceBaseProps>) {
    const { jobs } = synthMesh((mesh) => {
      const api = mesh.addService("api", { port: 1, workload: Workload.docker({ image: "a:1" }) });
      mesh.addService("web", { ...base, workload: Workload.docker({ image: "web:1" }), ...props }).connectTo(api);
    });
    return jobs.web;
  }

  const overridden = (override: JobOverride, props: Partial<MeshServiceBaseProps> = {}) =>
    webOf({ ...props, override });

  test("of a service keeps its sidecar, upstreams and checks", () => {
    const healthCheck = HealthCheck.http("/health");
    const plain = serviceOf(webOf({ healthCheck }));
    const service = serviceOf(
      overridden(
        {
          service: {
            Meta: { team: "a" },
            Checks: [{ Name: "web http", Timeout: 1e9 }],
            Connect: { SidecarService: { Proxy: { Upstreams: [{ DestinationName: "api", Config: { a: 1 } }] } } },
          },
        },
        { healthCheck, meta: { rack: "1" } },
      ),
    );
    expect(service.Meta).toEqual({ rack: "1", team: "a" });
    expect(service.Checks).toEqual([{ ...plain.Checks?.at(0), Timeout: 1e9 }]);
    expect(service.Connect?.SidecarTask).toEqual(plain.Connect?.SidecarTask);
    expect(service.Connect?.SidecarService?.Proxy?.Upstreams).toEqual([
      { ...plain.Connect?.SidecarService?.Proxy?.Upstreams?.at(0), Config: { a: 1 } },
    ]);
  });

  test("of a job and of a group finds groups, tasks and services by name", () => {
    const inGroup = { Tasks: [{ Name: "web", Leader: true }], Services: [{ Name: "web", EnableTagOverride: true }] };
    for (const override of [{ job: { TaskGroups: [{ Name: "web", ...inGroup }] } }, { group: inGroup }]) {
      const job = overridden(override, { tasks: { logs: Workload.docker({ image: "logs:1" }) } });
      expect(groupOf(job).Tasks?.map(({ Name, Leader }) => [Name, Leader])).toEqual([
        ["web", true],
        ["logs", undefined],
      ]);
      expect(taskOf(job).Config).toEqual({ image: "web:1" });
      expect(serviceOf(job)).toMatchObject({ EnableTagOverride: true, Connect: { SidecarService: {} } });
    }
  });

  test("finds ports by label, also where one becomes static or dynamic", () => {
    const ports = { http: Port.dynamic({ to: 8080 }), admin: Port.static(8443, { hostNetwork: "lan" }) };
    const network = { ReservedPorts: [{ Label: "http", Value: 80 }], DynamicPorts: [{ Label: "admin", To: 1 }] };
    for (const override of [
      { group: { Networks: [network] } },
      { job: { TaskGroups: [{ Name: "web", Networks: [network] }] } },
    ]) {
      expect(groupOf(overridden(override, { ports })).Networks).toEqual([
        {
          Mode: "bridge",
          ReservedPorts: [{ Label: "http", Value: 80, To: 8080 }],
          DynamicPorts: [{ Label: "admin", To: 1, HostNetwork: "lan" }],
        },
      ]);
    }
  });

  test("of each builder goes below its first fields", () => {
    const job = webOf({
      workload: Workload.docker({
        image: "web:1",
        env: { A: "1" },
        resources: { cpuMhz: 200 },
        templates: [
          Template.text("x", {
            destination: "local/x",
            changeScript: { command: "/bin/a", args: ["b"] },
            override: { ChangeScript: { FailOnError: true } },
          }),
        ],
        override: { Env: { B: "2" }, Resources: { MemoryMB: 64 }, Config: { labels: { a: "b" } } },
      }),
      healthCheck: HealthCheck.http("/", {
        checkRestart: { limit: 3 },
        override: { CheckRestart: { IgnoreWarnings: true } },
      }),
      sidecar: Sidecar.docker({
        config: { a: 1 },
        override: { Resources: { CPU: 300 } },
        serviceOverride: { Proxy: { Config: { b: 2 } } },
      }),
      volumes: {
        data: Volume.csi("data", {
          mountOptions: { fsType: "ext4" },
          override: { MountOptions: { MountFlags: ["noatime"] } },
        }),
      },
    });
    expect(taskOf(job)).toMatchObject({
      Config: { image: "web:1", labels: { a: "b" } },
      Env: { A: "1", B: "2" },
      Resources: { CPU: 200, MemoryMB: 64 },
      Templates: [{ ChangeScript: { Command: "/bin/a", Args: ["b"], FailOnError: true } }],
    });
    expect(groupOf(job).Volumes?.data.MountOptions).toEqual({ FSType: "ext4", MountFlags: ["noatime"] });
    expect(serviceOf(job).Checks?.at(0)?.CheckRestart).toEqual({ Limit: 3, IgnoreWarnings: true });
    expect(serviceOf(job).Connect).toMatchObject({
      SidecarTask: { Resources: { CPU: 300, MemoryMB: 128 } },
      SidecarService: { Proxy: { Config: { a: 1, b: 2 }, Upstreams: [{ DestinationName: "api" }] } },
    });
  });

  test("of a resolver merges subsets and failovers by name", () => {
    const { entries } = synthMesh((mesh) => {
      const api = mesh.addService("api", { ...base, workload: Workload.docker({ image: "a:1" }) });
      api.addSubset("eu", "Service.Meta.zone == eu");
      api.resolve({ override: { Subsets: { eu: { OnlyPassing: true } } } });
    });
    expect(entries["service-resolver/api"]).toMatchObject({
      Subsets: { eu: { Filter: "Service.Meta.zone == eu", OnlyPassing: true } },
    });
  });

  test("merges a map that only Terraform knows with the rendered one", () => {
    const stack = new TestStack();
    const labels = new TerraformVariable(stack, "labels", { type: "map(string)" }).value as Record<string, string>;
    new ServiceMesh(stack, "mesh").addService("web", {
      ...base,
      meta: { a: "${NOMAD_ALLOC_ID}", b: "1" },
      workload: Workload.docker({ image: "web:1", override: { Env: Fn.merge([labels]) as Record<string, string> } }),
      override: { service: { Meta: labels } },
    });
    const { web } = synthWithVariables(stack, { labels: { b: "2" } }).jobs;
    expect(serviceOf(web).Meta).toEqual({ a: "${NOMAD_ALLOC_ID}", b: "2" });
    expect(taskOf(web).Env).toEqual({ b: "2" });
  });
});
