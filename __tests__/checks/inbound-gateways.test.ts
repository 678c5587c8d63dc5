import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { TerraformVariable, Testing } from "cdktf";
import {
  ApiGatewayListener,
  GatewayCertificate,
  IngressListener,
  Protocol,
  Redirect,
  ServiceMesh,
  type ApiGateway,
  type IngressGateway,
  type MeshService,
} from "../../constructs";
import { findingsOf, synthMesh, TestStack, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const listener = { port: 8080 };

/** What synthesis says of an ingress gateway in front of the http service `api`. */
function ofIngress(
  connect: (ingress: IngressGateway, api: MeshService, mesh: ServiceMesh, stack: TestStack) => void,
  ...listeners: IngressListener[]
) {
  return findingsOf(() =>
    synthMesh((mesh, stack) => {
      const ingress = mesh.addIngressGateway("ingress", {
        listeners: listeners.length > 0 ? listeners : [IngressListener.http(listener)],
      });
      connect(ingress, mesh.addService("api", http), mesh, stack);
    }),
  );
}

/** The same of an API gateway. */
function ofApiGateway(
  connect: (gateway: ApiGateway, api: MeshService, mesh: ServiceMesh, stack: TestStack) => void,
  ...listeners: ApiGatewayListener[]
) {
  return findingsOf(() =>
    synthMesh((mesh, stack) => {
      const gateway = mesh.addApiGateway("gateway", {
        listeners: listeners.length > 0 ? listeners : [ApiGatewayListener.http(listener)],
      });
      connect(gateway, mesh.addService("api", http), mesh, stack);
    }),
  );
}

test("sound gateways have no findings", () => {
  expect(ofIngress((ingress, api) => ingress.connectTo(api, { hosts: ["*", "api.example", "*.api.example"] }))).toEqual(
    [],
  );
  expect(ofApiGateway((gateway, api) => gateway.connectTo(api, { hosts: ["api.example"] }))).toEqual([]);
});

describe("duplicate-listener", () => {
  test("fails if two listeners are on one port", () => {
    expect(
      ofIngress(
        (ingress, api) => {
          ingress.connectTo(api, { listener: 8080 });
          ingress.addRoute(api, { listener: 8081 });
        },
        ...[8080, 8081, 8080].map((port) => IngressListener.http({ port })),
      ),
    ).toContain(
      "stack/mesh/ingress: Two of its listeners are on port 8080. Use a different port for each; one http listener can serve many hosts. (duplicate-listener)",
    );
  });

  test("fails if two listeners take one port of the node", () => {
    expect(
      ofApiGateway(
        (gateway, api) => {
          gateway.connectTo(api, { listener: 8080, name: "one" });
          gateway.addRoute(api, { listener: 8081, name: "two" });
        },
        ApiGatewayListener.http({ port: 8080, hostPort: 80 }),
        ApiGatewayListener.http({ port: 8081, hostPort: 80 }),
      ),
    ).toContain(
      "stack/mesh/gateway: Two of its listeners use port 80 of the node. Use a different port for each; one http listener can serve many hosts. (duplicate-listener)",
    );
  });
});

describe("listener-without-route", () => {
  const message = (name: string) =>
    `stack/mesh/${name}: Its listener on port 8080 has no service. Connect it: connectTo(…, { listener: 8080 }), or remove the listener. (listener-without-route)`;

  test("fails if a listener leads nowhere", () => {
    expect(ofIngress(() => undefined)).toEqual([message("ingress")]);
    expect(ofApiGateway(() => undefined)).toEqual([message("gateway")]);
  });
});

describe("gateway-protocol", () => {
  test("fails if an http route leads to a tcp service", () => {
    expect(
      ofApiGateway((gateway, _, mesh) => gateway.connectTo(mesh.addService("db", { port: 1, workload: anyWorkload }))),
    ).toEqual([
      "stack/mesh/gateway: Its listener on port 8080 has the protocol http, but db has tcp. Use ApiGatewayListener.tcp, or set another protocol at stack/mesh/db. (gateway-protocol)",
    ]);
  });

  test("fails if a tcp listener leads to an http service", () => {
    expect(ofIngress((ingress, api) => ingress.connectTo(api), IngressListener.tcp(listener))).toEqual([
      "stack/mesh/ingress: Its listener on port 8080 has the protocol tcp, but api has http. Use IngressListener.http, or set another protocol at stack/mesh/api. (gateway-protocol)",
    ]);
  });

  test("fails if an API gateway leads to a gRPC service, and says who can", () => {
    expect(
      ofApiGateway((gateway, _, mesh) =>
        gateway.connectTo(mesh.addService("calls", { ...http, protocol: Protocol.GRPC })),
      ),
    ).toEqual([
      "stack/mesh/gateway: Its listener on port 8080 has the protocol http, but calls has grpc. An API gateway has no listener for grpc: set another protocol at stack/mesh/calls, or use an ingress gateway. (gateway-protocol)",
    ]);
  });
});

describe("duplicate-route", () => {
  const other = (mesh: ServiceMesh) => mesh.addService("other", { ...http, port: 9002 });

  test("fails if a host leads to two services", () => {
    expect(
      ofIngress((ingress, api, mesh) => {
        ingress.connectTo(api, { hosts: ["a.example", "b.example"] });
        ingress.connectTo(other(mesh), { hosts: ["b.example"] });
      }),
    ).toEqual([
      "stack/mesh/ingress: Its listener on port 8080 routes requests for b.example both to api and to other. Use different hosts or a different match for one of them. (duplicate-route)",
    ]);
  });

  test("fails if two hosts differ in nothing but case, which a host has none of", () => {
    expect(
      ofIngress((ingress, api, mesh) => {
        ingress.connectTo(api, { hosts: ["a.example"] });
        ingress.connectTo(other(mesh), { hosts: ["A.example"] });
      }),
    ).toEqual([expect.stringContaining("routes requests for a.example both to api and to other.")]);
  });

  test("fails if equal requests lead to two services", () => {
    expect(
      ofApiGateway((gateway, api, mesh) => {
        gateway.connectTo(api, { match: { pathPrefix: "/v1", methods: ["GET"] } });
        gateway.connectTo(other(mesh), { match: [{ methods: ["GET"], pathPrefix: "/v1" }, { pathPrefix: "/v2" }] });
      }),
    ).toEqual([
      'stack/mesh/gateway: Its listener on port 8080 routes requests for any host with {"methods":["GET"],"pathPrefix":"/v1"} both to api and to other. Use different hosts or a different match for one of them. (duplicate-route)',
    ]);
  });

  test("takes one host at two listeners, and one path for two hosts", () => {
    expect(
      ofApiGateway(
        (gateway, api, mesh) => {
          gateway.connectTo(api, { listener: 8080, hosts: ["a.example"] });
          gateway.connectTo(other(mesh), { listener: 8080, hosts: ["b.example"] });
          gateway.connectTo(api, { listener: 8081, hosts: ["a.example"], name: "second" });
        },
        ApiGatewayListener.http({ port: 8080 }),
        ApiGatewayListener.http({ port: 8081 }),
      ),
    ).toEqual([]);
  });
});

describe("gateway-host", () => {
  test.each(["a b", "a.*.example", "-a.example", ""])("fails if %j is to be the host of an ingress route", (host) => {
    expect(ofIngress((ingress, api) => ingress.connectTo(api, { hosts: [host] }))).toEqual([
      `stack/mesh/ingress: "${host}" is not a valid host name. Use a DNS name, in which only the first label can be *. (gateway-host)`,
    ]);
  });

  test.each(["localhost:9999", "*.example:8080", "10.0.0.7", "[::1]:8080"])(
    "takes %j, as Consul does, where no certificate is made for it",
    (host) => {
      expect(ofIngress((ingress, api) => ingress.connectTo(api, { hosts: [host] }))).toEqual([]);
    },
  );

  test("fails if a certificate is to be for a host with a port", () => {
    expect(
      ofIngress(
        (ingress, api) => ingress.connectTo(api, { hosts: ["localhost:9999"] }),
        IngressListener.http({ port: 8080, tls: {} }),
      ),
    ).toEqual([
      'stack/mesh/ingress: "localhost:9999" has a port, but its listener on port 8080 has TLS, and a certificate has no ports in its names. Omit the port. (gateway-host)',
    ]);
  });

  test("fails if a certificate is to be for any host", () => {
    expect(
      ofIngress(
        (ingress, api) => ingress.connectTo(api, { hosts: ["*"] }),
        IngressListener.http({ port: 8080, tls: {} }),
      ),
    ).toEqual([
      "stack/mesh/ingress: Its listener on port 8080 has TLS, but the hosts of its certificate are unknown. Set the hosts that clients use. (gateway-host)",
    ]);
  });

  test("fails if the host of a route has a wildcard", () => {
    expect(ofApiGateway((gateway, api) => gateway.connectTo(api, { hosts: ["*.example"] }))).toEqual([
      'stack/mesh/gateway: "*.example" cannot be the host of a route. Use a DNS name without wildcards; a listener\'s hostname may have one. (gateway-host)',
    ]);
  });

  test("fails if the listener does not take the host of a route", () => {
    const connect = (gateway: ApiGateway, api: MeshService) => gateway.connectTo(api, { hosts: ["api.example"] });
    expect(ofApiGateway(connect, ApiGatewayListener.http({ port: 8080, hostname: "*.other" }))).toEqual([
      "stack/mesh/gateway: Its listener on port 8080 accepts requests only for *.other, not for api.example. Use a host of the listener, or change the hostname of the listener. (gateway-host)",
    ]);
    for (const hostname of ["*.example", "api.example"]) {
      expect(ofApiGateway(connect, ApiGatewayListener.http({ port: 8080, hostname }))).toEqual([]);
    }
    expect(ofApiGateway(connect, ApiGatewayListener.http({ port: 8080, hostname: "*" }))).toEqual([
      'stack/mesh/gateway/Entry: Listeners[0].Hostname is "*"; expected a name, in which only the first label can be *. Correct the name. (invalid-config-entry)',
    ]);
  });
});

describe("connections", () => {
  test("fails if a gateway leads to a service that does not let it in", () => {
    expect(ofIngress((ingress, api) => ingress.addRoute(api))).toEqual([
      "stack/mesh/ingress: It routes to api, but no intention allows it. Use connectTo, or allow it at stack/mesh/api with allowFrom. (upstream-without-intention)",
    ]);
    expect(ofApiGateway((gateway, api) => gateway.addRoute(api))).toEqual([
      "stack/mesh/gateway: It routes to api, but no intention allows it. Use connectTo, or allow it at stack/mesh/api with allowFrom. (upstream-without-intention)",
    ]);
  });

  test("fails if a service lets in a gateway that does not lead there", () => {
    expect(
      ofApiGateway((gateway, api, mesh) => {
        gateway.connectTo(api);
        mesh.addService("other", { ...http, port: 9002 }).allowFrom(gateway);
      }),
    ).toEqual([
      "stack/mesh/other: The API gateway gateway can reach other, but has no route to it. Use connectTo, add a route with addRoute, or remove the intention. (intention-without-upstream)",
    ]);
  });

  test("fails if a gateway leads to a name that nobody has", () => {
    expect(ofIngress((ingress) => ingress.connectTo("apy"))).toEqual([
      'stack/mesh/ingress: It connects to "apy", which is not a service of this mesh. Did you mean "api"? For a service of another team, use MeshService.fromServiceName. (unknown-service)',
    ]);
  });

  test("takes a gateway for a virtual service as one for the services behind it", () => {
    expect(
      ofApiGateway((gateway, api, mesh) => {
        gateway.connectTo(mesh.addVirtualService("shop", { protocol: Protocol.HTTP, redirect: Redirect.to(api) }));
      }),
    ).toEqual([]);
  });
});

describe("config-entry-owners", () => {
  test("fails if Nomad is to write an entry that Terraform writes", () => {
    expect(
      findingsOf(() =>
        synthMesh((mesh) => {
          const listeners = [IngressListener.http(listener)];
          const Connect = { Gateway: { Ingress: { Listeners: [{ Port: 8080, Services: [{ Name: "api" }] }] } } };
          const ingress = mesh.addIngressGateway("ingress", { listeners, override: { service: { Connect } } });
          ingress.connectTo(mesh.addService("api", http));
        }),
      ),
    ).toEqual([
      "stack/mesh/ingress/Entry/Resource: The config entry ingress-gateway/ingress already belongs to Nomad, which writes it from the gateway block in the job of stack/mesh/ingress. Keep one of the two. (config-entry-owners)",
    ]);
  });

  test("fails if an entry of a gateway is declared next to its own", () => {
    expect(
      ofApiGateway((gateway, api, _, stack) => {
        gateway.connectTo(api);
        const configJson = JSON.stringify({ Listeners: [{ Name: "http", Port: 8080, Protocol: "http" }] });
        new ConfigEntry(stack, "mine", { kind: "api-gateway", name: "gateway", configJson });
      }),
    ).toEqual([
      "stack/mine: The config entry api-gateway/gateway already belongs to stack/mesh/gateway/Entry/Resource. Keep one of the two: set fields in the listeners of the gateway. (config-entry-owners)",
    ]);
  });
});

describe("published-port-clash", () => {
  test("fails if two gateways take one port of the nodes", () => {
    expect(
      ofApiGateway((gateway, api, mesh) => {
        gateway.connectTo(api);
        mesh.addIngressGateway("ingress", { listeners: [IngressListener.http(listener)] }).connectTo(api);
      }),
    ).toEqual([
      "stack/mesh/ingress: It publishes port 8080, which stack/mesh/gateway also publishes. Publish another port, or run one of them in another node pool or datacenter. (published-port-clash)",
    ]);
  });
});

describe("inline-certificate", () => {
  test("warns of a key that passes through Terraform's state", () => {
    const stack = new TestStack();
    const key = new TerraformVariable(stack, "key", { type: "string", sensitive: true });
    const certificate = GatewayCertificate.inline({ certificate: "…", privateKey: key.stringValue });
    const mesh = new ServiceMesh(stack, "mesh");
    const gateway = mesh.addApiGateway("gateway", {
      listeners: [ApiGatewayListener.http({ port: 8443, tls: { certificates: [certificate] } })],
    });
    gateway.connectTo(mesh.addService("api", http));
    Testing.synth(stack, true);
    expect(gateway.node.metadata).toContainEqual(
      expect.objectContaining({
        data: 'The key of its listener on port 8443 passes through Terraform\'s state. Use GatewayCertificate.files. If this is intended, silence(…, "inline-certificate", "why"). (inline-certificate)',
      }),
    );
  });
});

describe("ambiguous-certificate", () => {
  const onDisk = GatewayCertificate.files({ certFile: "/site.pem", keyFile: "/site.key" });
  const warnings = (...certificates: readonly GatewayCertificate[]) =>
    warningsOf((mesh) => {
      const listener = ApiGatewayListener.http({ port: 8443, tls: { certificates } });
      mesh.addApiGateway("gateway", { listeners: [listener] }).connectTo(mesh.addService("api", http));
    }).filter((line) => line.endsWith("(ambiguous-certificate)"));

  test("warns of several certificates whose names are not known here", () => {
    const [one, two] = ["one", "two"].map((name) => GatewayCertificate.fromEntryName(name));
    expect(warnings(one, two)).toEqual([
      'stack/mesh/gateway: Its listener on port 8443 has several certificates. Where a certificate\'s common name is also one of its alternative names, as usual, clients get a certificate of the mesh\'s CA instead. Use one certificate with all names, or a listener for each. If no name is repeated, silence(…, "ambiguous-certificate", "why"). (ambiguous-certificate)',
    ]);
    expect(warnings(one)).toEqual([]);
    expect(warnings(onDisk)).toEqual([]);
  });

  test("warns of a name that is in certificates twice, its common name included, and of nothing else", () => {
    const folder = mkdtempSync(join(tmpdir(), "meshform-certificates-"));
    const made = (subject: string, ...names: readonly string[]) => {
      const file = join(folder, "certificate.pem");
      const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject];
      const extension = `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`;
      execFileSync("openssl", [...args, "-addext", extension, "-keyout", "/dev/null", "-out", file], {
        stdio: "ignore",
      });
      return readFileSync(file, "utf8");
    };
    const found = (...texts: readonly string[]) => {
      const stack = new TestStack();
      const key = new TerraformVariable(stack, "key", { type: "string", sensitive: true });
      const certificates = texts.map((certificate) =>
        GatewayCertificate.inline({ certificate, privateKey: key.stringValue }),
      );
      const mesh = new ServiceMesh(stack, "mesh");
      const gateway = mesh.addApiGateway("gateway", {
        listeners: [ApiGatewayListener.http({ port: 8443, tls: { certificates } })],
      });
      gateway.connectTo(mesh.addService("api", http));
      Testing.synth(stack, true);
      return gateway.node.metadata.map(({ data }) => String(data)).filter((data) => data.includes("(ambiguous"));
    };
    const [usual, distinct, other] = [
      made("/CN=a.example", "a.example"),
      made("/CN=Shop", "b.example"),
      made("/CN=Other", "c.example"),
    ];
    expect(found(usual, distinct)).toEqual([
      expect.stringContaining(
        "have the name a.example twice, so clients that ask for it get a certificate of the mesh's CA",
      ),
    ]);
    expect(found(distinct, other)).toEqual([]);
    expect(found(distinct, made("/CN=Further", "b.example"))).toEqual([expect.stringContaining("b.example twice")]);
    rmSync(folder, { recursive: true });
  });
});
