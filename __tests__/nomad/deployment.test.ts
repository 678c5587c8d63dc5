import {
  ApiGatewayListener,
  HealthCheck,
  SubsetFilter,
  Volume,
  type MeshServiceBaseProps,
  type nomad,
  type ServiceMesh,
} from "../../constructs";
import { groupOf } from "../support/job";
import { synthMesh, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const service = { port: 8000, workload: anyWorkload };
const BESIDE = { Canary: 1, AutoPromote: true };

function updateOf(props: Partial<MeshServiceBaseProps>): nomad.UpdateStrategy | undefined {
  return groupOf(synthMesh((mesh) => mesh.addService("web", { ...service, ...props })).jobs.web).Update;
}

function warningsFor(build: (mesh: ServiceMesh) => unknown, id = "interrupted-deployment"): string[] {
  return warningsOf((mesh) => void build(mesh)).filter((line) => line.includes(`(${id})`));
}

const warningsForService = (props: Partial<MeshServiceBaseProps>) =>
  warningsFor((mesh) => mesh.addService("web", { ...service, ...props }));

describe("the successor of the only instance runs next to it", () => {
  test.each<[string, Partial<MeshServiceBaseProps>, object]>([
    ["of a service of which nothing is said", {}, BESIDE],
    ["however long it must be healthy", { update: { minHealthyTime: "1s" } }, { MinHealthyTime: 1e9, ...BESIDE }],
    ["where a volume is only read", { volumes: { data: Volume.host("data", { readOnly: true }) } }, BESIDE],
    ["where a port is chosen by Nomad", { expose: [{ path: "/metrics", portLabel: "metrics" }] }, BESIDE],
  ])("%s", (_, props, update) => {
    expect(updateOf(props)).toEqual(update);
    expect(warningsForService(props)).toEqual([]);
  });

  test("of a version too, and of a gateway without a port of its node", () => {
    const { jobs } = synthMesh((mesh) => {
      const api = mesh.addService("api", service);
      api.addVersion("v2", { workload: anyWorkload });
      const db = mesh.addExternalService("db", { address: "db.example", port: 5432, plaintext: "it is near" });
      mesh.addTerminatingGateway("out").addService(db);
      api.connectTo(db);
    });
    expect(groupOf(jobs["api-v2"]).Update).toEqual(BESIDE);
    expect(groupOf(jobs.out).Update).toEqual(BESIDE);
  });

  test.each<[string, Partial<MeshServiceBaseProps>, object | undefined]>([
    ["where there are others", { count: 2 }, undefined],
    ["where canaries wait for somebody", { update: { canary: 1 } }, { Canary: 1 }],
    ["where there are to be none", { update: { canary: 0 } }, { Canary: 0 }],
    ["where people say what is healthy", { update: { healthCheck: "manual" } }, { HealthCheck: "manual" }],
    ["where all is replaced at once", { update: { maxParallel: 0 } }, { MaxParallel: 0 }],
    ["where rules may tell canaries apart by tag", { canaryTags: ["canary"] }, undefined],
    ["where rules may tell canaries apart by metadata", { canaryMeta: { canary: "yes" } }, undefined],
    ["of a system job", { override: { job: { Type: "system" } } }, undefined],
    ["where the job says it for all groups", { override: { job: { Update: { MaxParallel: 1 } } } }, undefined],
    ["where its disk goes to the next", { override: { group: { EphemeralDisk: { Sticky: true } } } }, undefined],
    ["where its disk moves to the next", { override: { group: { EphemeralDisk: { Migrate: true } } } }, undefined],
  ])("but not %s", (_, props, update) => {
    expect(updateOf(props)).toEqual(update);
    expect(warningsForService(props)).toEqual([]);
  });

  test("nor where one of several services of a group may be told apart", () => {
    const { jobs } = synthMesh((mesh) => {
      const group = mesh.addJob("shop").addGroup("web", { tasks: { server: anyWorkload } });
      group.addService("page");
      group.addService("admin", { canaryTags: ["canary"] });
    });
    expect(groupOf(jobs.shop).Update).toBeUndefined();
  });

  test("and a canary that rules tell apart is left to those who promote it", () => {
    const { jobs } = synthMesh((mesh) => {
      const api = mesh.addService("api", { ...service, canaryTags: ["canary"] });
      api.resolve({ defaultSubset: api.addSubset("calm", SubsetFilter.noneOf(SubsetFilter.tag("canary"))) });
    });
    expect(groupOf(jobs.api).Update).toBeUndefined();
  });
});

describe("interrupted-deployment", () => {
  const gap = (what: string) =>
    `At each deployment it is unavailable for some seconds: its only instance ${what}, so it stops before the next one starts.`;
  const otherNode =
    "Set count to 2 or more, or update: { canary: 1, autoPromote: true } if the port is free on another node. (interrupted-deployment)";

  test.each<[string, Partial<MeshServiceBaseProps>, string, string]>([
    ["a port of the node", { publish: 80 }, "uses port 80 of its node", otherNode],
    [
      "a volume to write to",
      { volumes: { data: Volume.csi("data", { accessMode: "multi-node-multi-writer" }) } },
      "writes to the volume data",
      "Set count to 2 or more with a volume for each, or update: { canary: 0 } if an interruption is acceptable. (interrupted-deployment)",
    ],
  ])("warns of an only instance with %s", (_, props, what, fix) => {
    expect(updateOf(props)).toBeUndefined();
    expect(warningsForService(props)).toEqual([`stack/mesh/web: ${gap(what)} ${fix}`]);
    expect(warningsForService({ ...props, count: 2 })).toEqual([]);
    expect(warningsForService({ ...props, update: { canary: 1, autoPromote: true } })).toEqual([]);
    expect(warningsForService({ ...props, update: { canary: 0 } })).toEqual([]);
  });

  test("warns of an only instance with a volume of its own, though it is only read", () => {
    const data = Volume.csi("data", { readOnly: true, perAlloc: true, accessMode: "multi-node-reader-only" });
    expect(updateOf({ volumes: { data } })).toBeUndefined();
    expect(warningsForService({ volumes: { data } })).toEqual([
      expect.stringContaining(gap("writes to the volume data")),
    ]);
  });

  test("warns of an only instance on its node's own network", () => {
    const job = (mesh: ServiceMesh) =>
      mesh.addJob("edge").addGroup("edge", { networkMode: "host", tasks: { edge: anyWorkload } });
    expect(groupOf(synthMesh((mesh) => void job(mesh)).jobs.edge).Update).toBeUndefined();
    expect(warningsFor(job)).toEqual([expect.stringContaining(gap("uses the host network"))]);
  });

  test("warns of an only gateway", () => {
    const gateway = (count?: number) =>
      warningsFor((mesh) => {
        const api = mesh.addService("api", service);
        mesh.addApiGateway("gate", { count, listeners: [ApiGatewayListener.tcp({ port: 9000 })] }).connectTo(api);
      });
    expect(gateway()).toEqual([`stack/mesh/gate: ${gap("uses port 9000 of its node")} ${otherNode}`]);
    expect(gateway(2)).toEqual([]);
  });
});

describe("hasty-deployment", () => {
  const hastyFor = (props: Partial<MeshServiceBaseProps>) =>
    warningsFor((mesh) => mesh.addService("web", { ...service, ...props }), "hasty-deployment");
  const problem = (time: string) =>
    `stack/mesh/web: At each deployment of web requests can fail: the old instance stops once the new one has run for ${time}, but Consul lets callers reach the new one only when its check of the sidecar has passed, up to 10 s after the start.`;

  test("warns where nothing tells Nomad that a new instance can be reached, and it does not wait for it either", () => {
    expect(hastyFor({ update: { minHealthyTime: "9s" } })).toEqual([
      `${problem("9s")} Add a healthCheck, or set minHealthyTime to 10s or more. (hasty-deployment)`,
    ]);
    const update = { minHealthyTime: "1s", healthCheck: "task_states" } as const;
    expect(hastyFor({ update, healthCheck: HealthCheck.http("/health") })).toEqual([
      `${problem("1s")} Set update.healthCheck to "checks", or minHealthyTime to 10s or more. (hasty-deployment)`,
    ]);
  });

  test.each<[string, Partial<MeshServiceBaseProps>]>([
    ["with a health check", { update: { minHealthyTime: "1s" }, healthCheck: HealthCheck.http("/health") }],
    ["with Nomad's own time", { update: { maxParallel: 2 } }],
    ["where a person decides", { update: { minHealthyTime: "1s", healthCheck: "manual" } }],
    ["without an Envoy", { update: { minHealthyTime: "1s" }, connectNative: true }],
  ])("has nothing to say %s", (_, props) => {
    expect(hastyFor(props)).toEqual([]);
  });
});

describe("ignored-on-update", () => {
  const ignoredFor = (props: Partial<MeshServiceBaseProps>) =>
    warningsFor((mesh) => mesh.addService("web", { ...service, ...props }), "ignored-on-update");

  test.each(["ignore_warnings", "ignore"] as const)("warns of %s behind a sidecar, of whatever check", (onUpdate) => {
    for (const healthCheck of [
      HealthCheck.http("/health", { name: "web", onUpdate }),
      HealthCheck.script("/bin/true", { name: "web", onUpdate }),
    ]) {
      expect(ignoredFor({ healthCheck, tasks: {} })).toEqual([
        `stack/mesh/web: onUpdate: "${onUpdate}" of the check "web" has no effect, since web has a sidecar: a deployment waits until the check passes. Omit onUpdate, or set update.healthCheck to "task_states" if a deployment shall not wait for checks. (ignored-on-update)`,
      ]);
    }
  });

  test("has nothing to say without a sidecar, and of the default", () => {
    const healthCheck = HealthCheck.http("/health", { onUpdate: "ignore_warnings" });
    expect(ignoredFor({ healthCheck, connectNative: true })).toEqual([]);
    expect(ignoredFor({ healthCheck: HealthCheck.http("/health", { onUpdate: "require_healthy" }) })).toEqual([]);
  });
});
