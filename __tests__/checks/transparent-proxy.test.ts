import {
  HealthCheck,
  Port,
  Sidecar,
  Workload,
  type ExecWorkloadOptions,
  type MeshServiceBaseProps,
  type TransparentProxyOptions,
} from "../../constructs";
import { serviceOf } from "../support/job";
import { findingsOf, synthMesh, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const program = (options: Partial<ExecWorkloadOptions> = {}) =>
  Workload.exec({ command: "node", driver: "exec", ...options });

const web = { port: 9002, publish: 9003, workload: anyWorkload, transparentProxy: {} };

const findings = (props: Partial<MeshServiceBaseProps>) =>
  findingsOf(() => synthMesh((mesh) => mesh.addService("web", { ...web, ...props })));

function uidWith(sidecar: Sidecar | undefined, transparentProxy: TransparentProxyOptions = {}): string | undefined {
  const { jobs } = synthMesh((mesh) =>
    mesh.addService("web", { ...web, workload: program({ user: "www-data" }), sidecar, transparentProxy }),
  );
  return serviceOf(jobs.web).Connect?.SidecarService?.Proxy?.TransparentProxy?.UID;
}

describe("the user whose traffic is not redirected", () => {
  test.each([
    ["in Docker", "the default of the node", undefined, undefined],
    [
      "in Docker as root, which Envoy's image changes",
      "the default of the node",
      Sidecar.docker({ user: "root" }),
      undefined,
    ],
    ["in Docker as user 1000", "that user", Sidecar.docker({ user: "1000:1000" }), "1000"],
    ["as a program", "root", Sidecar.exec(), "0"],
    ["as a program in a chroot", "nobody", Sidecar.exec({ driver: "exec" }), "65534"],
    ["as a program of nobody", "nobody", Sidecar.exec({ user: "nobody" }), "65534"],
  ])("of an Envoy %s is %s", (_, _who, sidecar, expected) => {
    expect(uidWith(sidecar)).toBe(expected);
  });

  test("is the one that the app sets", () => {
    expect(uidWith(Sidecar.exec({ user: "envoy" }), { uid: "950" })).toBe("950");
  });
});

describe("transparent-proxy-user", () => {
  test("fails if the traffic of Envoy would be sent back to it", () => {
    expect(findings({ sidecar: Sidecar.exec(), workload: program(), transparentProxy: { uid: "101" } })).toEqual([
      "stack/mesh/web: Its Envoy runs as the user 0 (root), but the traffic of the user 101 is not redirected. Envoy's own traffic would be sent back to it. Set `transparentProxy.uid` to the numeric id of the user that runs Envoy. (transparent-proxy-user)",
    ]);
    expect(findings({ sidecar: Sidecar.exec({ user: "envoy" }), workload: program() })).toEqual([
      expect.stringContaining("Its Envoy runs as the user envoy, but the traffic of the user 101 is not redirected."),
    ]);
  });

  test("fails if a task would bypass Envoy", () => {
    const raw = program({ driver: "raw_exec" });
    expect(findings({ sidecar: Sidecar.exec(), workload: raw, transparentProxy: { noDns: true } })).toEqual([
      "stack/mesh/web: The task web runs as the user 0 (root), like its Envoy, so its traffic bypasses Envoy and the mesh. Set another `user`, or a driver with another user: exec runs tasks as nobody, raw_exec as root. (transparent-proxy-user)",
    ]);
    expect(findings({ sidecar: Sidecar.exec({ driver: "exec" }), workload: program() })).toEqual([
      expect.stringContaining("The task web runs as the user 65534 (nobody), like its Envoy"),
    ]);
  });

  test("lets separate users pass", () => {
    expect(findings({})).toEqual([]);
    expect(findings({ sidecar: Sidecar.exec(), workload: program() })).toEqual([]);
    expect(
      findings({ sidecar: Sidecar.exec({ user: "envoy" }), workload: program(), transparentProxy: { uid: "950" } }),
    ).toEqual([]);
  });
});

describe("transparent-proxy-dns", () => {
  const warnings = (props: Partial<MeshServiceBaseProps>) =>
    warningsOf((mesh) => mesh.addService("web", { ...web, ...props })).filter((it) => it.endsWith("-dns)"));
  const workload = program({ driver: "raw_exec", user: "www-data" });

  test("warns of a task that cannot resolve virtual names", () => {
    expect(warnings({ workload })).toEqual([
      "stack/mesh/web: The task web has the driver raw_exec, so it cannot resolve names such as api.virtual.consul. Use Workload.docker, or Workload.exec with the driver exec. If it needs no such names, set `transparentProxy.noDns`. (transparent-proxy-dns)",
    ]);
  });

  test("lets a task pass that needs none", () => {
    expect(warnings({ workload, transparentProxy: { noDns: true } })).toEqual([]);
    expect(warnings({ workload: program() })).toEqual([]);
  });
});

describe("transparent-proxy-check", () => {
  test("fails if a check connects directly to a port that is redirected", () => {
    expect(findings({ healthCheck: HealthCheck.http("/ready", { port: 9100 }) })).toEqual([
      'stack/mesh/web: The health check "web http" connects to the port 9100 directly, and transparent proxy redirects it to Envoy. Add the number of the port inside the allocation to `transparentProxy.excludeInboundPorts`, or omit `port` and `expose` of the check, so that Envoy exposes its path. (transparent-proxy-check)',
    ]);
    const ports = { admin: Port.dynamic({ to: 9100 }) };
    expect(findings({ ports, healthCheck: HealthCheck.http("/ready", { port: "admin", expose: false }) })).toEqual([
      expect.stringContaining("connects to the port admin directly"),
    ]);
  });

  test("lets a check pass through Envoy, or to a port that is not redirected", () => {
    expect(findings({ healthCheck: HealthCheck.http("/ready") })).toEqual([]);
    expect(
      findings({
        healthCheck: HealthCheck.http("/ready", { port: 9100 }),
        transparentProxy: { excludeInboundPorts: ["9100"] },
      }),
    ).toEqual([]);
    const ports = { admin: Port.static(9100) };
    expect(findings({ ports, healthCheck: HealthCheck.http("/ready", { port: "admin", expose: false }) })).toEqual([]);
  });
});
