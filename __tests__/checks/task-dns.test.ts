import { Dns, Workload, type MeshServiceBaseProps } from "../../constructs";
import { findingsOf, synthMesh, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const findings = (props: Partial<MeshServiceBaseProps>) =>
  findingsOf(() =>
    synthMesh((mesh) => mesh.addService("web", { port: 9002, publish: 9003, workload: anyWorkload, ...props })),
  );

describe("dns-server", () => {
  test.each([
    ["127.0.0.1", "is the allocation itself, on whose loopback interface no name server answers."],
    ["127.0.0.53", "is the allocation itself, on whose loopback interface no name server answers."],
    ["::1", "is the allocation itself, on whose loopback interface no name server answers."],
    ["10.0.0.2:8600", "is not an IP address, so tasks resolve no names."],
    ["consul.example", "is not an IP address, so tasks resolve no names."],
  ])("fails if tasks would ask %s", (server, problem) => {
    expect(findings({ dns: { servers: ["10.0.0.2", server] } })).toEqual([
      `stack/mesh/web: The name server "${server}" ${problem} Use \`Dns.consul()\` for the Consul agent of the node, or the IP address of a name server that answers on port 53. (dns-server)`,
    ]);
  });

  test("lets others pass, and the agent of the node", () => {
    expect(findings({ dns: { servers: ["10.0.0.2", "2001:db8::53"] } })).toEqual([]);
    expect(findings({ dns: Dns.consul() })).toEqual([]);
  });
});

describe("dns-driver", () => {
  const warnings = (driver: "exec" | "raw_exec", dns: MeshServiceBaseProps["dns"]) =>
    warningsOf((mesh) =>
      mesh.addService("web", { port: 9002, publish: 9003, workload: Workload.exec({ command: "node", driver }), dns }),
    ).filter((it) => it.endsWith("(dns-driver)"));

  test("warns of a task that keeps the name servers of its node", () => {
    expect(warnings("raw_exec", Dns.consul())).toEqual([
      "stack/mesh/web: The task web has the driver raw_exec, so `dns` has no effect on it. Use Workload.docker, or Workload.exec with the driver exec. (dns-driver)",
    ]);
  });

  test("lets tasks pass that get them, or for which none are set", () => {
    expect(warnings("exec", Dns.consul())).toEqual([]);
    expect(warnings("raw_exec", undefined)).toEqual([]);
  });
});
