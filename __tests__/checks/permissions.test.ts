import {
  HttpPermission,
  Protocol,
  silence,
  type MeshConfig,
  type PermissionMatch,
  type ServiceMesh,
  type ServiceMeshProps,
} from "../../constructs";
import { findingsOf, synthMesh, warningsOf } from "../support/synth";
import { anyWorkload } from "../support/workload";

const allow = (match: PermissionMatch) => HttpPermission.allow(match);
const deny = (match: PermissionMatch) => HttpPermission.deny(match);
const get = (path: string) => HttpPermission.get(path);

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const web = { port: 9002, count: 2, workload: anyWorkload };

/** Gives `web` these permissions on `api`. */
const permitting = (permissions?: readonly HttpPermission[]) => (mesh: ServiceMesh) => {
  mesh.addService("web", web).connectTo(mesh.addService("api", http), { permissions });
};

/** What synthesis warns of, as far as it is about permissions. */
function warnings(build: (mesh: ServiceMesh) => void, props?: ServiceMeshProps): string[] {
  return warningsOf(build, props).filter((line) => /\((deny-before-allow|request-normalization)\)$/.test(line));
}

describe("permission-path", () => {
  test.each<[string, PermissionMatch, string]>([
    [
      "for two paths",
      { pathPrefix: "/a", pathSeparatedPrefix: "/b" },
      "has pathPrefix and pathSeparatedPrefix. Set one of them, or use several permissions.",
    ],
    [
      "whose path has no slash before it",
      { pathSeparatedPrefix: "v1" },
      'has the pathSeparatedPrefix "v1", which does not begin with a slash. Write "/v1".',
    ],
  ])("fails for a permission %s", (_, match, problem) => {
    expect(findingsOf(() => synthMesh(permitting([allow(match)])))).toEqual([
      `stack/mesh/web: A permission of web on api ${problem} (permission-path)`,
    ]);
  });

  test("a regular expression may begin with anything", () => {
    expect(findingsOf(() => synthMesh(permitting([allow({ pathRegex: ".*" })])))).toEqual([]);
  });
});

describe("deny-before-allow", () => {
  test("says what bypasses a path that is denied", () => {
    expect(warnings(permitting([deny({ pathPrefix: "/v1/orders/private" }), get("/v1/orders")]))).toEqual([
      "stack/mesh/web: The permissions of web on api deny pathPrefix /v1/orders/private, and allow others. Envoy may allow requests " +
        "that the application treats like the denied ones: a path in another case; one with a parameter (;a=b); one that is encoded twice (%252F) or " +
        "has other encoded characters (%3B, %C0%AF); values from the query or from X-HTTP-Method-Override. Allow only what is needed, " +
        'without a deny. If the application is strict, silence(…, "deny-before-allow", "why"). (deny-before-allow)',
    ]);
  });

  test.each<[string, HttpPermission[], string]>([
    ["one path", [deny({ pathExact: "/admin" }), get("/")], "a dot or a suffix"],
    ["a header", [deny({ headers: [{ name: "x-role", exact: "guest" }] }), get("/")], "a header that is missing"],
    ["a method", [deny({ methods: ["DELETE"] }), allow({ pathPrefix: "/" })], "a method in another case"],
    [
      "one of the methods that are allowed",
      [deny({ pathPrefix: "/v1/private", methods: ["GET"] }), get("/v1")],
      "a method",
    ],
    ["a pattern", [deny({ pathRegex: ".*/private" }), get("/v1")], "a path in another case"],
  ])("names what bypasses %s that is denied", (_, permissions, words) => {
    expect(warnings(permitting(permissions))).toEqual([expect.stringContaining(words)]);
  });

  test.each<[string, HttpPermission[]]>([
    ["nothing is denied", [get("/v1"), allow({ pathExact: "/v2" })]],
    ["the deny comes last", [get("/v1"), deny({ pathPrefix: "/" })]],
    ["what is denied is elsewhere", [deny({ pathPrefix: "/admin" }), get("/v1")]],
    ["just one path is allowed", [deny({ pathPrefix: "/v1/private" }), allow({ pathExact: "/v1/orders" })]],
    ["it concerns other methods", [deny({ pathPrefix: "/v1/private", methods: ["POST"] }), get("/v1")]],
    ["just a path above it is allowed", [deny({ pathPrefix: "/v1/private" }), allow({ pathExact: "/v1" })]],
    ["the same methods of all paths are denied", [deny({ pathPrefix: "/", methods: ["GET", "HEAD"] }), get("/v1")]],
    [
      "a header decides elsewhere",
      [deny({ pathPrefix: "/admin", headers: [{ name: "x-role", exact: "guest" }] }), get("/v1")],
    ],
    ["all is denied", [deny({ pathPrefix: "/" }), allow({ pathPrefix: "/" })]],
  ])("is silent if %s", (_, permissions) => {
    expect(warnings(permitting(permissions))).toEqual([]);
  });

  test("says nothing of paths where all of them are denied to a method", () => {
    const [warning] = warnings(permitting([deny({ methods: ["DELETE"] }), allow({ pathPrefix: "/" })]));
    expect(warning).not.toContain("a path");
  });

  test("looks at all statements about a source", () => {
    expect(
      warnings((mesh) => {
        permitting([deny({ pathPrefix: "/v1/private" })])(mesh);
        mesh.services.find(({ serviceName }) => serviceName === "api")?.allowFrom("web");
      }),
    ).toEqual([expect.stringContaining("deny pathPrefix /v1/private, and allow others")]);
  });

  test("says more of a service outside, and can be silenced", () => {
    const permissions = [deny({ pathPrefix: "/private" }), get("/")];
    expect(
      warnings((mesh) => {
        const page = mesh.addExternalService("page", {
          ...{ address: "192.0.2.7", port: 80, protocol: Protocol.HTTP },
          plaintext: "It is a test.",
        });
        mesh.addTerminatingGateway("egress").addService(page);
        mesh.addService("web", web).connectTo(page, { permissions });
      }),
    ).toEqual([expect.stringContaining("at a terminating gateway also //")]);
    expect(
      warnings((mesh) => {
        permitting(permissions)(mesh);
        silence(mesh, "deny-before-allow", "The application compares paths as Envoy does.");
      }),
    ).toEqual([]);
  });
});

describe("request-normalization", () => {
  test.each<[string, MeshConfig, string]>([
    ["is off", { requestNormalization: false }, "//, %2F and %5C, headers with underscores"],
    ["leaves slashes alone", { requestNormalization: { mergeSlashes: false } }, "//"],
    ["keeps escaped slashes", { requestNormalization: { pathWithEscapedSlashes: "KEEP_UNCHANGED" } }, "%2F and %5C"],
    ["takes any header", { requestNormalization: { headersWithUnderscores: "ALLOW" } }, "headers with underscores"],
    [
      "leaves paths alone",
      { requestNormalization: { insecureDisablePathNormalization: true } },
      "/../ and encoded letters",
    ],
  ])("warns if normalization %s", (_, meshConfig, gaps) => {
    expect(warnings(permitting([get("/v1")]), { meshConfig })).toEqual([
      `stack/mesh: It has permissions on requests, which can be bypassed by ${gaps}: its requestNormalization does not cover them. Enable it. If services need it ` +
        'off, allow only exact paths and silence(…, "request-normalization", "why"). (request-normalization)',
    ]);
  });

  test("warns if another owns the entry", () => {
    expect(warnings(permitting([get("/v1")]), { meshConfig: false })).toEqual([
      "stack/mesh: It has permissions on requests, but another owner writes the config entry `mesh`, which must enable request normalization. Make sure that " +
        'HTTP.Incoming.RequestNormalization is set there, then silence(…, "request-normalization", "who owns it"). (request-normalization)',
    ]);
  });

  test("is silent where nothing is decided by requests, or where they are normalized", () => {
    expect(warnings(permitting(), { meshConfig: { requestNormalization: false } })).toEqual([]);
    const meshConfig = { requestNormalization: { pathWithEscapedSlashes: "REJECT_REQUEST" as const } };
    expect(warnings(permitting([get("/v1")]), { meshConfig })).toEqual([]);
  });
});
