import { JwtKeys, MeshService, Protocol, ServiceMesh, silence, WildcardDestination } from "../../constructs";
import { findingsOf, synthApp, synthMesh, TestStack, warningsOf } from "../support/synth";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const LOGIN = { issuer: "https://login.example.com", keys: JwtKeys.file("/keys.json") };

/** What synthesis says of a mesh with `web`, `api` and `db`, in which `web` is connected to `api`. */
function findings(build: (parts: Parts) => void): string[] {
  return findingsOf(() => synthMesh((mesh) => build(partsOf(mesh))));
}

interface Parts {
  readonly mesh: ServiceMesh;
  readonly web: MeshService;
  readonly api: MeshService;
  readonly db: MeshService;
  readonly every: WildcardDestination;
}

function partsOf(mesh: ServiceMesh): Parts {
  const [web, api, db] = ["web", "api", "db"].map((name) => mesh.addService(name, http));
  web.connectTo(api);
  return { mesh, web, api, db, every: mesh.addWildcardDestination("every") };
}

test("is the entry for any service, with the precedence that Consul gives it", () => {
  const { entries } = synthMesh((mesh) => {
    const { db, every } = partsOf(mesh);
    silence(every, "wildcard-destination", "It is a test.");
    every.denyFrom("*");
    every.allowFrom(db, { description: "It looks at all." });
  });
  expect(entries["service-intentions/*"]).toMatchObject({
    Sources: [
      { Name: "db", Action: "allow", Precedence: 6, Description: "It looks at all." },
      { Name: "*", Action: "deny", Precedence: 5 },
    ],
  });
});

test("is no entry where nothing is stated", () => {
  expect(synthMesh((mesh) => void partsOf(mesh)).entries).not.toHaveProperty("service-intentions/*");
});

test("allows upstreams of services about which nothing else is stated", () => {
  const problems = findings(({ web, db, every }) => {
    silence(every, "wildcard-destination", "It is a test.");
    every.allowFrom(web);
    web.addUpstream(db);
  });
  expect(problems).toEqual([]);
});

/** Two stacks of an app; the first one has a mesh with two services, of which one has an upstream to the other. */
function twoStacks() {
  const app = testApp();
  const [first, second] = ["first", "second"].map((id) => new TestStack(app, id));
  const mesh = new ServiceMesh(first, "mesh");
  const [web, db] = ["web", "db"].map((name) => mesh.addService(name, http));
  web.addUpstream(db);
  return { app, mesh, web, every: new WildcardDestination(second, "every", { mesh }) };
}

test("has one owner, in whatever stack", () => {
  const { app, mesh, web, every } = twoStacks();
  silence(every, "wildcard-destination", "It is a test.");
  every.allowFrom(web);
  mesh.addWildcardDestination("again");
  expect(findingsOf(() => synthApp(app, "first"))).toEqual([
    expect.stringContaining("The config entry service-intentions/* already belongs to"),
  ]);
});

test("counts for the services of all stacks, also in a stack without services", () => {
  const { app, web, every } = twoStacks();
  silence(every, "wildcard-destination", "It is a test.");
  every.allowFrom(web);
  expect(findingsOf(() => synthApp(app, "first"))).toEqual([]);
});

describe("wildcard-destination", () => {
  test("fails for a source that can reach services of which no connection is stated, and names them", () => {
    expect(findings(({ web, every }) => every.allowFrom(web))).toEqual([
      'stack/mesh/every: web can reach every service, such as db. Connect it to the services that it needs. If this is intended, silence(…, "wildcard-destination", "why"). (wildcard-destination)',
    ]);
  });

  test("fails for any source", () => {
    expect(findings(({ every }) => every.allowFrom("*"))).toEqual([
      expect.stringContaining("stack/mesh/every: every service can reach every service, such as web, api, db. "),
    ]);
  });

  test("accepts a denial", () => {
    expect(findings(({ every }) => every.denyFrom("*"))).toEqual([]);
  });
});

describe("ineffective-denial", () => {
  test("warns of a denial that a service does not follow", () => {
    const warnings = warningsOf((mesh) => {
      const { web, every } = partsOf(mesh);
      every.denyFrom(web);
    });
    expect(warnings.filter((line) => line.includes("ineffective-denial"))).toEqual([
      "stack/mesh/every: web is denied to reach every service, but intentions of api allow it. Deny it at these services too, or remove what allows it there. (ineffective-denial)",
    ]);
  });
});

describe("bypassed-token", () => {
  test("fails for a source that needs no token, because only the wildcard allows it", () => {
    const problems = findings(({ mesh, db, api, every }) => {
      silence(every, "wildcard-destination", "It is a test.");
      api.requireJwt({ provider: mesh.addJwtProvider("login", LOGIN) });
      every.allowFrom(db);
    });
    expect(problems).toEqual([
      "stack/mesh/api: db can reach api without a token, by an intention for every service. Deny it with denyFrom at api, or state it there with allowFrom, so that it needs the token too. (bypassed-token)",
    ]);
  });

  test("accepts it where the service denies it", () => {
    const problems = findings(({ mesh, db, api, every }) => {
      silence(every, "wildcard-destination", "It is a test.");
      api.requireJwt({ provider: mesh.addJwtProvider("login", LOGIN) });
      every.allowFrom(db);
      api.denyFrom(db);
    });
    expect(problems).toEqual([]);
  });
});
