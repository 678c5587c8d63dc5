import { existsSync } from "node:fs";
import { join } from "node:path";
import { App, Testing, TerraformStack } from "cdktf";
import { HttpPermission, Protocol, Redirect, silence, type ServiceMesh } from "../../constructs";
import { ServiceMesh as Mesh } from "../../constructs";
import { entryOf, findingsOf, intentionsOf, jobOf, meshMatchers, reachOf, synthesizeForTest } from "../../testing";
import { TestStack } from "../support/synth";
import { anyWorkload } from "../support/workload";

expect.extend(meshMatchers);

const web = { port: 8080, protocol: Protocol.HTTP, workload: anyWorkload };

function appOf(build: (mesh: ServiceMesh, stack: TerraformStack) => void): App {
  const app = Testing.app();
  const stack = new TestStack(app, "shop");
  build(new Mesh(stack, "mesh"), stack);
  return app;
}

function shop(): App {
  return appOf((mesh) => {
    const api = mesh.addService("api", web);
    mesh.addService("billing", web);
    mesh.addService("page", web).connectTo(api, { permissions: [HttpPermission.get("/orders")] });
    mesh.addService("clerk", web).connectTo(api);
    mesh.addVirtualService("api-old", { protocol: Protocol.HTTP, redirect: Redirect.to(api) });
  });
}

/** Two services that the checks refuse: a second one takes the first one's name. */
function broken(): App {
  return appOf((mesh) => {
    mesh.addService("api", web);
    mesh.addService("api-2", { ...web, serviceName: "api" });
  });
}

describe("synthesizeForTest", () => {
  test("writes what cdktf synth writes, once, and returns what the checks say", () => {
    const app = shop();
    const report = synthesizeForTest(app);
    expect(report.findings.map(({ level }) => level)).not.toContain("error");
    expect(existsSync(join(app.outdir, "stacks", "shop", "cdk.tf.json"))).toBe(true);
    expect(synthesizeForTest(app)).toBe(report);
  });

  test("ends with all errors of the checks, as often as it is asked", () => {
    const app = broken();
    for (let n = 0; n < 2; n++) {
      expect(() => synthesizeForTest(app)).toThrow(/\(duplicate-service\)/);
    }
    expect(() => jobOf(app, "api")).toThrow(/\(duplicate-service\)/);
  });

  test("says of an app without a mesh that there is nothing to check", () => {
    const app = Testing.app();
    new TerraformStack(app, "empty");
    expect(() => synthesizeForTest(app)).toThrow("The app has neither a mesh nor a host: there is nothing to check.");
  });

  test("says of a stack without an app what to do", () => {
    const scope = new TerraformStack(undefined as never, "alone");
    expect(() => synthesizeForTest(scope)).toThrow("A test needs a whole app");
  });
});

describe("jobOf, entryOf, intentionsOf", () => {
  const app = shop();
  const stack = app.node.findChild("shop");

  test("return what the engines will read", () => {
    expect(jobOf(stack, "page")).toMatchObject({ ID: "page", TaskGroups: [{ Services: [{ Name: "page" }] }] });
    expect(entryOf(app, "service-defaults", "api")).toMatchObject({
      Kind: "service-defaults",
      Name: "api",
      Protocol: "http",
    });
    expect(intentionsOf(app, "api")).toEqual([
      { Name: "clerk", Action: "allow" },
      {
        Name: "page",
        Permissions: [{ Action: "allow", HTTP: { Methods: ["GET", "HEAD"], PathExact: "/orders" } }, expect.anything()],
      },
    ]);
    expect(intentionsOf(app, "billing")).toEqual([]);
  });

  test("look only into the construct's own stack", () => {
    const two = Testing.app();
    const other = new TestStack(two, "other");
    new Mesh(other, "mesh").addService("api", web);
    const neighbour = new TestStack(two, "neighbour");
    expect(jobOf(other, "api").ID).toBe("api");
    expect(() => jobOf(neighbour, "api")).toThrow("Unknown job api: the app has none.");
  });

  test.each([
    ["jobOf", () => jobOf(app, "pge"), 'Unknown job pge. Did you mean "page"? Known names: api, billing, clerk, page.'],
    [
      "entryOf",
      () => entryOf(app, "service-defaults", "apii"),
      'Unknown config entry service-defaults/apii. Did you mean "api"?',
    ],
    ["intentionsOf", () => intentionsOf(app, "apii"), 'Unknown service apii. Did you mean "api"?'],
    ["reachOf", () => reachOf(app, "pagee", "api"), 'Unknown service pagee. Did you mean "page"?'],
  ])("%s suggests the name that was meant", (_, ask, message) => {
    expect(ask).toThrow(message);
  });
});

describe("reachOf and toAllow", () => {
  const app = shop();

  test("decide about any request", () => {
    expect(reachOf(app, "clerk", "api")).toEqual({
      allowed: "all",
      ends: [{ service: "api", by: [], reason: "the intention clerk → api allows it" }],
    });
    expect(reachOf(app, "page", "api").allowed).toBe("some requests");
    expect(reachOf(app, "billing", "api").allowed).toBe("no");
  });

  test("decide about one request", () => {
    expect(reachOf(app, "page", "api", { path: "/orders" }).allowed).toBe("all");
    expect(reachOf(app, "page", "api", { method: "POST", path: "/orders" }).allowed).toBe("no");
  });

  test("follow traffic rules", () => {
    expect(reachOf(app, "clerk", "api-old").ends).toMatchObject([{ service: "api", by: ["the redirect of api-old"] }]);
  });

  test("toAllow holds, or not, for all that is asked", () => {
    expect(app).toAllow("clerk", "api");
    expect(app).toAllow("page", "api", { method: "GET", path: "/orders" });
    expect(app).not.toAllow("page", "api", { method: "POST", path: "/orders" });
    expect(app).not.toAllow("billing", "api");
  });

  test("some requests are neither allowed nor refused", () => {
    const message =
      /page .*to be allowed to reach api, but only some requests are:\n {2}- api: the intention page → api/;
    expect(() => expect(app).toAllow("page", "api")).toThrow(message);
    expect(() => expect(app).not.toAllow("page", "api")).toThrow(
      /not to be allowed to reach api, but only some requests are/,
    );
  });

  test("a failure says what decides", () => {
    expect(() => expect(app).toAllow("billing", "api", { path: "/orders" })).toThrow(
      'Expected billing to be allowed to reach api with {"path":"/orders"}, but it is not:\n' +
        "  - api: no intention allows billing to reach api, and the mesh denies by default",
    );
    expect(() => expect(app).not.toAllow("clerk", "api")).toThrow(
      "but it is allowed:\n  - api: the intention clerk → api",
    );
  });

  test("an unknown name is no answer", () => {
    expect(() => expect(app).not.toAllow("clrk", "api")).toThrow('Unknown service clrk. Did you mean "clerk"?');
  });
});

describe("findingsOf and toHaveFinding", () => {
  test("see errors, warnings and silences", () => {
    const app = appOf((mesh) => {
      const api = mesh.addService("api", { ...web, publish: 8080 });
      mesh.addService("page", { ...web, publish: 8081 });
      silence(api, "interrupted-deployment", "A test.");
    });
    expect(app).toHaveFinding("interrupted-deployment");
    expect(app).toHaveFinding("interrupted-deployment", "shop/mesh/page");
    expect(app).not.toHaveFinding("interrupted-deployment", "shop/mesh/api");
    expect(app).not.toHaveFinding("wildcard-allow");
    expect(broken()).toHaveFinding("duplicate-service");
    expect(findingsOf(app).map(({ id, path }) => [id, path])).toEqual([["interrupted-deployment", "shop/mesh/page"]]);
  });

  test("a failure lists what was found", () => {
    const app = broken();
    expect(() => expect(app).toHaveFinding("wildcard-allow")).toThrow(
      /Expected a finding of wildcard-allow\. .*:\n {2}- shop/,
    );
    expect(() => expect(app).not.toHaveFinding("duplicate-service")).toThrow(/but found:\n {2}- shop/);
  });

  test("an unknown check is no answer", () => {
    expect(() => expect(shop()).not.toHaveFinding("wildcard-alow")).toThrow(
      'There is no check "wildcard-alow". Did you mean "wildcard-allow"?',
    );
  });

  test("what is no construct is refused", () => {
    expect(() => expect({}).toHaveFinding("wildcard-allow")).toThrow("toHaveFinding needs an app or a construct");
  });
});
