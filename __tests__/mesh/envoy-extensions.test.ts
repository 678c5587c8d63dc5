import {
  EnvoyExtension,
  Protocol,
  ServiceMesh,
  Sidecar,
  type consul,
  type MeshServiceBaseProps,
} from "../../constructs";
import { findingsOf, synthMesh, TestStack, warningsOf } from "../support/synth";
import { addTrafficGallery } from "../support/traffic-gallery";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const script = "function envoy_on_request(handle) end";
const lua = EnvoyExtension.lua({ script });

/** The extensions of the service `api`. */
function extensionsWith(props: Partial<MeshServiceBaseProps>) {
  const { entries } = synthMesh((mesh) => mesh.addService("api", { ...http, ...props }));
  return (entries["service-defaults/api"] as consul.ServiceConfigEntry).EnvoyExtensions;
}

test("those of a service follow those of its serviceDefaults", () => {
  const own = { Name: "builtin/lua", Arguments: { Script: "x", Listener: "inbound" } };
  expect(extensionsWith({ serviceDefaults: { EnvoyExtensions: [own] }, envoyExtensions: [lua] })).toEqual([
    own,
    {
      Name: "builtin/lua",
      ...{ Required: false, ConsulVersion: "", EnvoyVersion: "" },
      Arguments: { ProxyType: "connect-proxy", Listener: "inbound", Script: script },
    },
  ]);
});

test("those of a mesh are in proxy-defaults", () => {
  const { entries } = synthMesh(() => undefined, { envoyExtensions: [lua] });
  expect(entries["proxy-defaults/global"]).toMatchObject({ EnvoyExtensions: [{ Name: "builtin/lua" }] });
});

test("those of a mesh need proxy-defaults of the mesh", () => {
  expect(() => new ServiceMesh(new TestStack(), "mesh", { proxyDefaults: false, envoyExtensions: [lua] })).toThrow(
    "stack/mesh: Extensions are configured in proxy-defaults, which another stack or team owns. Set it in that entry, or omit proxyDefaults: false.",
  );
});

test("authorization and modules fail closed, and everything else fails open, unless something else is set", () => {
  const target = { uri: "127.0.0.1:9191" };
  const required = [
    lua,
    EnvoyExtension.extAuthz({ http: { target } }),
    EnvoyExtension.extAuthz({ grpc: { target }, required: false }),
    EnvoyExtension.wasm({ file: "/a.wasm" }),
    EnvoyExtension.otelAccessLogging({ target }),
  ].map(({ rendered }) => rendered.Required);
  expect(required).toEqual([false, true, false, true, false]);
});

test("an authorization service gets a timeout, since Envoy refuses one without", () => {
  const { rendered } = EnvoyExtension.extAuthz({ http: { target: { service: "authz" } } });
  expect(rendered.Arguments).toMatchObject({
    Config: { HttpService: { Target: { Service: { Name: "authz" }, Timeout: "1s" } } },
  });
});

test("a value that Envoy has no type for is refused", () => {
  const patch = { resource: "cluster", direction: "inbound", op: "add", path: "/a", value: null } as never;
  expect(() => extensionsWith({ envoyExtensions: [EnvoyExtension.propertyOverride({ patches: [patch] })] })).toThrow(
    "stack/mesh/api: envoyExtensions[0].patches[0].value is null; expected a scalar or a map of scalars. Use one of them.",
  );
});

test("every option of every extension can be rendered", () => {
  const { entries } = synthMesh(addTrafficGallery, { gatewayDatacenters: ["dc2"] });
  const { EnvoyExtensions = [] } = entries["service-defaults/extended"] as consul.ServiceConfigEntry;
  expect(new Set(EnvoyExtensions.map(({ Name }) => Name))).toEqual(
    new Set(
      ["lua", "property-override", "ext-authz", "otel-access-logging", "wasm", "aws/lambda"].map(
        (name) => `builtin/${name}`,
      ),
    ),
  );
});

describe("checks", () => {
  type Given = Partial<MeshServiceBaseProps> & { readonly calls?: Protocol };

  /** A service `api` with these extensions, and, if it calls one, the service `authz` with this protocol. */
  const withExtensions =
    (envoyExtensions: readonly EnvoyExtension[], { calls, ...props }: Given = {}) =>
    (mesh: ServiceMesh) => {
      const api = mesh.addService("api", { ...http, ...props, envoyExtensions });
      if (calls !== undefined) api.connectTo(mesh.addService("authz", { ...http, protocol: calls }));
    };
  const findings = (...given: Parameters<typeof withExtensions>) =>
    findingsOf(() => synthMesh(withExtensions(...given)));
  const target = { service: "authz" };
  const byHttp = EnvoyExtension.extAuthz({ http: { target } });

  test("extension-target: fails if the service that it calls is no upstream", () => {
    expect(findings([byHttp], { calls: Protocol.HTTP })).toEqual([]);
    expect(findings([byHttp])).toEqual([
      'stack/mesh/api: The extension builtin/ext-authz of api calls authz, which is not an upstream of api. Connect it with connectTo("authz"). (extension-target)',
    ]);
  });

  test("extension-target: fails for a mesh whose authorization service would have to ask itself", () => {
    const build = (mesh: ServiceMesh) => mesh.addService("authz", http).allowFrom("*");
    expect(findingsOf(() => synthMesh(build, { envoyExtensions: [byHttp] }))).toContain(
      "stack/mesh/authz: The extension builtin/ext-authz of the mesh calls authz, which is not an upstream of authz. Set the extension at the services that need it, instead of the mesh. (extension-target)",
    );
  });

  test("extension-protocol: fails if the protocol of the service, or of the one that is called, does not fit", () => {
    expect(findings([lua], { protocol: Protocol.TCP })).toEqual([
      "stack/mesh/api: The extension builtin/lua has no effect on api, whose protocol is tcp. Use the protocol http, http2 or grpc, or omit the extension. (extension-protocol)",
    ]);
    expect(findings([EnvoyExtension.wasm({ file: "/a.wasm" })], { protocol: Protocol.GRPC })).toEqual([
      "stack/mesh/api: The extension builtin/wasm has no effect on api, whose protocol is grpc. Use the protocol http, or omit the extension. (extension-protocol)",
    ]);
    expect(findings([EnvoyExtension.otelAccessLogging({ target })], { calls: Protocol.HTTP })).toEqual([
      "stack/mesh/api: The extension builtin/otel-access-logging of api calls authz by gRPC, but the protocol of authz is http. Set the protocol grpc or http2 at stack/mesh/authz. (extension-protocol)",
    ]);
    expect(findings([EnvoyExtension.lua({ script, listener: "outbound" })], { protocol: Protocol.TCP })).toEqual([]);
  });

  test("invalid-config-entry: fails if Consul would refuse the arguments", () => {
    expect(findings([EnvoyExtension.extAuthz({})])).toEqual([
      "stack/mesh/api/Defaults: EnvoyExtensions[0].Arguments.Config.GrpcService is not set; expected set if HttpService is not, and only then. Set exactly one of the two. (invalid-config-entry)",
    ]);
  });

  const warnings = (...given: Parameters<typeof withExtensions>) => warningsOf(withExtensions(...given));

  test("ext-authz-fails-open: warns of requests that pass without authorization", () => {
    const open = EnvoyExtension.extAuthz({ http: { target: { uri: "127.0.0.1:1" } }, required: false });
    expect(warnings([open])).toContain(
      "stack/mesh/api: Requests to api are allowed while the authorization service does not answer. Set required: true, or silence this check with the reason. (ext-authz-fails-open)",
    );
    expect(warnings([byHttp], { calls: Protocol.HTTP }).join()).not.toContain("ext-authz-fails-open");
  });

  test("wasm-runtime: warns of an Envoy that may not have the runtime", () => {
    const module = EnvoyExtension.wasm({ file: "/a.wasm" });
    expect(warnings([module]).join()).not.toContain("wasm-runtime");
    expect(warnings([module], { sidecar: Sidecar.exec() })).toContain(
      "stack/mesh/api: The Wasm extension of api needs an Envoy that was built with v8, and its sidecar runs the host's Envoy. Install a release of the Envoy project, which contains v8, or use Sidecar.docker(). The Envoy of the lab has no v8. (wasm-runtime)",
    );
    expect(warnings([EnvoyExtension.wasm({ file: "/a.wasm", runtime: "wavm" })])).toContain(
      "stack/mesh/api: The Wasm extension of api needs an Envoy that was built with wavm; released ones contain only v8. Use such an Envoy (Sidecar.docker({ image })), or a module for v8. (wasm-runtime)",
    );
  });

  test("consul-enterprise: warns of rate limits", () => {
    expect(warnings([], { rateLimits: { requestsPerSecond: 10 } })).toContain(
      "stack/mesh/api/Defaults: The rate limits of api require Consul Enterprise. Omit rateLimits for the community edition, or silence this check. MaxInboundConnections in serviceDefaults limits connections in both editions. (consul-enterprise)",
    );
  });
});

test("rate limits are those of each instance", () => {
  const rateLimits = {
    requestsPerSecond: 10,
    requestsMaxBurst: 20,
    routes: [{ pathPrefix: "/a", requestsPerSecond: 1 }],
  };
  const { entries } = synthMesh((mesh) => mesh.addService("api", { ...http, rateLimits }));
  expect(entries["service-defaults/api"]).toMatchObject({
    RateLimits: {
      InstanceLevel: {
        RequestsPerSecond: 10,
        RequestsMaxBurst: 20,
        Routes: [{ PathPrefix: "/a", RequestsPerSecond: 1 }],
      },
    },
  });
});
