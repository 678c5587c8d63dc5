import { Fn, TerraformVariable, TerraformStack, type TerraformResource } from "cdktf";
import {
  ApiGatewayListener,
  MeshService,
  Protocol,
  registerCheck,
  ServiceMesh,
  silence,
  VirtualService,
  Workload,
  type Check,
} from "../../constructs";
import { taskOf } from "../support/job";
import { findingsOf, synthApp, synthMesh, synthStack, synthWithVariables, TestStack } from "../support/synth";
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
      "second: The stacks second and third depend on each other: second/api/Router/Resource needs third/orders/Defaults/Resource; third/orders/Router/Resource needs second/api/Defaults/Resource. Move the objects that depend on each other into one stack. (stack-cycle)",
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
  const only = (findings: readonly string[]) => findings.filter((finding) => finding.includes("override-removed"));
  const found = (build: Parameters<typeof synthMesh>[0]) => only(findingsOf(() => synthMesh(build)));
  const sentence = (at: string, missing: string, culprit: string) =>
    `${at}: The rendered ${missing}, which ${at} declares: ${culprit} removed it. Set only the fields to change in the override, or use props for the change. (override-removed)`;
  const withOverride = (override: object, options: object = {}) =>
    found((mesh) => {
      const api = mesh.addService("api", http);
      mesh
        .addService("web", { ...http, publish: 80, override, ...options })
        .connectTo(api, { localBindPort: 5000, env: "API" });
    });

  test.each([
    [{ service: { Name: "other" } }, "the service web", "the service web"],
    [{ group: { Services: [{ Name: "other" }, {}] } }, "the service web", "the group web"],
    [{ job: { TaskGroups: [{ Name: "web", Services: null }] } }, "the service web", "the job web"],
    [{ service: { PortLabel: "9002" } }, "the port 9001 of web", "the service web"],
    [{ service: { Connect: { Native: true, SidecarService: null } } }, "the sidecar of web", "the service web"],
    [
      { group: { Networks: [{ Mode: "bridge", ReservedPorts: null }] } },
      "the published port 80 of web",
      "the group web",
    ],
    [
      {
        service: {
          Connect: {
            SidecarService: { Proxy: { Upstreams: [{ DestinationName: "api", LocalBindPort: 5001 }] } },
          },
        },
      },
      "the local port 5000 of the upstream api",
      "the service web",
    ],
    [{ group: { Name: "other" } }, "the group web", "the group web"],
    [{ group: { Tasks: [{ Name: "web", Env: null }] } }, "the variable API of the task web", "the group web"],
    [{ group: { Tasks: [{ Name: "web", Env: { API: null } }] } }, "the variable API of the task web", "the group web"],
    [{ group: { Tasks: [] } }, "the task web", "the group web"],
  ])("says of %j that the job lacks what the graph states, and whose override it is", (override, missing, culprit) => {
    expect(withOverride(override)).toEqual([
      sentence("stack/mesh/web", `job lacks ${missing}`, `the override of ${culprit} has`),
    ]);
  });

  test("looks at each task that is told of a connection, and names the task whose override it is", () => {
    const image = "x:1";
    const tasks = {
      tail: Workload.docker({ image, override: { Env: { API: "of its own" } } }),
      sync: Workload.docker({ image, env: { TZ: Fn.upper("utc") }, override: { Env: { API: null } } }),
    };
    expect(withOverride({}, { tasks })).toEqual([
      sentence("stack/mesh/web", "job lacks the variable API of the task sync", "the override of the task sync has"),
    ]);
  });

  test("asks of the service of one task that this task is told, and no other", () => {
    const build = (server: object, other: object) =>
      found((mesh) => {
        const tasks = {
          server: Workload.docker({ image: "x:1", override: server }),
          other: Workload.docker({ image: "x:1", override: other }),
        };
        const page = mesh.addJob("shop").addGroup("web", { tasks }).addService("page", { task: "server" });
        page.connectTo(mesh.addService("api", http), { env: "API" });
      });
    expect(build({}, { Env: null })).toEqual([]);
    expect(build({ Env: null }, {})).toEqual([
      sentence(
        "stack/mesh/shop/web/page",
        "job lacks the variable API of the task server",
        "the override of the task server has",
      ),
    ]);
  });

  test("lets pass variables that Terraform puts together", () => {
    const stack = new TestStack();
    const mesh = new ServiceMesh(stack, "mesh");
    const env = new TerraformVariable(stack, "env", { type: "map(string)" }).value as Record<string, string>;
    const workload = Workload.docker({ image: "x:1", env });
    const web = mesh.addService("web", { ...http, publish: 80, workload });
    web.connectTo(mesh.addService("api", http), { env: "API" });
    const { jobs } = synthWithVariables(stack, { env: { A: "b" } });
    expect(taskOf(jobs.web).Env).toEqual({ API: "http://${NOMAD_UPSTREAM_ADDR_api}", A: "b" });
  });

  test("looks at the override of an upstream, too", () => {
    const build = (override: object) =>
      found((mesh) => {
        mesh
          .addService("web", { ...http, publish: 80 })
          .connectTo(mesh.addService("api", http), { localBindPort: 5000, override });
      });
    expect(build({ DestinationName: "other" })).toEqual([
      sentence("stack/mesh/web", "job lacks the upstream api", "the override of the upstream api has"),
    ]);
    expect(build({ LocalBindSocketMode: "0600" })).toEqual([]);
  });

  test("says where only several overrides together remove something", () => {
    const none = { Name: "web", Env: { API: null } };
    expect(withOverride({ group: { Tasks: [none] }, job: { TaskGroups: [{ Name: "web", Tasks: [none] }] } })).toEqual([
      sentence("stack/mesh/web", "job lacks the variable API of the task web", "overrides have"),
    ]);
  });

  test("finds an intention that is missing from the finished entry, and a job that is written over", () => {
    const intentions = (Sources: readonly object[]) =>
      found((mesh) => {
        const api = mesh.addService("api", http);
        mesh.addService("web", { ...http, publish: 80 }).connectTo(api);
        const { resource } = api.node.findChild("Intentions") as unknown as { readonly resource: TerraformResource };
        resource.addOverride("config_json", JSON.stringify({ Sources }));
      });
    expect(intentions([{ Name: "web", Action: "allow" }])).toEqual([]);
    expect(intentions([{ Name: "web", Peer: "east", Action: "allow" }])).toEqual([
      sentence(
        "stack/mesh/api",
        "service-intentions lacks the intention web → api",
        "the override of the resource stack/mesh/api/Intentions/Resource (addOverride) has",
      ),
    ]);
    expect(
      found((mesh) => {
        const api = mesh.addService("api", { ...http, publish: 1 });
        api.job.addOverride("jobspec", JSON.stringify({ ID: "api", TaskGroups: [{ Name: "api" }] }));
      }),
    ).toEqual([
      sentence(
        "stack/mesh/api",
        "job lacks the service api",
        "the override of the resource stack/mesh/api/Job (addOverride) has",
      ),
    ]);
  });

  test.each([
    [{ service: { Name: "other" } }, "the service front", "the service front"],
    [
      { group: { Networks: [{ Mode: "bridge", ReservedPorts: null }] } },
      "the port 8080 of the node",
      "the group front",
    ],
  ])("says of %j that the job of a gateway lacks it", (override, missing, culprit) => {
    expect(
      found((mesh) => {
        const api = mesh.addService("api", http);
        const listeners = [ApiGatewayListener.http({ port: 8080 })];
        mesh.addApiGateway("front", { listeners, override }).connectTo(api);
      }),
    ).toEqual([sentence("stack/mesh/front", `job lacks ${missing}`, `the override of ${culprit} has`)]);
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
    }).toThrow('stack: The check "port-range" is already registered. Change one of the ids.');
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
      'the app: The check "acme-name" could not finish: out of order Fix the cause, or report it to the author of the check. (acme-name)',
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
    'The check "wildcard-allow" is silenced, but finds nothing here. Remove the silence. (idle-silence)',
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
    "stack/mesh/api: It could not be rendered: no job today Fix the cause. If your code is correct, report a defect of Meshform. (not-rendered)",
    expect.stringContaining("(port-range)"),
  ]);
});
