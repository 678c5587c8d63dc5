import { Protocol, Redirect, silence, type consul, type MeshService, type ServiceMesh } from "../../constructs";
import { findingsOf, synthMesh, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };

function build(say: (services: Record<"web" | "api" | "other", MeshService>, mesh: ServiceMesh) => void) {
  return (mesh: ServiceMesh) => {
    const [web, api, other] = ["web", "api", "other"].map((name) => mesh.addService(name, http));
    silence(mesh, "wildcard-allow", "It is a test.");
    say({ web, api, other }, mesh);
  };
}

const entryOf = (say: Parameters<typeof build>[0], name = "api") =>
  synthMesh(build(say)).entries[`service-intentions/${name}`];

test("all services but one can reach another", () => {
  expect(
    entryOf(({ web, api }) => {
      api.allowFrom("*");
      api.denyFrom(web, { description: "It has been replaced." });
    }),
  ).toMatchObject({
    Sources: [
      { Name: "web", Action: "deny", Precedence: 9, Description: "It has been replaced." },
      { Name: "*", Action: "allow", Precedence: 8 },
    ],
  });
});

test("an exact source takes precedence over any source that is denied, and external services can deny too", () => {
  const sources = (say: Parameters<typeof build>[0], name?: string) =>
    (entryOf(say, name) as consul.ServiceIntentionsConfigEntry).Sources;
  expect(
    sources(({ web, api }) => {
      api.denyFrom("*");
      web.connectTo(api);
    }),
  ).toMatchObject([
    { Name: "web", Action: "allow" },
    { Name: "*", Action: "deny" },
  ]);
  expect(
    sources(({ web }, mesh) => {
      const db = mesh.addExternalService("db", { address: "10.0.0.7", port: 80, plaintext: "It is a test." });
      mesh.addTerminatingGateway("egress").addService(db);
      db.denyFrom(web);
    }, "db"),
  ).toMatchObject([{ Name: "web", Action: "deny" }]);
});

test("what is denied is also denied where a redirect leads", () => {
  expect(
    entryOf(({ web, api, other }) => {
      api.allowFrom("*");
      api.denyFrom(web);
      api.resolve({ redirect: Redirect.to(other) });
    }, "other"),
  ).toMatchObject({
    Sources: [
      { Name: "web", Action: "deny" },
      { Name: "*", Action: "allow" },
    ],
  });
});

test("the checks know of it", () => {
  const found = (say: Parameters<typeof build>[0]) => findingsOf(() => synthMesh(build(say)));
  expect(
    found(({ web, api }) => {
      web.connectTo(api);
      api.denyFrom(web);
    }),
  ).toEqual([
    "stack/mesh/web: It has an upstream to api, but no intention allows it. Use connectTo, or allow it at stack/mesh/api with allowFrom. (upstream-without-intention)",
    "stack/mesh/api: web is both allowed to reach api and denied, so it is denied. Keep one of the two. (conflicting-intention)",
  ]);
  expect(found(({ api }) => void api.denyFrom("wbe"))).toEqual([expect.stringMatching(/Did you mean "web"\?/)]);
  const warnings = warningsOf(build(({ web, api }) => void api.denyFrom(web)));
  expect(warnings).toContainEqual(expect.stringMatching(/^stack\/mesh\/api: Nothing can reach api: /));
});
