import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import {
  Failover,
  Protocol,
  silence,
  Template,
  type ExternalServiceBaseProps,
  type ServiceMesh,
} from "../../constructs";
import { findingsOf, synthMesh, warningsOf, type TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";

/** What synthesis says of a mesh. */
function findings(build: (mesh: ServiceMesh, stack: TestStack) => void) {
  return findingsOf(() => synthMesh(build));
}

/** What synthesis says of a service outside that a gateway leads to. */
function findingsOfExternal(props: Partial<ExternalServiceBaseProps>) {
  return findings((mesh) => {
    const db = mesh.addExternalService("db", { address: "192.0.2.7", port: 5432, ...props });
    mesh.addTerminatingGateway("egress").addService(db);
  });
}

const tls = { caFile: "/ca.pem", sni: "db.example" };

test("a sound terminating gateway has no findings", () => {
  expect(findingsOfExternal({ tls })).toEqual([]);
  expect(findingsOfExternal({ plaintext: "It is a test." })).toEqual([]);
});

test("external-failover: warns of a failover that callers do not notice the need for", () => {
  const build = (mesh: ServiceMesh) => {
    const plain = { address: "192.0.2.7", port: 80, plaintext: "It is a test." };
    const [one, two] = ["one", "two"].map((name) => mesh.addExternalService(name, plain));
    const egress = mesh.addTerminatingGateway("egress");
    egress.addService(one);
    egress.addService(two);
    one.resolve({ failover: Failover.to(two) });
  };
  expect(warningsOf(build)).toContain(
    "stack/mesh/one: The failover of one applies only while no terminating gateway is healthy, even if none of its instances is. Set several instances: the gateway ejects those that fail. Or fail over to it, from a service of the mesh. (external-failover)",
  );
});

test("external-failover: warns of a target outside before others, since the failover never leaves it", () => {
  const build = (mesh: ServiceMesh, targets: readonly ("outside" | "inside")[]) => {
    const plain = { address: "192.0.2.7", port: 80, plaintext: "It is a test.", protocol: Protocol.HTTP };
    const outside = mesh.addExternalService("outside", plain);
    mesh.addTerminatingGateway("egress").addService(outside);
    const inside = mesh.addService("inside", { port: 80, protocol: Protocol.HTTP, workload: anyWorkload });
    const [first, ...more] = targets.map((target) => ({ outside, inside })[target]);
    mesh.addVirtualService("shop", { protocol: Protocol.HTTP, failover: Failover.to(first, ...more) });
  };
  expect(warningsOf((mesh) => build(mesh, ["outside", "inside"]))).toContain(
    "stack/mesh/shop: The failover of shop leaves outside only while no terminating gateway is healthy, even if none of its instances is. Make outside the last target. (external-failover)",
  );
  expect(warningsOf((mesh) => build(mesh, ["inside", "outside"])).join()).not.toContain("external-failover");
});

describe("external-plaintext", () => {
  test("fails if there is neither TLS nor a reason for plaintext", () => {
    const message =
      "stack/mesh/db: Gateways would use plaintext for db: it has neither tls nor a reason for plaintext. Set tls with a caFile. If plaintext is intended, state the reason in `plaintext`. (external-plaintext)";
    expect(findingsOfExternal({})).toEqual([message]);
    expect(findingsOfExternal({ plaintext: " " })).toEqual([message]);
  });

  test("fails if there are both", () => {
    expect(findingsOfExternal({ tls, plaintext: "It is a test." })).toEqual([
      "stack/mesh/db: db has both tls and a reason for plaintext. Keep one of the two. (external-plaintext)",
    ]);
  });
});

describe("external-authority", () => {
  test("fails if there is no file with the authority's certificates", () => {
    expect(findingsOfExternal({ tls: { ...tls, caFile: "" } })).toContain(
      "stack/mesh/db: The caFile of db is empty, so Envoy would use plaintext. Set it to the file with the certificates of its CA. (external-authority)",
    );
  });

  test("fails if any certificate of the authority would do", () => {
    expect(findingsOfExternal({ tls: { caFile: "/ca.pem" } })).toEqual([
      "stack/mesh/db: No name is known for the certificate of db at 192.0.2.7: any certificate of its CA would be accepted. Set sni in its tls to a name in its certificate. (external-authority)",
    ]);
  });
});

describe("client-certificate", () => {
  test("fails if there is no key to a certificate, or no certificate to a key", () => {
    expect(findingsOfExternal({ tls: { ...tls, certFile: "/own.pem" } })).toEqual([
      "stack/mesh/db: The tls of db has a certFile, but no keyFile. Add the keyFile, or omit both. (client-certificate)",
    ]);
    expect(findingsOfExternal({ tls: { ...tls, keyFile: "/own.key" } })).toEqual([
      "stack/mesh/db: The tls of db has a keyFile, but no certFile. Add the certFile, or omit both. (client-certificate)",
    ]);
  });
});

describe("external-without-gateway", () => {
  test("fails if no gateway leads to a service outside", () => {
    expect(findings((mesh) => mesh.addExternalService("db", { address: "192.0.2.7", port: 5432, tls }))).toEqual([
      "stack/mesh/db: No terminating gateway routes to db. Call mesh.addTerminatingGateway(…).addService(…). (external-without-gateway)",
    ]);
  });
});

describe("gateway-without-service", () => {
  test("fails if a terminating gateway leads nowhere", () => {
    expect(findings((mesh) => mesh.addTerminatingGateway("egress"))).toEqual([
      "stack/mesh/egress: The terminating gateway egress has no service. Add one with addService, or remove the gateway. (gateway-without-service)",
    ]);
  });
});

describe("gateway-file", () => {
  const build = (destination: string) => (mesh: ServiceMesh) => {
    const db = mesh.addExternalService("db", {
      address: "192.0.2.7",
      port: 5432,
      tls: { ...tls, caFile: "secrets/ca.pem" },
    });
    mesh.addTerminatingGateway("egress", { templates: [Template.text("…", { destination })] }).addService(db);
  };

  test("fails if no template brings a file that Envoy is to read", () => {
    expect(findings(build("secrets/other.pem"))).toEqual([
      'stack/mesh/egress: Its Envoy reads secrets/ca.pem, but no template of the gateway creates that file. Add Template.text(…, { destination: "secrets/ca.pem" }) to its templates, or use an absolute path. (gateway-file)',
    ]);
    expect(findings(build("secrets/ca.pem"))).toEqual([]);
  });
});

describe("gateway-network", () => {
  test.each([
    ["host", [{ Mode: "host" }]],
    ["host", null],
  ])("fails if a gateway runs on the network %s", (mode, Networks) => {
    expect(findings((mesh) => mesh.addMeshGateway("mesh-gateway", { override: { group: { Networks } } }))).toEqual([
      `stack/mesh/mesh-gateway: The group mesh-gateway of the mesh gateway runs on the network "${mode}". Use the network mode bridge or cni/<name>; the gateway's listeners open their ports on the node. (gateway-network)`,
    ]);
  });

  test("takes another network namespace", () => {
    const ReservedPorts = [{ Label: "wan", Value: 8443, To: 8443 }];
    const override = { group: { Networks: [{ Mode: "cni/mine", ReservedPorts }] } };
    expect(findings((mesh) => mesh.addMeshGateway("mesh-gateway", { override }))).toEqual([]);
  });
});

describe("config-entry-owners", () => {
  test("fails if Terraform writes an entry that Nomad writes from a job", () => {
    expect(
      findings((mesh, stack) => {
        const db = mesh.addExternalService("db", { address: "192.0.2.7", port: 5432, tls });
        mesh.addTerminatingGateway("egress").addService(db);
        new ConfigEntry(stack, "mine", { kind: "terminating-gateway", name: "egress", configJson: "{}" });
      }),
    ).toEqual([
      "stack/mine: The config entry terminating-gateway/egress already belongs to Nomad, which writes it from the gateway block in the job of stack/mesh/egress. Keep one of the two. (config-entry-owners)",
    ]);
  });
});

describe("published-port-clash", () => {
  test("fails if a gateway takes the port of the node that a service publishes", () => {
    const web = { port: 8000, publish: 8443, workload: anyWorkload };
    const message =
      "stack/mesh/mesh-gateway: It publishes port 8443, which stack/mesh/web also publishes. Publish another port, or run one of them in another node pool or datacenter. (published-port-clash)";
    const build = (nodePool?: string) => (mesh: ServiceMesh) => {
      mesh.addService("web", web);
      mesh.addMeshGateway("mesh-gateway", { nodePool });
    };
    expect(findings(build())).toEqual([message]);
    expect(findings(build("default"))).toEqual([message]);
    expect(findings(build("edge"))).toEqual([]);
  });
});

describe("port-range", () => {
  test("fails if a port of a gateway or of a service outside is none", () => {
    expect(findings((mesh) => mesh.addMeshGateway("mesh-gateway", { port: 0 }))).toEqual([
      "stack/mesh/mesh-gateway: A port is 0. Use a whole number from 1 to 65535. (port-range)",
    ]);
    expect(findingsOfExternal({ tls, port: 65_536 })).toEqual([
      "stack/mesh/db: port is 65536. Use a whole number from 1 to 65535. (port-range)",
    ]);
  });
});

test("what is found at a gateway can be accepted with a reason", () => {
  expect(
    findings((mesh) => {
      const db = mesh.addExternalService("db", { address: "192.0.2.7", port: 5432, tls: { caFile: "/ca.pem" } });
      mesh.addTerminatingGateway("egress").addService(db);
      silence(db, "external-authority", "Its authority signs for nobody else.");
    }),
  ).toEqual([]);
});
