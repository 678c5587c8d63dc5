import { Dns, Port, type MeshServiceBaseProps, type nomad } from "../../constructs";
import { groupOf, serviceOf } from "../support/job";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

const SECOND = 1e9;

function groupWith(props: Partial<MeshServiceBaseProps>): nomad.TaskGroup {
  return groupOf(synthMesh((mesh) => mesh.addService("web", { port: 8000, workload: anyWorkload, ...props })).jobs.web);
}

describe("the network of a group", () => {
  test("has ports of the node, static and dynamic, with all that Nomad knows of them", () => {
    const { Networks } = groupWith({
      ports: {
        http: Port.dynamic({ to: 8080 }),
        metrics: Port.dynamic(),
        dns: Port.static(53),
        admin: Port.static(9000, { to: 9001, hostNetwork: "private" }),
      },
    });
    expect(Networks).toEqual([
      {
        Mode: "bridge",
        ReservedPorts: [
          { Label: "dns", Value: 53 },
          { Label: "admin", Value: 9000, To: 9001, HostNetwork: "private" },
        ],
        DynamicPorts: [{ Label: "http", To: 8080 }, { Label: "metrics" }],
      },
    ]);
  });

  test("has the Consul agent of the node as its name server", () => {
    const { Networks } = groupWith({ dns: Dns.consul({ searches: ["service.consul"], options: ["ndots:2"] }) });
    expect(Networks?.[0]?.DNS).toEqual({
      Servers: ["${attr.unique.consul.dns.addr}"],
      Searches: ["service.consul"],
      Options: ["ndots:2"],
    });
    expect(groupWith({ dns: Dns.consul() }).Networks?.[0]?.DNS).toEqual({
      Servers: ["${attr.unique.consul.dns.addr}"],
    });
  });

  test("has the port that is published next to its own", () => {
    expect(groupWith({ publish: 80, ports: { dns: Port.static(53) } }).Networks?.[0]?.ReservedPorts).toEqual([
      { Label: "dns", Value: 53 },
      { Label: "published", Value: 80, To: 8000 },
    ]);
  });

  test("has a port of an exposed path once, where the group names it itself", () => {
    const group = groupWith({
      ports: { metrics: Port.static(9102) },
      expose: [{ path: "/metrics", portLabel: "metrics" }],
    });
    expect(group.Networks).toEqual([{ Mode: "bridge", ReservedPorts: [{ Label: "metrics", Value: 9102 }] }]);
  });

  test("resolves names as it is told, under a host name of its own", () => {
    const dns = { servers: ["10.0.0.2"], searches: ["example.com"], options: ["ndots:2"] };
    expect(groupWith({ dns, hostname: "web.example.com" }).Networks?.[0]).toEqual({
      Mode: "bridge",
      Hostname: "web.example.com",
      DNS: { Servers: ["10.0.0.2"], Searches: ["example.com"], Options: ["ndots:2"] },
    });
  });

  test("can be one of CNI plugins, with arguments", () => {
    expect(groupWith({ networkMode: "cni/mynet", cniArgs: { zone: "a" } }).Networks).toEqual([
      { Mode: "cni/mynet", CNI: { Args: { zone: "a" } } },
    ]);
  });

  test("may take a port that is taken, on the node's own network alone", () => {
    const ports = { http: Port.static(8080, { ignoreCollision: true }) };
    expect(groupWith({ connectNative: true, networkMode: "host", ports }).Networks?.[0]?.ReservedPorts).toEqual([
      { Label: "http", Value: 8080, IgnoreCollision: true },
    ]);
    expect(() => groupWith({ ports })).toThrow(/ignore_collision/);
  });
});

describe("a group", () => {
  test("leaves drained nodes as it is told", () => {
    const migrate = {
      maxParallel: 2,
      healthCheck: "task_states",
      minHealthyTime: "3s",
      healthyDeadline: "1m",
    } as const;
    expect(groupWith({ migrate }).Migrate).toEqual({
      MaxParallel: 2,
      HealthCheck: "task_states",
      MinHealthyTime: 3 * SECOND,
      HealthyDeadline: 60 * SECOND,
    });
  });

  test("says what becomes of it when its node no longer answers", () => {
    const disconnect = { lostAfter: "2m", replace: false, reconcile: "keep_original" } as const;
    expect(groupWith({ disconnect }).Disconnect).toEqual({
      LostAfter: 120 * SECOND,
      Replace: false,
      Reconcile: "keep_original",
    });
    expect(groupWith({ disconnect: { stopOnClientAfter: "1m" } }).Disconnect).toEqual({
      StopOnClientAfter: 60 * SECOND,
    });
    expect(() => groupWith({ disconnect: { stopOnClientAfter: "1m", lostAfter: "1m" } })).toThrow(/disconnect/);
  });

  test("has a disk of its own, kept where it is told", () => {
    const group = groupWith({ ephemeralDisk: { sizeMib: 500, sticky: true, migrate: true } });
    expect(group.EphemeralDisk).toEqual({ SizeMB: 500, Sticky: true, Migrate: true });
    // A canary would start with an empty one.
    expect(group.Update).toBeUndefined();
  });

  test("has bounds for an autoscaler", () => {
    expect(groupWith({ count: 2, scaling: { min: 1, max: 5, policy: { cooldown: "1m" } } }).Scaling).toEqual({
      Type: "horizontal",
      Min: 1,
      Max: 5,
      Enabled: true,
      Policy: { cooldown: "1m" },
    });
    expect(() => groupWith({ count: 6, scaling: { max: 5 } })).toThrow(/scaling/);
  });

  test("names its Consul cluster, and has metadata", () => {
    expect(groupWith({ consulCluster: "east", groupMeta: { tier: "front" } })).toMatchObject({
      Consul: { Cluster: "east" },
      Meta: { tier: "front" },
    });
  });
});

test("paths that Envoy opens have a port each", () => {
  const group = groupWith({
    expose: [
      { path: "/health", portLabel: "health" },
      { path: "/metrics", portLabel: "metrics", localPort: 9102, protocol: "http2" },
    ],
  });
  expect(group.Networks?.[0]?.DynamicPorts).toEqual([
    { Label: "health", To: -1 },
    { Label: "metrics", To: -1 },
  ]);
  expect(serviceOf({ TaskGroups: [group] }).Connect?.SidecarService?.Proxy?.Expose?.Path).toEqual([
    { Path: "/health", Protocol: "http", LocalPathPort: 8000, ListenerPort: "health" },
    { Path: "/metrics", Protocol: "http2", LocalPathPort: 9102, ListenerPort: "metrics" },
  ]);
});
