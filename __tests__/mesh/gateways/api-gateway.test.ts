import { TerraformVariable, Testing } from "cdktf";
import {
  ApiGateway,
  ApiGatewayListener,
  GatewayCertificate,
  HttpPermission,
  MeshService,
  Protocol,
  ServiceMesh,
  Sidecar,
  silence,
  Template,
  type ApiGatewayBaseProps,
  type ApiGatewayConnectOptions,
  type ApiGatewayListenerOptions,
  type consul,
} from "../../../constructs";
import { groupOf } from "../../support/job";
import { synthMesh, synthStack, TestStack } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const http = (port: number) => ({ port, protocol: Protocol.HTTP, workload: anyWorkload });
const tcp = (port: number) => ({ port, workload: anyWorkload });
const files = GatewayCertificate.files({ certFile: "secrets/site.pem", keyFile: "secrets/site.key" });
const templates = ["site.pem", "site.key"].map((name) => Template.text(name, { destination: `secrets/${name}` }));

/** A mesh with the service `api` and a gateway to it. */
function synthGateway(options: ApiGatewayConnectOptions = {}, props: Partial<ApiGatewayBaseProps> = {}) {
  return synthMesh((mesh) => {
    const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })], ...props });
    gateway.connectTo(mesh.addService("api", http(9001)), options);
  });
}

const ruleOf = (options: ApiGatewayConnectOptions) =>
  (synthGateway(options).entries["http-route/gateway-api"] as consul.HTTPRouteConfigEntry).Rules?.[0];

describe("connectTo", () => {
  test("makes the route and the intention from one sentence", () => {
    const { entries } = synthGateway();
    expect(entries["api-gateway/gateway"]).toEqual({
      Kind: "api-gateway",
      Name: "gateway",
      Listeners: [{ Name: "listener-8080", Port: 8080, Protocol: "http" }],
    });
    expect(entries["http-route/gateway-api"]).toEqual({
      Kind: "http-route",
      Name: "gateway-api",
      Parents: [{ Kind: "api-gateway", Name: "gateway", SectionName: "listener-8080" }],
      Rules: [{ Filters: expect.any(Object) as unknown, Services: [{ Name: "api", Weight: 1 }] }],
    });
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "gateway", Action: "allow", Precedence: 9, Type: "consul" }],
    });
  });

  test("takes a name, a service of another team, and one outside the mesh", () => {
    const { entries } = synthMesh((mesh, stack) => {
      const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      gateway.connectTo("api", { hosts: ["api.example"] });
      gateway.connectTo(MeshService.fromServiceName(stack, "other", "billing", { protocol: Protocol.HTTP }), {
        hosts: ["billing.example"],
      });
      const old = mesh.addExternalService("old", {
        address: "192.0.2.7",
        port: 80,
        protocol: Protocol.HTTP,
        plaintext: "It is a test.",
      });
      mesh.addTerminatingGateway("egress").addService(old);
      gateway.connectTo(old, { hosts: ["old.example"] });
      mesh.addService("api", http(9001));
    });
    expect(Object.keys(entries).filter((key) => key.startsWith("http-route/"))).toEqual([
      "http-route/gateway-api",
      "http-route/gateway-billing",
      "http-route/gateway-old",
    ]);
    expect(entries["service-intentions/old"]).toMatchObject({ Sources: [{ Name: "gateway" }] });
    expect(entries).not.toHaveProperty("service-intentions/billing");
  });

  test("may allow some requests only", () => {
    const { entries } = synthGateway({ permissions: [HttpPermission.get("/v1")], description: "the public" });
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [
        {
          Name: "gateway",
          Description: "the public",
          Permissions: [{ HTTP: { PathExact: "/v1" } }, { HTTP: { PathPrefix: "/v1/" } }],
        },
      ],
    });
  });

  test("leads on from the listener that it names, tcp connections by a route of that kind", () => {
    const { entries } = synthMesh((mesh) => {
      const gateway = mesh.addApiGateway("gateway", {
        listeners: [ApiGatewayListener.http({ port: 8080 }), ApiGatewayListener.tcp({ port: 9000 })],
      });
      gateway.connectTo(mesh.addService("api", http(1)), { listener: 8080 });
      gateway.connectTo(mesh.addService("db", tcp(2)), { listener: 9000 });
    });
    expect(entries["api-gateway/gateway"]).toMatchObject({
      Listeners: [
        { Name: "listener-8080", Protocol: "http" },
        { Name: "listener-9000", Protocol: "tcp" },
      ],
    });
    expect(entries["tcp-route/gateway-db"]).toEqual({
      Kind: "tcp-route",
      Name: "gateway-db",
      Parents: [{ Kind: "api-gateway", Name: "gateway", SectionName: "listener-9000" }],
      Services: [{ Name: "db" }],
    });
  });

  test("leads to several services by their weights, and lets the gateway into each", () => {
    const { entries } = synthMesh((mesh) => {
      const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      gateway.connectTo([
        { service: mesh.addService("old", http(1)), weight: 9 },
        { service: mesh.addService("new", http(2)) },
      ]);
    });
    expect(entries["http-route/gateway-old-new"]).toMatchObject({
      Rules: [
        {
          Services: [
            { Name: "old", Weight: 9 },
            { Name: "new", Weight: 1 },
          ],
        },
      ],
    });
    expect(entries["service-intentions/old"]).toMatchObject({ Sources: [{ Name: "gateway" }] });
    expect(entries["service-intentions/new"]).toMatchObject({ Sources: [{ Name: "gateway" }] });
  });

  test("the halves exist alone too", () => {
    const { entries } = synthMesh((mesh) => {
      const gateway = mesh.addApiGateway("gateway", { listeners: [ApiGatewayListener.http({ port: 8080 })] });
      const api = mesh.addService("api", http(9001));
      gateway.addRoute(api);
      api.allowFrom(gateway, { description: "the public" });
    });
    expect(entries).toHaveProperty("http-route/gateway-api");
    expect(entries["service-intentions/api"]).toMatchObject({
      Sources: [{ Name: "gateway", Description: "the public" }],
    });
  });

  test("names a route as it is told", () => {
    expect(synthGateway({ name: "public-api" }).entries).toHaveProperty("http-route/public-api");
  });
});

describe("a route", () => {
  test("is about certain hosts", () => {
    const { entries } = synthGateway({ hosts: ["api.example", "www.example"] });
    expect(entries["http-route/gateway-api"]).toMatchObject({ Hostnames: ["api.example", "www.example"] });
  });

  test.each([
    ["a path's beginning", { pathPrefix: "/v1" }, { Path: { Match: "prefix", Value: "/v1" } }],
    ["a path", { pathExact: "/v1/a" }, { Path: { Match: "exact", Value: "/v1/a" } }],
    ["a pattern", { pathRegex: "/v[12]" }, { Path: { Match: "regex", Value: "/v[12]" } }],
    [
      "headers",
      {
        headers: [
          { name: "a", exact: "1" },
          { name: "b", prefix: "2" },
          { name: "c", suffix: "3" },
          { name: "d", regex: "4" },
          { name: "e", present: true },
        ],
      },
      {
        Path: { Match: "prefix", Value: "/" },
        Headers: [
          { Name: "a", Match: "exact", Value: "1" },
          { Name: "b", Match: "prefix", Value: "2" },
          { Name: "c", Match: "suffix", Value: "3" },
          { Name: "d", Match: "regex", Value: "4" },
          { Name: "e", Match: "present" },
        ],
      },
    ],
    [
      "parameters",
      {
        query: [
          { name: "a", exact: "1" },
          { name: "b", regex: "2" },
          { name: "c", present: true },
        ],
      },
      {
        Path: { Match: "prefix", Value: "/" },
        Query: [
          { Name: "a", Match: "exact", Value: "1" },
          { Name: "b", Match: "regex", Value: "2" },
          { Name: "c", Match: "present" },
        ],
      },
    ],
  ])("is about requests with %s", (_, match, rendered) => {
    expect(ruleOf({ match })?.Matches).toEqual([rendered]);
  });

  test("takes any of several methods, and any of several matches", () => {
    expect(ruleOf({ match: { pathPrefix: "/v1", methods: ["get", "POST"] } })?.Matches).toEqual([
      { Path: { Match: "prefix", Value: "/v1" }, Method: "GET" },
      { Path: { Match: "prefix", Value: "/v1" }, Method: "POST" },
    ]);
    expect(ruleOf({ match: [{ pathPrefix: "/v1" }, { pathPrefix: "/v2" }] })?.Matches).toHaveLength(2);
  });

  test("changes the path and the headers", () => {
    expect(
      ruleOf({
        match: { pathPrefix: "/api" },
        prefixRewrite: "/",
        requestHeaders: { add: { a: "1" }, set: { b: "2" }, remove: ["c"] },
        responseHeaders: { remove: ["server"] },
      }),
    ).toMatchObject({
      Filters: {
        URLRewrite: { Path: "/" },
        Headers: [{ Add: { a: "1" }, Set: { b: "2" }, Remove: expect.arrayContaining(["c"]) as unknown }],
      },
      ResponseFilters: { Headers: [{ Remove: ["server"] }] },
    });
  });

  test("gives a request a time, and tries it again", () => {
    expect(
      ruleOf({ requestTimeout: "5s", idleTimeout: "1m", retries: { attempts: 3, onStatusCodes: [503] } }),
    ).toMatchObject({
      Filters: {
        TimeoutFilter: { RequestTimeout: 5e9, IdleTimeout: 60e9 },
        RetryFilter: { NumRetries: 3, RetryOnStatusCodes: [503] },
      },
    });
    expect(ruleOf({ retries: {} })).toMatchObject({
      Filters: { RetryFilter: { NumRetries: 1, RetryOn: ["connect-failure", "refused-stream"] } },
    });
  });

  test("takes whatever else Consul knows of a rule", () => {
    const override = { Filters: { JWT: { Providers: [{ Name: "okta" }] } } };
    expect(ruleOf({ override })).toMatchObject(override);
    // A filter of another kind leaves those of headers in place.
    expect(ruleOf({ override })?.Filters?.Headers).toHaveLength(1);
  });

  test("waits for the gateway's entry and the service's defaults, and the job for the routes", () => {
    const resources = synthGateway().terraform.resource ?? {};
    const addressOf = (kind: string) =>
      `consul_config_entry.${Object.entries(resources.consul_config_entry).find(([, it]) => it.kind === kind)?.[0] ?? ""}`;
    const route = Object.values(resources.consul_config_entry).find(({ kind }) => kind === "http-route");
    expect(route?.depends_on).toEqual(
      expect.arrayContaining([addressOf("api-gateway"), addressOf("service-defaults")]),
    );
    const job = Object.entries(resources.nomad_job).find(([name]) => name.includes("gateway"))?.[1];
    expect(job?.depends_on).toEqual(expect.arrayContaining([addressOf("api-gateway"), addressOf("http-route")]));
  });
});

describe("a listener", () => {
  const withListener = (listener: ApiGatewayListener, props: Partial<ApiGatewayBaseProps> = {}) =>
    synthMesh((mesh, stack) => {
      silence(stack, "inline-certificate", "It is a test.");
      const gateway = mesh.addApiGateway("gateway", { listeners: [listener], ...props });
      gateway.connectTo(mesh.addService("api", { ...http(1), protocol: listener.protocol }));
    });
  const listenerOf = (options: ApiGatewayListenerOptions, props: Partial<ApiGatewayBaseProps> = { templates }) =>
    (
      withListener(ApiGatewayListener.http(options), props).entries[
        "api-gateway/gateway"
      ] as consul.APIGatewayConfigEntry
    ).Listeners?.[0];

  test("takes requests for one host", () => {
    const { entries } = withListener(ApiGatewayListener.http({ port: 8080, hostname: "*.example" }));
    expect(entries["api-gateway/gateway"]).toMatchObject({ Listeners: [{ Hostname: "*.example" }] });
  });

  test("shows a certificate from files in the gateway's task, of which only the names are told", () => {
    const stack = withListener(ApiGatewayListener.http({ port: 8443, tls: { certificates: [files] } }), { templates });
    expect(stack.entries["api-gateway/gateway"]).toMatchObject({
      Listeners: [{ TLS: { Certificates: [{ Kind: "file-system-certificate", Name: "gateway-8443" }] } }],
    });
    expect(stack.entries["file-system-certificate/gateway-8443"]).toEqual({
      Kind: "file-system-certificate",
      Name: "gateway-8443",
      Certificate: "/secrets/site.pem",
      PrivateKey: "/secrets/site.key",
    });
    const { entries } = withListener(ApiGatewayListener.tcp({ port: 8443, tls: { certificates: [files] } }), {
      templates,
      sidecar: Sidecar.exec(),
    });
    expect(entries["file-system-certificate/gateway-8443"]).toMatchObject({
      Certificate: "connect-proxy-gateway-envoy/secrets/site.pem",
      PrivateKey: "connect-proxy-gateway-envoy/secrets/site.key",
    });
  });

  test("shows a certificate that only Terraform knows", () => {
    const stack = new TestStack();
    silence(stack, "inline-certificate", "It is a test.");
    const key = new TerraformVariable(stack, "site_key", { type: "string", sensitive: true });
    const certificate = GatewayCertificate.inline({ certificate: "-----BEGIN…", privateKey: key.stringValue });
    const mesh = new ServiceMesh(stack, "mesh");
    const gateway = mesh.addApiGateway("gateway", {
      listeners: [ApiGatewayListener.http({ port: 8443, tls: { certificates: [certificate] } })],
    });
    gateway.connectTo(mesh.addService("api", http(1)));
    const { resource } = JSON.parse(Testing.synth(stack, true)) as {
      resource: { consul_config_entry: Record<string, { kind: string; config_json: string }> };
    };
    const entries = Object.values(resource.consul_config_entry);
    expect(entries.find(({ kind }) => kind === "inline-certificate")).toMatchObject({
      name: "gateway-8443",
      config_json: '{"Certificate":"-----BEGIN…","PrivateKey":${jsonencode(var.site_key)}}',
    });
  });

  test("shows a certificate that somebody else has written to Consul, also several", () => {
    const certificate = GatewayCertificate.fromEntryName("wildcard");
    expect(listenerOf({ port: 8443, tls: { certificates: [certificate] } })).toMatchObject({
      TLS: { Certificates: [{ Kind: "inline-certificate", Name: "wildcard" }] },
    });
    const onDisk = GatewayCertificate.fromEntryName("disk", "file-system-certificate");
    expect(listenerOf({ port: 8443, tls: { certificates: [onDisk] } })).toMatchObject({
      TLS: { Certificates: [{ Kind: "file-system-certificate", Name: "disk" }] },
    });
  });

  test("agrees to certain versions and ciphers", () => {
    const cipherSuites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    const tls = { certificates: [files], minVersion: "TLSv1_2", maxVersion: "TLSv1_3", cipherSuites } as const;
    expect(listenerOf({ port: 8443, tls })).toMatchObject({
      TLS: { MinVersion: "TLSv1_2", MaxVersion: "TLSv1_3", CipherSuites: cipherSuites },
    });
  });

  test("takes whatever else Consul knows of it", () => {
    const override = { Default: { JWT: { Providers: [{ Name: "okta" }] } } };
    expect(listenerOf({ port: 8080, override })).toMatchObject(override);
  });
});

test("its job is registered as an API gateway, with a check of each listener", () => {
  const { jobs } = synthGateway();
  expect(groupOf(jobs.gateway).Services).toMatchObject([
    { Name: "gateway", Kind: "api-gateway", AddressMode: "alloc", Checks: [{ PortLabel: "listener-8080" }] },
    { Name: "gateway-envoy", Connect: { SidecarService: {} } },
  ]);
  expect(groupOf(jobs.gateway)).toMatchObject({
    Networks: [{ Mode: "bridge", ReservedPorts: [{ Label: "listener-8080", Value: 8080, To: 8080 }] }],
    Tasks: [{ Name: "connect-proxy-gateway-envoy" }],
  });
});

test("may be in another stack than its mesh", () => {
  const stack = new TestStack();
  const mesh = new ServiceMesh(stack, "mesh");
  const gateway = new ApiGateway(stack, "gateway", { mesh, listeners: [ApiGatewayListener.tcp({ port: 9000 })] });
  gateway.connectTo(mesh.addService("db", tcp(9001)));
  expect(synthStack(stack).entries).toHaveProperty("tcp-route/gateway-db");
});

describe("misuse", () => {
  const gatewayWith = (...listeners: ApiGatewayListener[]) =>
    new ServiceMesh(new TestStack(), "mesh").addApiGateway("gateway", { listeners });
  const httpGateway = () => gatewayWith(ApiGatewayListener.http({ port: 8080 }));
  const tcpGateway = () => gatewayWith(ApiGatewayListener.tcp({ port: 9000 }));

  test("fails if two routes have one name", () => {
    const gateway = httpGateway();
    gateway.connectTo("api", { match: { pathPrefix: "/v1" } });
    expect(() => gateway.connectTo("api", { match: { pathPrefix: "/v2" } })).toThrow(
      'stack/mesh/gateway: It already has a route "gateway-api". Rename one of the two. If both do the same, list their matches in one route.',
    );
  });

  test("fails if a tcp listener is to look at requests", () => {
    expect(() => tcpGateway().connectTo("db", { hosts: ["db.example"] })).toThrow(
      "stack/mesh/gateway: Its listener on port 9000 is a tcp listener, for which hosts has no effect. Omit it, or use an http listener.",
    );
  });

  test("fails if a tcp listener is to lead to two services", () => {
    expect(() => tcpGateway().connectTo([{ service: "a" }, { service: "b" }])).toThrow(
      "stack/mesh/gateway: Its listener on port 9000 is a tcp listener, which routes to a single service. Use a separate listener for each service.",
    );
    const gateway = tcpGateway();
    gateway.connectTo("a");
    expect(() => gateway.connectTo("b")).toThrow(
      "stack/mesh/gateway: Its listener on port 9000 is a tcp listener, and already has a service. Use a separate listener for the other service.",
    );
  });

  test("fails if a match is none, or a weight", () => {
    expect(() => httpGateway().connectTo("api", { match: { pathPrefix: "v1" } })).toThrow(
      'stack/mesh/gateway: The pathPrefix "v1" of a route does not begin with a slash. Write "/v1".',
    );
    expect(() => httpGateway().connectTo("api", { prefixRewrite: "/" })).toThrow(
      "stack/mesh/gateway: A route rewrites a prefix, but does not match one.",
    );
    expect(() => httpGateway().connectTo([{ service: "api", weight: 0.5 }])).toThrow(
      "stack/mesh/gateway: The weight of api is 0.5. Use a whole number from 1, or omit the service.",
    );
  });

  test("fails if a route leads to a service twice", () => {
    expect(() => httpGateway().connectTo([{ service: "api", weight: 1 }, { service: "api" }])).toThrow(
      "stack/mesh/gateway: A route has api twice. List it once, with the sum of its weights.",
    );
  });

  test("fails if a key stands in the code", () => {
    const certificate = GatewayCertificate.inline({ certificate: "…", privateKey: "-----BEGIN PRIVATE KEY-----" });
    expect(() => gatewayWith(ApiGatewayListener.http({ port: 8443, tls: { certificates: [certificate] } }))).toThrow(
      "stack/mesh/gateway: The key of an inline certificate is a literal, so it would be in the synthesized output. Use GatewayCertificate.files. If it must be inline, use a sensitive TerraformVariable.",
    );
  });

  test("fails if a listener has several certificates of which Consul does not know the names", () => {
    expect(() => gatewayWith(ApiGatewayListener.http({ port: 8443, tls: { certificates: [files, files] } }))).toThrow(
      "stack/mesh/gateway: Its listener on port 8443 has several certificates, not all of them inline. Use one certificate with all names: Consul does not read the names in a file.",
    );
  });
});
