import { TerraformStack } from "cdktf";
import {
  ApiGatewayListener,
  MeshService,
  Protocol,
  registerCheck,
  ServiceMesh,
  silence,
  VirtualService,
  type Check,
} from "../../constructs";
import { findingsOf, synthApp, synthMesh, synthStack, TestStack } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

/** A check that finds every service with this name. */
function named(name: string, level: Check["level"] = "error"): Check {
  return {
    ...{ id: "acme-name", reason: "A test.", level },
    *find({ graph }) {
      for (const member of graph.data.members.values()) {
        if (member.name === name) {
          yield { at: member.key, problem: `${name} is there.`, fix: "Rename it." };
        }
      }
    },
  };
}

describe("the order of stacks", () => {
  /** A mesh in one stack, and services in two others. */
  function threeStacks() {
    const app = testApp();
    const [first, second, third] = ["first", "second", "third"].map((id) => new TestStack(app, id));
    const mesh = new ServiceMesh(first, "mesh");
    const [api, orders] = [
      new MeshService(second, "api", { mesh, ...http, publish: 1 }),
      new MeshService(third, "orders", { mesh, ...http, publish: 2 }),
    ];
    return { app, first, second, third, mesh, api, orders };
  }

  test("follows what one needs of another: rules come after the services to which they lead", () => {
    const { app, first, second, third, api, orders } = threeStacks();
    api.route({ match: { pathPrefix: "/orders" }, to: orders });
    synthApp(app, "second");
    expect(second.dependencies).toContain(third);
    expect(third.dependencies).not.toContain(second);
    // What holds for every Envoy of the mesh comes first.
    expect(second.dependencies).toContain(first);
  });

  test("keeps what the app's author has ordered, also against what is merely better first", () => {
    const { app, first, second } = threeStacks();
    first.addDependency(second);
    synthApp(app, "second");
    expect(first.dependencies).toEqual([second]);
    expect(second.dependencies).not.toContain(first);
  });

  test("does not exist where two stacks need each other", () => {
    const { app, api, orders } = threeStacks();
    api.route({ match: { pathPrefix: "/orders" }, to: orders });
    orders.route({ match: { pathPrefix: "/api" }, to: api });
    expect(findingsOf(() => synthApp(app, "second"))).toEqual([
      "second: The stacks second and third need each other: second/api/Router/Resource needs third/orders/Defaults/Resource; third/orders/Router/Resource needs second/api/Defaults/Resource. Put what needs each other into one stack. (stack-cycle)",
    ]);
  });

  test("is found in little time where many stacks lead to many", () => {
    const app = testApp();
    const mesh = new ServiceMesh(new TestStack(app, "mesh"), "mesh");
    const services: MeshService[] = [];
    for (let index = 0; index < 40; index++) {
      const stack = new TestStack(app, `stack-${index}`);
      const service = new MeshService(stack, `s${index}`, { mesh, ...http, publish: 1000 + index });
      services.forEach((other, at) => {
        service.route({ match: { pathPrefix: `/${at}` }, to: other });
      });
      services.push(service);
    }
    synthApp(app, "mesh");
    expect(TerraformStack.of(services[39]).dependencies).toHaveLength(40);
  });
});

describe("override-removed", () => {
  const withOverride = (override: object) =>
    findingsOf(() =>
      synthMesh((mesh) => {
        const api = mesh.addService("api", http);
        mesh.addService("web", { ...http, publish: 80, override }).connectTo(api, { localBindPort: 5000 });
      }),
    ).filter((finding) => finding.includes("override-removed"));

  test.each([
    [{ service: { Name: "other" } }, "the service web"],
    [{ service: { PortLabel: "9002" } }, "the port 9001 of web"],
    [{ service: { Connect: { Native: true, SidecarService: null } } }, "the sidecar of web"],
    [{ group: { Networks: [{ Mode: "bridge", ReservedPorts: null }] } }, "the published port 80 of web"],
    [
      {
        service: {
          Connect: {
            SidecarService: { Proxy: { Upstreams: [{ DestinationName: "api", LocalBindPort: 5001 }] } },
          },
        },
      },
      "the local port 5000 of the upstream api",
    ],
    [{ group: { Name: "other" } }, "the group web"],
  ])("says of %j that the job lacks what the graph states", (override, missing) => {
    expect(withOverride(override)).toEqual([
      `stack/mesh/web: The finished job lacks ${missing}, which stack/mesh/web states: an override has replaced it. Name in the override only what is to change, or state the change with props. (override-removed)`,
    ]);
  });

  test.each([
    [{ service: { Name: "other" } }, "the service front"],
    [{ group: { Networks: [{ Mode: "bridge", ReservedPorts: null }] } }, "the port 8080 of the node"],
  ])("says of %j that the job of a gateway lacks it", (override, missing) => {
    const found = findingsOf(() =>
      synthMesh((mesh) => {
        const api = mesh.addService("api", http);
        const listeners = [ApiGatewayListener.http({ port: 8080 })];
        mesh.addApiGateway("front", { listeners, override }).connectTo(api);
      }),
    );
    expect(found.filter((finding) => finding.includes("override-removed"))).toEqual([
      expect.stringMatching(`^stack/mesh/front: The finished job lacks ${missing}, which stack/mesh/front states: `),
    ]);
  });

  test("lets pass what adds or changes something else", () => {
    expect(withOverride({ service: { Tags: ["a"], Connect: { SidecarService: { Meta: { a: "b" } } } } })).toEqual([]);
  });
});

describe("a rule of one's own", () => {
  test("is run like any other, and may be silenced", () => {
    const build = (reason?: string) =>
      findingsOf(() =>
        synthMesh((mesh, stack) => {
          registerCheck(stack, { name: "acme-rules", checks: [named("api")] });
          const api = mesh.addService("api", { ...http, publish: 1 });
          if (reason !== undefined) {
            silence(api, "acme-name", reason);
          }
        }),
      );
    expect(build()).toEqual(["stack/mesh/api: api is there. Rename it. (acme-name)"]);
    expect(build("It is the old one.")).toEqual([]);
  });

  test("has an id that no other has", () => {
    const stack = new TestStack();
    new ServiceMesh(stack, "mesh");
    expect(() => {
      registerCheck(stack, { ...named("api"), id: "port-range" });
    }).toThrow('stack: There is a check "port-range" already. Give one of them another id.');
    expect(() => {
      registerCheck(stack, { ...named("api"), id: "Acme Name" });
    }).toThrow('stack: "Acme Name" cannot be the id of a check. Use lower-case letters, digits and dashes.');
  });

  test("that crashes is an error, not a pass", () => {
    expect(
      findingsOf(() =>
        synthMesh((mesh, stack) => {
          registerCheck(stack, {
            ...named("api", "warning"),
            find: () => {
              throw new Error("out of order");
            },
          });
          mesh.addService("api", { ...http, publish: 1 });
        }),
      ),
    ).toEqual([
      'the app: The check "acme-name" could not finish: out of order Correct what it names, or report it to those who wrote the check. (acme-name)',
    ]);
  });
});

test("a silence that silences nothing is a warning, and one of an unknown check an error", () => {
  const stack = new TestStack();
  const mesh = new ServiceMesh(stack, "mesh");
  const api = mesh.addService("api", { ...http, publish: 1 });
  silence(api, "wildcard-allow", "It was public once.");
  silence(mesh, "wildcard-alow", "x");
  expect(findingsOf(() => synthStack(stack))).toEqual([
    'stack/mesh: There is no check "wildcard-alow" to silence. Did you mean "wildcard-allow"? (unknown-silence)',
  ]);
  expect(api.node.metadata.map(({ data }) => data as string)).toContain(
    'The check "wildcard-allow" is silenced, and finds nothing here. Take the silence away. (idle-silence)',
  );
});

test("what cannot be rendered is reported with all other errors", () => {
  const stack = new TestStack();
  const mesh = new ServiceMesh(stack, "mesh");
  new VirtualService(stack, "alias", { mesh, redirect: undefined });
  mesh.addService("api", {
    ...http,
    port: 0,
    override: {
      get job(): never {
        throw new Error("no job today");
      },
    },
  });
  expect(findingsOf(() => synthStack(stack))).toEqual([
    "stack/mesh/api: It could not be rendered: no job today Correct what it names; if nothing of yours is wrong, report it as a defect of Meshform. (not-rendered)",
    expect.stringContaining("(port-range)"),
  ]);
});
