import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { Fn, TerraformVariable, Testing } from "cdktf";
import {
  MeshService,
  ConsulConfigEntry,
  HealthCheck,
  Protocol,
  ServiceMesh,
  silence,
  Workload,
  type consul,
  type MeshServiceBaseProps,
} from "../../constructs";
import { findingsOf, TestStack } from "../support/synth";

const workload = Workload.exec({ command: "/bin/api" });

function findings(build: (mesh: ServiceMesh, stack: TestStack) => void): string[] {
  const stack = new TestStack();
  build(new ServiceMesh(stack, "mesh"), stack);
  return findingsOf(() => Testing.synth(stack, true));
}

function findingsOfService(props: Partial<MeshServiceBaseProps>): string[] {
  return findings((mesh) => mesh.addService("api", { port: 8000, publish: 8000, workload, ...props }));
}

describe("invalid-job", () => {
  test("says where a value stands in the job, what it is, what is allowed and what to do", () => {
    expect(findingsOfService({ workload: Workload.exec({ command: "x", resources: { memoryMib: 5 } }) })).toEqual([
      'stack/mesh/api: group "api" > task "api" > resources.memory is 5; expected 10 or more. Increase the memory of the task (MiB). (invalid-job)',
    ]);
  });

  test("names all problems of a job at once", () => {
    const resources = { cpuMhz: 100, cores: 1 };
    expect(
      findingsOfService({
        count: NaN,
        priority: 101,
        update: { autoPromote: true, canary: 0 },
        restart: { attempts: 10, interval: "1m", delay: "15s" },
        workload: Workload.exec({ command: "x", resources, volumeMounts: [{ volume: "data", destination: "/data" }] }),
      }),
    ).toEqual([
      'stack/mesh/api: group "api" > count is NaN; expected a whole number. Use a whole number. (invalid-job)',
      "stack/mesh/api: priority is 101; expected 1 to 100. Use a priority in this range. (invalid-job)",
      'stack/mesh/api: group "api" > restart.interval is 1m0s; expected 2m30s or more for 10 attempts, each after a delay of 15s. Raise interval, or lower attempts or delay. (invalid-job)',
      'stack/mesh/api: group "api" > update.auto_promote is true; expected false without canaries. Set canary, or omit auto_promote. (invalid-job)',
      'stack/mesh/api: group "api" > task "api" > resources.cores is 1; expected cpu or cores, but not both. Omit one of the two. (invalid-job)',
      'stack/mesh/api: group "api" > task "api" > volume_mount 1.volume is "data"; expected a volume of the group, which has none. Declare the volume in the group, or correct the name. (invalid-job)',
    ]);
  });

  test("looks at what an override made of the job", () => {
    expect(findingsOfService({ override: { group: { Count: -1 }, job: { Type: "servise" } } })).toEqual([
      'stack/mesh/api: type is "servise"; expected "service", "batch", "system" or "sysbatch". Use one of them. (invalid-job)',
      'stack/mesh/api: group "api" > count is -1; expected 0 or more. Use a valid number of allocations. (invalid-job)',
    ]);
  });

  test("looks at gateways, and at jobs that are written out in JSON", () => {
    expect(
      findings((mesh, stack) => {
        mesh.addMeshGateway("wan", { priority: -1 });
        new Job(stack, "nightly", { json: true, jobspec: JSON.stringify({ Job: { ID: "nightly", Type: "batch" } }) });
        new Job(stack, "hcl", { jobspec: 'job "hcl" {}' });
      }),
    ).toEqual([
      "stack/mesh/wan: priority is -1; expected 1 to 100. Use a priority in this range. (invalid-job)",
      "stack/nightly: group is not set; expected at least one group. Add a group. (invalid-job)",
    ]);
  });

  test("leaves to Nomad what only Terraform knows", () => {
    expect(
      findings((mesh, stack) => {
        const variable = new TerraformVariable(stack, "number", { type: "number" });
        const count = variable.numberValue;
        mesh.addService("api", {
          port: 8000,
          publish: 8000,
          count,
          priority: count,
          update: { canary: count, autoPromote: true },
          workload: Workload.exec({
            command: "x",
            env: { A: variable.stringValue },
            volumeMounts: [{ volume: variable.stringValue, destination: "/data" }],
            override: { Env: Fn.merge([{ A: "b" }, variable.value]) as Record<string, string> },
          }),
        });
      }),
    ).toEqual([]);
  });

  test("is silent where a check says the same in the words of the constructs, unless that one is silenced", () => {
    const build = (mesh: ServiceMesh) =>
      mesh.addService("api", { port: 8000, publish: 8000, workload, healthCheck: HealthCheck.tcp() });
    expect(findings(build)).toEqual([expect.stringContaining("(tcp-check-behind-sidecar)")]);
    expect(findings((mesh) => silence(build(mesh), "tcp-check-behind-sidecar", "to see"))).toEqual([
      expect.stringContaining("(invalid-job)"),
    ]);
  });
});

describe("invalid-config-entry", () => {
  test("looks at entries of the mesh", () => {
    expect(
      findingsOfService({
        protocol: Protocol.HTTP,
        serviceDefaults: { BalanceInboundConnections: "some", EnvoyExtensions: [{ Name: "lua" }] },
      }),
    ).toEqual([
      'stack/mesh/api/Defaults: BalanceInboundConnections is "some"; expected "exact_balance". Use one of them. (invalid-config-entry)',
      'stack/mesh/api/Defaults: EnvoyExtensions[0].Name is "lua"; expected the name of a built-in extension, such as "builtin/lua". Correct the name. (invalid-config-entry)',
    ]);
  });

  test("looks at entries of one's own", () => {
    expect(
      findings((_, stack) => {
        MeshService.fromServiceName(stack, "web", "web");
        new ConsulConfigEntry<consul.ServiceRouterConfigEntry>(stack, "routes", {
          kind: "service-router",
          name: "api",
          entry: () => ({ Routes: [{ Destination: { PrefixRewrite: "/" } }] }),
        });
        const configJson = JSON.stringify({ Sources: [{ Name: "web", Permissions: [{ Action: "allow", HTTP: {} }] }] });
        new ConfigEntry(stack, "permissions", { kind: "service-intentions", name: "api", configJson });
      }),
    ).toEqual([
      'stack/routes: Routes[0].Destination.PrefixRewrite is "/"; it cannot be set for a route without PathExact or PathPrefix. Omit it. (invalid-config-entry)',
      "stack/permissions: Sources[0].Permissions[0].HTTP is {}; expected a block with a path, a header or a method. Set a path, a header or a method. (invalid-config-entry)",
    ]);
  });

  test("leaves to Consul what only Terraform knows", () => {
    expect(
      findings((_, stack) => {
        const name = new TerraformVariable(stack, "name", { type: "string" }).stringValue;
        new ConsulConfigEntry<consul.ServiceIntentionsConfigEntry>(stack, "intentions", {
          kind: "service-intentions",
          name: "api",
          entry: () => ({ Sources: [{ Name: name, Action: name }] }),
        });
      }),
    ).toEqual([]);
  });
});
