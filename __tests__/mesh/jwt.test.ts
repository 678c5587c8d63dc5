import {
  ApiGatewayListener,
  HttpPermission,
  JwtKeys,
  JwtLocation,
  JwtProvider,
  MeshService,
  Protocol,
  ServiceMesh,
  silence,
  type consul,
  type JwtProviderBaseProps,
  type JwtRequirement,
  type MeshServiceBaseProps,
  type RemoteJwksOptions,
} from "../../constructs";
import { findingsOf, synthApp, synthMesh, TestStack, warningsOf } from "../support/synth";
import { testApp } from "../support/test-app";
import { tokenIssuer } from "../support/tokens";
import { anyWorkload } from "../support/workload";

const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
const web = { port: 9002, publish: 9002, protocol: Protocol.HTTP, workload: anyWorkload };
const { jwks } = tokenIssuer("https://login.example.com");
const LOGIN = { issuer: "https://login.example.com", keys: JwtKeys.local(jwks) };

/** The entry of a provider. */
function providerOf(props: Partial<JwtProviderBaseProps>): object {
  const { entries } = synthMesh((mesh) => {
    silence(mesh, "jwt-clock-skew", "It is a test.");
    mesh.addJwtProvider("login", { ...LOGIN, ...props });
  });
  return entries["jwt-provider/login"];
}

/** The intentions of `api`, to which `web` is connected. */
function intentionsOf(build: (parts: Parts) => void): consul.ServiceIntentionsConfigEntry {
  return synthMesh((mesh) => build(partsOf(mesh))).entries[
    "service-intentions/api"
  ] as consul.ServiceIntentionsConfigEntry;
}

interface Parts {
  readonly mesh: ServiceMesh;
  readonly api: MeshService;
  readonly web: MeshService;
  readonly login: JwtProvider;
}

function partsOf(mesh: ServiceMesh, props: Partial<MeshServiceBaseProps> = {}): Parts {
  return {
    mesh,
    api: mesh.addService("api", { ...http, ...props }),
    web: mesh.addService("web", web),
    login: mesh.addJwtProvider("login", LOGIN),
  };
}

/** What synthesis says of a mesh with `api`, `web` and `login`. */
const findings = (build: (parts: Parts) => void, props: Partial<MeshServiceBaseProps> = {}) =>
  findingsOf(() => synthMesh((mesh) => build(partsOf(mesh, props))));

describe("a JWT provider", () => {
  test("is an entry with its keys in base64, and with the clock skew that Consul answers with", () => {
    expect(providerOf({ audiences: ["shop"] })).toEqual({
      ...{ Kind: "jwt-provider", Name: "login", Issuer: "https://login.example.com", Audiences: ["shop"] },
      JSONWebKeySet: { Local: { JWKS: Buffer.from(JSON.stringify(jwks)).toString("base64") } },
      ClockSkewSeconds: 30,
    });
  });

  test("says where tokens are, and how the service gets their claims", () => {
    expect(
      providerOf({
        locations: [
          JwtLocation.header("authorization", { valuePrefix: "Bearer ", forward: true }),
          JwtLocation.query("token"),
          JwtLocation.cookie("session"),
        ],
        forwarding: { header: "x-claims" },
        clockSkew: "2m",
        cacheSize: 100,
      }),
    ).toMatchObject({
      Locations: [
        { Header: { Name: "authorization", ValuePrefix: "Bearer ", Forward: true } },
        { QueryParam: { Name: "token" } },
        { Cookie: { Name: "session" } },
      ],
      Forwarding: { HeaderName: "x-claims", PadForwardPayloadHeader: false },
      ClockSkewSeconds: 120,
      CacheConfig: { Size: 100 },
    });
  });

  test("requests keys as Envoy can: by name or address, with the name of the host in the handshake", () => {
    const remote = (options: RemoteJwksOptions) => {
      const entry = providerOf({ keys: JwtKeys.remote({ authority: { file: "/ca.pem" }, ...options }) });
      return (entry as consul.JWTProviderConfigEntry).JSONWebKeySet?.Remote;
    };
    expect(remote({ uri: "https://login.example.com/keys" })).toEqual({
      ...{ URI: "https://login.example.com/keys", RequestTimeoutMs: 5000, UseSNI: true },
      JWKSCluster: { DiscoveryType: "STRICT_DNS", TLSCertificates: { TrustedCA: { Filename: "/ca.pem" } } },
    });
    expect(remote({ uri: "https://192.0.2.7/keys" })).toEqual({
      ...{ URI: "https://192.0.2.7/keys", RequestTimeoutMs: 5000 },
      JWKSCluster: { DiscoveryType: "STATIC", TLSCertificates: { TrustedCA: { Filename: "/ca.pem" } } },
    });
    expect(
      remote({
        uri: "https://login.example.com/keys",
        requestTimeout: "2s",
        retry: { numRetries: 3, baseInterval: "1s", maxInterval: "90s" },
        fetchAsynchronously: true,
        useSni: false,
        discoveryType: "LOGICAL_DNS",
        connectTimeout: "3s",
        authority: { pem: "a" },
      }),
    ).toEqual({
      ...{ URI: "https://login.example.com/keys", RequestTimeoutMs: 2000, FetchAsynchronously: true, UseSNI: false },
      RetryPolicy: { NumRetries: 3, RetryPolicyBackOff: { BaseInterval: "1s", MaxInterval: "1m30s" } },
      JWKSCluster: {
        ...{ DiscoveryType: "LOGICAL_DNS", ConnectTimeout: "3s" },
        TLSCertificates: { TrustedCA: { InlineString: "a" } },
      },
    });
  });

  test.each<[string, string | { readonly keys: readonly object[] }, string]>([
    [
      "private keys",
      { keys: [{ kty: "EC", d: "c2VjcmV0" }] },
      "it must contain only public keys, because it is part of the Terraform state.",
    ],
    [
      "symmetric keys",
      '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}',
      "it must contain only public keys, because it is part of the Terraform state.",
    ],
    ["something else", { keys: [{ n: "a" }] }, "it must contain only JSON Web Keys, each with kty."],
    ["no keys", "{}", 'it must be JSON with a list of keys: { "keys": [ … ] }.'],
  ])("fails for %s, without showing them", (_, keys, problem) => {
    const make = () => synthMesh((mesh) => mesh.addJwtProvider("login", { ...LOGIN, keys: JwtKeys.local(keys) }));
    expect(make).toThrow(
      `stack/mesh/login: keys.jwks is not a public key set; ${problem} Publish only the public keys.`,
    );
    expect(make).not.toThrow(/c2VjcmV0/);
  });

  test("is deleted after what refers to it, and created before", () => {
    const { terraform } = synthMesh((mesh) => {
      const { api, web, login } = partsOf(mesh);
      web.connectTo(api, { permissions: [HttpPermission.get().requireJwt({ provider: login })] });
    });
    const { consul_config_entry: entries = {} } = terraform.resource ?? {};
    expect(entries["service-intentions_api"].depends_on).toContain("consul_config_entry.jwt-provider_login");
    expect(entries["jwt-provider_login"].lifecycle).toMatchObject({ create_before_destroy: true });
  });

  test("of another stack is applied first; one of another team is not part of the app", () => {
    const app = testApp();
    const [first, second] = ["first", "second"].map((id) => new TestStack(app, id));
    const mesh = new ServiceMesh(first, "mesh");
    const api = mesh.addService("api", http);
    mesh.addService("web", web).connectTo(api);
    api.requireJwt(
      { provider: new JwtProvider(second, "login", { mesh, ...LOGIN }) },
      { provider: JwtProvider.fromName(first, "partner", "partner") },
    );
    const { entries } = synthApp(app, "first");
    expect(first.dependencies).toContain(second);
    expect(Object.keys(entries).filter((key) => key.startsWith("jwt-provider"))).toEqual([]);
    expect(entries["service-intentions/api"]).toMatchObject({
      JWT: { Providers: [{ Name: "login" }, { Name: "partner" }] },
    });
  });
});

describe("a token", () => {
  const role = (value: string): Omit<JwtRequirement, "provider"> => ({ claims: [{ path: ["realm", "role"], value }] });

  test("of every request is in the one entry of the destination", () => {
    const entry = intentionsOf(({ api, web, login }) => {
      web.connectTo(api);
      api.requireJwt({ provider: login, ...role("admin") });
    });
    expect(entry).toMatchObject({
      Sources: [{ Name: "web", Action: "allow" }],
      JWT: { Providers: [{ Name: "login", VerifyClaims: [{ Path: ["realm", "role"], Value: "admin" }] }] },
    });
  });

  test("of some requests is in their permissions, and comes before what needs none, whatever the order of the calls", () => {
    for (const isFirst of [true, false]) {
      const { Sources = [] } = intentionsOf(({ api, web, login }) => {
        const plain = () => api.allowFrom(web, { permissions: [HttpPermission.get()] });
        const guarded = HttpPermission.allow({ pathPrefix: "/admin" }).requireJwt({ provider: login, ...role("a") });
        if (isFirst) plain();
        web.connectTo(api, { permissions: [guarded] });
        if (!isFirst) plain();
      });
      expect(Sources[0].Permissions).toMatchObject([
        { Action: "allow", HTTP: { PathPrefix: "/admin" }, JWT: { Providers: [{ Name: "login" }] } },
        { Action: "allow", HTTP: { PathPrefix: "/" } },
      ]);
      expect(Sources[0].Permissions?.[1]).not.toHaveProperty("JWT");
    }
  });

  test("keeps an exception that is stated before it in the same list", () => {
    const { Sources = [] } = intentionsOf(({ api, web, login }) => {
      const guarded = HttpPermission.get().requireJwt({ provider: login });
      web.connectTo(api, { permissions: [HttpPermission.allow({ pathExact: "/health" }), guarded] });
    });
    expect(
      Sources[0].Permissions?.map(({ HTTP, JWT }) => [HTTP?.PathExact ?? HTTP?.PathPrefix, JWT !== undefined]),
    ).toEqual([
      ["/health", false],
      ["/", true],
    ]);
  });

  test("cannot be required by a permission that denies, nor twice of every request", () => {
    const { login, api } = partsOf(new ServiceMesh(new TestStack(), "mesh"));
    expect(() => HttpPermission.deny({ pathPrefix: "/" }).requireJwt({ provider: login })).toThrow(
      "A permission that denies requires a token, which Consul ignores. Require the token in a permission that allows, and omit what it allows from the others.",
    );
    api.requireJwt({ provider: login });
    expect(() => api.requireJwt({ provider: login })).toThrow(
      "stack/mesh/api: requireJwt is called twice. Pass all tokens to one call: a request then needs one of them.",
    );
  });
});

describe("permission-order", () => {
  test("fails for an exception from a token next to other declarations", () => {
    expect(
      findings(({ api, web, login }) => {
        const guarded = HttpPermission.get().requireJwt({ provider: login });
        web.connectTo(api, { permissions: [HttpPermission.get("/health"), guarded] });
        api.allowFrom(web, { permissions: [HttpPermission.get("/b"), guarded] });
      }),
    ).toEqual(
      Array(2)
        .fill(
          "stack/mesh/{}: The permissions of web on api allow requests before they require a token for others, which has no effect next to other declarations for web. Put the token first, or list all permissions in one declaration. (permission-order)",
        )
        .map((text: string, index) => text.replace("{}", index === 0 ? "web" : "api")),
    );
  });

  test("fails for different tokens in several declarations", () => {
    expect(
      findings(({ mesh, api, web, login }) => {
        const other = mesh.addJwtProvider("other", LOGIN);
        web.connectTo(api, { permissions: [HttpPermission.get().requireJwt({ provider: login })] });
        api.allowFrom(web, { permissions: [HttpPermission.get("/b").requireJwt({ provider: other })] });
      }),
    ).toEqual([
      "stack/mesh/api: Several declarations require different tokens of web on api, and the first one that matches a request applies. List all permissions with tokens in one declaration. (permission-order)",
    ]);
  });
});

describe("unknown-jwt-provider", () => {
  test("fails for a provider of another datacenter, which Consul does not know", () => {
    const app = testApp();
    const [first, second] = ["first", "second"].map((id) => new TestStack(app, id));
    const { api, web } = partsOf(new ServiceMesh(first, "mesh", { datacenter: "dc1" }));
    const other = new ServiceMesh(second, "mesh", { datacenter: "dc2" }).addJwtProvider("far", LOGIN);
    web.connectTo(api);
    api.requireJwt({ provider: other });
    expect(findingsOf(() => synthApp(app, "first"))).toEqual([
      "first/mesh/api: The intentions of api require a token of far, which is no JWT provider of its datacenter in this app. Add it with addJwtProvider of a mesh of this datacenter, or reference one of another team with JwtProvider.fromName. (unknown-jwt-provider)",
    ]);
  });
});

describe("unverified-token", () => {
  const guard = ({ api, web, login }: Parts) => {
    web.connectTo(api);
    api.requireJwt({ provider: login });
  };

  test("fails for tcp, where Envoy would let all connections in", () => {
    expect(findings(guard, { protocol: Protocol.TCP })).toEqual([
      "stack/mesh/api: Every request to api needs a token, but its protocol is tcp, so Envoy lets every connection of its sources in without one. Set protocol: Protocol.HTTP (or HTTP2, GRPC). (unverified-token)",
    ]);
  });

  test("fails for a Connect-native service", () => {
    expect(findings(guard, { connectNative: true, networkMode: "host" })).toEqual([
      "stack/mesh/api: The intentions of api require a token, which Connect-native services do not verify. Use a sidecar, or verify tokens in the service. (unverified-token)",
    ]);
  });

  test("fails for an external service, whose gateway would get no listener", () => {
    const problems = findings(({ mesh, web, login }) => {
      const outside = mesh.addExternalService("outside", {
        ...{ address: "192.0.2.1", port: 80, protocol: Protocol.HTTP, plaintext: "It is a test." },
      });
      mesh.addTerminatingGateway("egress").addService(outside);
      web.connectTo(outside, { permissions: [HttpPermission.get().requireJwt({ provider: login })] });
    });
    expect(problems).toEqual([
      "stack/mesh/outside: The intentions of outside require a token, and Consul 1.21 then configures no listener of its terminating gateway. Require the token at a service of the mesh in front of it. (unverified-token)",
    ]);
  });
});

describe("settings of a provider", () => {
  const TRUSTED = { uri: "https://login.example.com/keys", authority: { file: "/ca.pem" } };
  const ofRemote = (options: Partial<RemoteJwksOptions>) =>
    findings(({ mesh }) => mesh.addJwtProvider("far", { ...LOGIN, keys: JwtKeys.remote({ ...TRUSTED, ...options }) }));

  test("are accepted where Envoy gets them", () => expect(ofRemote({})).toEqual([]));

  test.each<[string, Partial<RemoteJwksOptions>, string]>([
    [
      "a cache whose length Consul passes wrongly",
      { cacheDuration: "10m" },
      "Keys of far are cached for 10m0s, which Consul 1.21 passes as 600000000000 seconds, and Envoy refuses such a configuration. Omit cacheDuration: Envoy requests the keys again every 10 minutes. (jwks-settings)",
    ],
    [
      "a host name where Envoy expects an address",
      { discoveryType: "STATIC" },
      "The keys of far are at the host login.example.com, and Envoy is configured for an IP address, so all Envoys of the mesh refuse their configuration. Set JWKSCluster.DiscoveryType to STRICT_DNS. (jwks-settings)",
    ],
    [
      "a timeout that Consul rounds down",
      { requestTimeout: "500ms" },
      "The timeout of requests for the keys of far is 500 ms, of which Consul passes the whole seconds. Set whole seconds. (jwks-settings)",
    ],
    [
      "a server that Envoy does not verify",
      { authority: undefined },
      "Envoys request the keys of far from login.example.com and accept any certificate. Use https, and set authority to the CA of the server; or use JwtKeys.local. (jwks-unverified)",
    ],
    [
      "a server without TLS",
      { uri: "http://login.example.com/keys" },
      "Envoys request the keys of far from login.example.com without TLS. Use https, and set authority to the CA of the server; or use JwtKeys.local. (jwks-unverified)",
    ],
    [
      "a name of the mesh",
      { uri: "https://login.virtual.consul/keys" },
      "The keys of far are at login.virtual.consul, a name of the mesh, which Envoy does not reach as a service would. Use an address that is reachable without the mesh, or JwtKeys.local. (jwks-in-mesh)",
    ],
  ])("fail for %s", (_, options, problem) => {
    expect(ofRemote(options)).toEqual([`stack/mesh/far/Entry: ${problem}`]);
  });

  test("fail for keys that services reach through a terminating gateway", () => {
    const problems = findings(({ mesh, web }) => {
      const outside = mesh.addExternalService("outside", {
        ...{ address: "login.example.com", port: 443, protocol: Protocol.HTTP, tls: { caFile: "/ca.pem", sni: "a" } },
      });
      mesh.addTerminatingGateway("egress").addService(outside);
      web.connectTo(outside);
      mesh.addJwtProvider("far", { ...LOGIN, keys: JwtKeys.remote(TRUSTED) });
    });
    expect(problems).toEqual([
      'stack/mesh/far/Entry: The keys of far are at login.example.com, which services reach through a terminating gateway (stack/mesh/outside), and Envoys do not. Make sure that every node can reach it directly, and silence(…, "jwks-in-mesh", "why"); or use JwtKeys.local. (jwks-in-mesh)',
    ]);
  });

  test("fail for headers of which only some are forwarded, and for no issuer", () => {
    const locations = [JwtLocation.header("a", { forward: true }), JwtLocation.header("b")];
    expect(
      findings(({ mesh }) => mesh.addJwtProvider("far", { ...LOGIN, locations, override: { Issuer: null } })),
    ).toEqual([
      "stack/mesh/far/Entry: The JWT provider far has no issuer, so no token is ever valid. Set the issuer. (jwks-settings)",
      "stack/mesh/far/Entry: Only some of the headers of far are forwarded, but Envoy has one setting, for which Consul uses the last header. Set forward to the same value for all headers. (jwks-settings)",
    ]);
  });

  test("warn where Consul does not pass them on", () => {
    const warnings = warningsOf((mesh) => {
      mesh.addJwtProvider("far", { ...LOGIN, clockSkew: "5s", cacheSize: 10 });
    });
    expect(warnings).toEqual([
      expect.stringContaining(
        "clockSkew and cacheSize of the JWT provider far have no effect. Omit it, or silence this check for a newer Consul. (jwt-clock-skew)",
      ),
    ]);
  });
});

test("an API gateway can require tokens itself, with a warning: the community edition refuses them", () => {
  const build = (mesh: ServiceMesh) => {
    const { api, login } = partsOf(mesh);
    const [ofAll, ofRoute] = ["all", "route"].map((role) => ({
      provider: login,
      claims: [{ path: ["role"], value: role }],
    }));
    const listener = ApiGatewayListener.http({
      port: 8080,
      jwt: { default: [ofAll], override: [{ provider: login }] },
    });
    mesh.addApiGateway("gate", { listeners: [listener] }).connectTo(api, { jwt: [ofRoute] });
  };
  const required = (role: string) => ({
    Providers: [{ Name: "login", VerifyClaims: [{ Path: ["role"], Value: role }] }],
  });
  const { entries } = synthMesh(build);
  expect(entries["api-gateway/gate"]).toMatchObject({
    Listeners: [{ Default: { JWT: required("all") }, Override: { JWT: { Providers: [{ Name: "login" }] } } }],
  });
  expect(entries["http-route/gate-api"]).toMatchObject({ Rules: [{ Filters: { JWT: required("route") } }] });
  const ofEdition = warningsOf(build).filter((line) => line.includes("(consul-enterprise)"));
  const fix =
    "Require them with requireJwt of the services behind the gateway for the community edition, or silence this check.";
  expect(ofEdition.map((line) => line.slice(line.indexOf(": ") + 2))).toEqual([
    `The tokens that api-gateway/gate requires need Consul Enterprise. ${fix} (consul-enterprise)`,
    `The tokens that http-route/gate-api requires need Consul Enterprise. ${fix} (consul-enterprise)`,
  ]);
});
