import {
  EnvoyExtension,
  Failover,
  HashPolicy,
  LoadBalancer,
  Protocol,
  Redirect,
  SubsetFilter,
  type MeshService,
  type ServiceMesh,
} from "../../constructs";
import { anyWorkload } from "./workload";

/** A mesh that uses every traffic rule there is, so that the real Consul can judge what we render. Wants the datacenter dc2. */
export function addTrafficGallery(mesh: ServiceMesh): void {
  const http = { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload };
  const all = mesh.addService("all", http);
  const other = mesh.addService("other", http);
  const web = mesh.addService("web", { port: 80, publish: 80, workload: anyWorkload });
  web.connectTo(all, {
    limits: { maxConnections: 10, maxPendingRequests: 0, maxConcurrentRequests: 5 },
    passiveHealthCheck: {
      interval: "90s",
      maxFailures: 3,
      enforcingConsecutive5xx: 0,
      maxEjectionPercent: 50,
      baseEjectionTime: "5s",
    },
    connectTimeout: "1.5s",
  });
  web.connectTo(all, { peer: "partner", limits: { maxConnections: 1 } });

  const v1 = all.addSubset("v1", SubsetFilter.meta("version", "v1"));
  const eu = all.addSubset("eu", `${SubsetFilter.meta("data-region", "eu")} and ${SubsetFilter.tag("a b")}`, {
    onlyPassing: true,
  });
  const rest = all.addSubset("rest", SubsetFilter.noneOf(SubsetFilter.tag("a"), SubsetFilter.meta("version", "v1")));
  all.resolve({
    defaultSubset: v1,
    connectTimeout: "500ms",
    requestTimeout: "90s",
    loadBalancer: LoadBalancer.ringHash(
      [
        HashPolicy.header("x-user", { terminal: true }),
        HashPolicy.cookie("user", { ttl: "60s", path: "/" }),
        HashPolicy.cookie("session", { session: true }),
        HashPolicy.queryParameter("user"),
        HashPolicy.sourceIp(),
      ],
      { minimumRingSize: 16, maximumRingSize: 64 },
    ),
    failover: {
      v1: Failover.to(rest, other),
      eu: Failover.targets({ to: other, datacenter: "dc2" }, { to: other, peer: "partner" }),
      "*": Failover.datacenters("dc2"),
    },
  });
  all.split([
    { to: v1, weight: 90.01, requestHeaders: { add: { a: "1" }, set: { b: "2" }, remove: ["c"] } },
    { to: eu, weight: 0 },
    { to: other, weight: 9.99, responseHeaders: { set: { d: "4" } } },
  ]);
  all.route({
    match: {
      pathPrefix: "/admin",
      caseInsensitive: true,
      methods: ["GET", "POST"],
      headers: [
        { name: "x-a", exact: "1" },
        { name: "x-b", prefix: "2", invert: true },
        { name: "x-c", suffix: "3" },
        { name: "x-d", regex: "4.*" },
        { name: "x-e", present: true },
      ],
      query: [
        { name: "a", exact: "1" },
        { name: "b", regex: "2.*" },
        { name: "c", present: true },
      ],
    },
    to: other,
    prefixRewrite: "/",
    requestTimeout: "5s",
    idleTimeout: "1m",
    retries: { attempts: 3, on: ["5xx", "gateway-error"], onStatusCodes: [429, 503] },
    requestHeaders: { set: { e: "5" } },
    responseHeaders: { remove: ["f"] },
  });
  all.route({ match: { pathExact: "/v1" }, to: v1, retries: {} });
  all.route({ match: { pathRegex: "/v[0-9]+" } });

  for (const [id, loadBalancer] of Object.entries({
    maglev: LoadBalancer.maglev([HashPolicy.cookie("plain")]),
    "least-request": LoadBalancer.leastRequest({ choiceCount: 3 }),
    "round-robin": LoadBalancer.roundRobin(),
    random: LoadBalancer.random(),
  })) {
    mesh.addService(id, http).resolve({ loadBalancer });
  }
  const versioned = mesh.addService("versioned", http);
  versioned.canary(versioned.addVersion("v2", { workload: anyWorkload }), { percent: 33.3, header: "x-canary" });
  const turning = mesh.addService("turning", { ...http, protocol: Protocol.GRPC });
  turning.blueGreen({
    blue: turning.stable,
    green: turning.addVersion("green", { workload: anyWorkload }),
    live: "blue",
  });
  mesh.addVirtualService("former", { protocol: Protocol.HTTP, redirect: Redirect.to(v1) });
  mesh.addVirtualService("far", { redirect: Redirect.datacenter("dc2") });
  mesh.addVirtualService("theirs", { redirect: Redirect.peer("partner") });

  const authz = mesh.addService("authz", http);
  const logs = mesh.addService("logs", { ...http, protocol: Protocol.GRPC });
  const extended = mesh.addService("extended", { ...http, envoyExtensions: everyExtension(authz, logs) });
  extended.connectTo(authz);
  extended.connectTo(logs);
}

/** Every extension of Envoy, with every option. */
function everyExtension(authz: MeshService, logs: MeshService): readonly EnvoyExtension[] {
  const names = [{ exact: "x-a", ignoreCase: true }, { prefix: "x-b" }];
  const filter = { resource: "cluster", direction: "outbound", services: [authz, "logs"] } as const;
  const versions = { consulVersion: ">= 1.16.0", envoyVersion: ">= 1.30.0" };
  return [
    EnvoyExtension.lua({ script: "function envoy_on_request(handle) end", listener: "outbound", ...versions }),
    EnvoyExtension.propertyOverride({
      debug: true,
      patches: [
        { ...filter, op: "add", path: "/outlier_detection/max_ejection_percent/value", value: 30 },
        { ...filter, op: "add", path: "/upstream_connection_options/tcp_keepalive", value: { keepalive_probes: 3 } },
        { resource: "listener", direction: "inbound", op: "remove", path: "/per_connection_buffer_limit_bytes" },
      ],
    }),
    EnvoyExtension.propertyOverride({
      patches: [{ resource: "route", direction: "outbound", op: "add", path: "/validate_clusters", value: true }],
    }),
    EnvoyExtension.extAuthz({
      http: {
        target: { service: authz, timeout: "500ms" },
        pathPrefix: "/check",
        allowedHeaders: names,
        headersToAdd: [{ key: "x-c", value: "1" }],
        allowedUpstreamHeaders: names,
        allowedUpstreamHeadersToAppend: names,
        allowedClientHeaders: names,
        allowedClientHeadersOnSuccess: names,
        dynamicMetadataFromHeaders: [{ suffix: "-d" }, { contains: "e" }, { safeRegex: "f+" }],
      },
      statusOnError: 503,
      withRequestBody: { maxRequestBytes: 1024, allowPartialMessage: true, packAsBytes: false },
      clearRouteCache: true,
      statPrefix: "authz",
      insert: { location: "BeforeFirstMatch", filterName: "envoy.filters.http.router" },
    }),
    EnvoyExtension.extAuthz({
      grpc: { target: { uri: "127.0.0.1:9191" }, authority: "authz", initialMetadata: [{ key: "a", value: "b" }] },
      includePeerCertificate: true,
      metadataContextNamespaces: ["a", "b"],
      bootstrapMetadataLabelsKey: "labels",
      required: true,
    }),
    EnvoyExtension.otelAccessLogging({
      target: { service: logs },
      logName: "requests",
      body: "%REQ(:PATH)%",
      attributes: { status: "%RESPONSE_CODE%", number: 1, flag: true },
      resourceAttributes: { team: "a" },
      bufferFlushInterval: "2s",
      bufferSizeBytes: 1024,
      filterStateObjectsToLog: ["a", "b"],
      retryPolicy: { numRetries: 2, baseInterval: "1s", maxInterval: "5s" },
    }),
    EnvoyExtension.wasm({
      download: {
        ...{ service: authz, uri: "http://authz/filter.wasm", sha256: "0".repeat(64), timeout: "2s" },
        ...{ numRetries: 2, retryBaseInterval: "1s", retryMaxInterval: "3s" },
      },
      ...{ name: "a", rootId: "b", configuration: "c", vmId: "d", vmConfiguration: "e" },
      hostEnvKeys: ["HOME", "PATH"],
      env: { A: "b" },
      allowedCapabilities: ["proxy_log"],
      required: false,
    }),
    EnvoyExtension.wasm({ file: "/local/filter.wasm", listener: "outbound", runtime: "wasmtime" }),
    EnvoyExtension.awsLambda({
      ...{ arn: "arn:aws:lambda:us-east-1:111111111111:function:f", payloadPassthrough: true },
      invocationMode: "asynchronous",
    }),
  ];
}
