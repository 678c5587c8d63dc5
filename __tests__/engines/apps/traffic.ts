import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ApiGatewayListener,
  Dns,
  EnvoyExtension,
  Failover,
  HashPolicy,
  HealthCheck,
  HttpPermission,
  IngressListener,
  LoadBalancer,
  Protocol,
  Redirect,
  Sidecar,
  silence,
  SubsetFilter,
  synthesize,
  Template,
  Workload,
  type MeshService,
  type ServiceMesh,
} from "../../../constructs";
import { addBlueGreen } from "../../../examples/blue-green";
import { addCanary, addGreetingApi, addGreetingPage, program, TESTER_HEADER } from "../../../examples/canary";
import { MeshStack } from "../../../stacks/mesh-stack";
import { readSettings } from "../../../stacks/settings";
import { addGuarded, type KeySets } from "./guarded";
import { loadGenerator } from "./load-generator";

/** A token bucket of 5 requests that gets one each 10 s. Its sidecar has one worker thread, and so one bucket. */
const RATE_LIMIT = `
  local capacity, per_second = 5, 0.1
  local tokens, filled_at = capacity, nil
  function envoy_on_request(handle)
    local now = handle:timestamp() / 1000
    tokens = math.min(capacity, tokens + (now - (filled_at or now)) * per_second)
    filled_at = now
    if tokens < 1 then
      handle:respond({ [":status"] = "429", ["retry-after"] = "10" }, "too many requests")
    else
      tokens = tokens - 1
    end
  end
`;

/**
 * The examples canary and blue-green, and services with faults. MESHFORM_TEST_VARIANT says, like a query,
 * - `percent`: what the canary gets; `none`: there is none;
 * - `live`: which of blue and green answers;
 * - `tagged`: the version of a service that Nomad itself updates by a canary;
 * - `flush`: how often the Envoys of the service `pair` flush their statistics, which they read only when they start;
 * - `keys`: the public keys of two issuers of tokens;
 * - `steady`: the version of two services that say nothing of deployments, restarts and ejection.
 */
synthesize((app) => {
  const variant = new URLSearchParams(process.env.MESHFORM_TEST_VARIANT);
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  const client = mesh.addService("client", {
    port: 9300,
    publish: 9300,
    protocol: Protocol.HTTP,
    workload: loadGenerator(9300, "exec"),
    dns: Dns.consul({ searches: ["service.consul"] }),
    update: { minHealthyTime: "1s" },
    envoyExtensions: [
      EnvoyExtension.propertyOverride({
        patches: [
          {
            ...{ resource: "cluster", direction: "outbound", services: ["extended"] },
            ...{ op: "add", path: "/alt_stat_name", value: "patched" },
          },
        ],
      }),
    ],
  });

  const percent = variant.get("percent") ?? "none";
  const greeting = percent === "none" ? addPlain(mesh) : addCanary(mesh, { runtime: "exec", percent: Number(percent) });
  client.connectTo(greeting, { env: "GREETING" });
  client.connectTo(mesh.addVirtualService("former", { protocol: Protocol.HTTP, redirect: Redirect.to(greeting) }), {
    env: "FORMER",
    localBindSocketPath: "alloc/tmp/former.sock",
    localBindSocketMode: "0666",
  });
  mesh.addPreparedQuery("near", {
    service: "${match(1)}",
    near: "_agent",
    dnsTtl: "1s",
    template: { regexp: "^near-(.+)$" },
  });

  const shop = addBlueGreen(mesh, { runtime: "exec", live: variant.get("live") === "green" ? "green" : "blue" });
  client.connectTo(shop, { env: "SHOP" });

  const flaky = mesh.addService("flaky", { ...faulty("flaky"), count: 3 });
  flaky.resolve({ failover: Failover.to(greeting) });
  flaky.route({
    match: { pathPrefix: "/greeting/" },
    to: greeting,
    prefixRewrite: "/",
    requestHeaders: { set: { "x-route": "greeting" }, remove: ["x-secret"] },
  });
  flaky.route({ match: { methods: ["POST"], query: [{ name: "to", exact: "greeting" }] }, to: greeting });
  flaky.route({ match: { pathPrefix: "/retried" }, retries: { attempts: 5, on: ["5xx"] } });
  flaky.route({ match: { pathPrefix: "/impatient" }, requestTimeout: "500ms" });
  // Ejection would hide what only the retries are to hide.
  client.connectTo(flaky, { env: "FLAKY", passiveHealthCheck: { enforcingConsecutive5xx: 0 } });

  const slow = mesh.addService("slow", {
    ...faulty("slow"),
    tags: ["of-slow"],
    sidecar: Sidecar.exec({ tags: [] }),
    canaryMeta: { phase: "new" },
  });
  slow.resolve({ requestTimeout: "1s" });
  const beta = slow.addVersion("beta", { workload: program("greeting-api.mjs", "exec", { VERSION: "beta" }) });
  client.connectTo(mesh.addVirtualService("early", { protocol: Protocol.HTTP, redirect: Redirect.to(beta) }), {
    env: "EARLY",
  });
  // Twice the same upstream, by what it is and by its name.
  const limits = { maxConnections: 1, maxPendingRequests: 1 };
  client.addUpstream(slow, { env: "SLOW", limits });
  client.addUpstream("slow");
  // Any service may read; that the client may do anything by another name does not make it more.
  slow.allowFrom("*", { permissions: [HttpPermission.get()] });
  silence(slow, "wildcard-allow", "It is a test.");
  const alias = mesh.addVirtualService("slow-alias", { protocol: Protocol.HTTP, redirect: Redirect.to(slow) });
  // Consul has Envoy reach both names by one cluster, with the limits of whichever comes last.
  client.connectTo(alias, { env: "SLOW_ALIAS", limits });

  const pair = mesh.addService("pair", {
    ...{ ...faulty("pair"), count: 2, tags: ["of-pair"] },
    sidecar: Sidecar.exec({ config: { envoy_stats_flush_interval: variant.get("flush") ?? "5s" } }),
  });
  pair.resolve({
    loadBalancer: LoadBalancer.maglev([
      HashPolicy.header("x-user", { terminal: true }),
      HashPolicy.cookie("cart", { session: true }),
    ]),
  });
  client.connectTo(pair, {
    env: "PAIR",
    passiveHealthCheck: { interval: "1s", maxFailures: 2, baseEjectionTime: "3s" },
  });
  pair.allowFrom(client, { permissions: [HttpPermission.deny({ pathPrefix: "/private" })] });
  const passing = pair.addSubset("passing", SubsetFilter.tag("of-pair"), { onlyPassing: true });
  client.connectTo(
    mesh.addVirtualService("passing-pair", { protocol: Protocol.HTTP, redirect: Redirect.to(passing) }),
    { env: "PASSING_PAIR" },
  );

  for (const [name, count] of [
    ["single", 1],
    ["double", 2],
  ] as const) {
    // With the default update: its new instances are healthy for some time before old ones stop.
    const service = mesh.addService(name, { ...faulty(variant.get("steady") ?? "v1"), count, update: undefined });
    client.connectTo(service, { env: name.toUpperCase() });
    const query = mesh.addPreparedQuery(`passing-${name}`, { service, onlyPassing: true });
    client.connectTo(service, { env: `QUERIED_${name.toUpperCase()}`, preparedQuery: query.queryName });
    if (count === 2) {
      const update = { minHealthyTime: "1s" };
      mesh
        .addApiGateway("gate", { listeners: [ApiGatewayListener.http({ port: 9301 })], update })
        .connectTo(service, { match: { pathPrefix: "/" } });
      mesh
        .addIngressGateway("ingress", { listeners: [IngressListener.http({ port: 9302 })], update })
        .connectTo(service, { hosts: ["*"] });
    }
  }

  addExtended(mesh, client);
  addGuarded(mesh, client, JSON.parse(variant.get("keys") ?? "{}") as KeySets, faulty);

  const tagged = mesh.addService("tagged", {
    ...faulty(variant.get("tagged") ?? "v1"),
    canaryTags: ["canary"],
    update: { canary: 1, minHealthyTime: "1s" },
  });
  tagged.canary(tagged.addSubset("canary", SubsetFilter.tag("canary")), { percent: 0, header: TESTER_HEADER });
  client.connectTo(tagged, { env: "TAGGED", permissions: [HttpPermission.get()] });
  tagged.allowFrom(client, { permissions: [HttpPermission.deny({ pathPrefix: "/private" })] });
});

/** A service with extensions of its Envoy: a script, an authorization service, logs, and a limit of requests by a script. */
function addExtended(mesh: ServiceMesh, client: MeshService): void {
  const gatekeeper = (port: number) =>
    Workload.exec({
      ...{ driver: "raw_exec", command: "node", args: ["${NOMAD_TASK_DIR}/gatekeeper.mjs"] },
      env: { HTTP_PORT: String(port), GRPC_PORT: String(port + 1) },
      templates: ["gatekeeper.mjs", "protobuf.mjs"].map((file) =>
        Template.text(readFileSync(join(__dirname, file), "utf8"), {
          ...{ destination: `local/${file}`, leftDelimiter: "[[", rightDelimiter: "]]" },
        }),
      ),
    });
  const authz = mesh.addService("authz", {
    ...{ port: 9401, protocol: Protocol.HTTP, workload: gatekeeper(9401), update: { minHealthyTime: "1s" } },
  });
  const extended = mesh.addService("extended", {
    ...faulty("extended"),
    tasks: { collector: gatekeeper(9411) },
    envoyExtensions: [
      EnvoyExtension.lua({
        script: 'function envoy_on_request(handle) handle:headers():add("x-by-lua", "inbound") end',
      }),
      EnvoyExtension.extAuthz({
        http: {
          target: { service: authz },
          pathPrefix: "/check",
          allowedUpstreamHeaders: [{ exact: "x-user" }],
          allowedClientHeaders: [{ prefix: "x-asked" }],
        },
      }),
      EnvoyExtension.otelAccessLogging({
        target: { uri: "127.0.0.1:9412" },
        body: "%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%",
      }),
    ],
  });
  extended.connectTo(authz);
  // Only by a template: `near-authz`.
  client.connectTo(authz, { env: "QUERIED_AUTHZ", preparedQuery: "near-authz" });
  client.connectTo(extended, { env: "EXTENDED" });

  const limited = mesh.addService("limited", {
    ...faulty("limited"),
    envoyExtensions: [EnvoyExtension.lua({ script: RATE_LIMIT })],
  });
  client.connectTo(limited, { env: "LIMITED" });
}

/** The example without its canary. */
function addPlain(mesh: ServiceMesh) {
  const api = addGreetingApi(mesh, "greeting-api", "exec", { VERSION: "v1" });
  const page = addGreetingPage(mesh, "greeting-page", "exec", { publish: 9100, testerHeader: TESTER_HEADER });
  page.connectTo(api, { env: "GREETING_URL" });
  api.resolve({ defaultSubset: api.stable });
  return api;
}

/** A service whose instances can be told to fail. */
function faulty(version: string) {
  return {
    port: 9101,
    protocol: Protocol.HTTP,
    workload: program("greeting-api.mjs", "exec", { VERSION: version }),
    healthCheck: HealthCheck.http("/health", { interval: "1s", timeout: "1s" }),
    update: { minHealthyTime: "1s" },
  };
}
