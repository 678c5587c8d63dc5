import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { consul } from "../../constructs";

/** A config entry, and what is reported of it. */
export interface EntryCase {
  readonly name: string;
  readonly entry: consul.ConfigEntry;
  /**
   * - `accepted`, `refused`: by Consul and by us.
   * - `enterprise`: Consul's community edition refuses it, the other does not, so we do not either.
   * - `ours`: Consul takes it, but for something else than was meant; `why` says for what.
   */
  readonly verdict: "accepted" | "refused" | "enterprise" | "ours";
  /** Where we see the problem. */
  readonly place?: string;
  readonly why?: string;
}

/** Cases of one kind of entry, which is called `case` unless it says otherwise. */
function casesOf<Entry extends consul.ConfigEntry>(kind: Entry["Kind"], title: string = kind) {
  type Fields = Omit<Entry, "Kind">;
  const entry = (fields: Fields) => ({ Name: "case", ...fields, Kind: kind }) as unknown as Entry;
  return {
    accepted: (name: string, fields: Fields): EntryCase => ({
      name: `${title}: ${name}`,
      entry: entry(fields),
      verdict: "accepted",
    }),
    refused: (name: string, fields: Fields, place: string): EntryCase => ({
      name: `${title}: ${name}`,
      entry: entry(fields),
      place,
      verdict: "refused",
    }),
    enterprise: (name: string, fields: Fields): EntryCase => ({
      name: `${title}: ${name}`,
      entry: entry(fields),
      verdict: "enterprise",
    }),
    ours: (name: string, fields: Fields, place: string, why: string): EntryCase => ({
      name: `${title}: ${name}`,
      entry: entry(fields),
      place,
      why,
      verdict: "ours",
    }),
  };
}

const manyPairs = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, "v"]));

const defaults = casesOf<consul.ServiceConfigEntry>("service-defaults");
const upstream = (fields: consul.UpstreamConfig): consul.ServiceConfigEntry["UpstreamConfig"] => ({
  Overrides: [{ Name: "db", ...fields }],
});
const inOverride = "UpstreamConfig.Overrides[0].";

/** Arguments of the built-in extensions. */
function extensionCases(): readonly EntryCase[] {
  const withOne = (
    name: string,
    Arguments: Readonly<Record<string, unknown>>,
  ): Omit<consul.ServiceConfigEntry, "Kind"> => ({
    EnvoyExtensions: [{ Name: `builtin/${name}`, Arguments }],
  });
  const at = "EnvoyExtensions[0].Arguments.";
  const patch = {
    ResourceFilter: { ResourceType: "cluster", TrafficDirection: "outbound" },
    Op: "add",
    Path: "/connect_timeout/seconds",
    Value: 3,
  };
  const target = { Target: { URI: "127.0.0.1:9191" } };
  const download = {
    HttpURI: { Service: { Name: "modules" }, URI: "http://modules/filter.wasm" },
    SHA256: "0".repeat(64),
  };
  const wasm = (Code: object) => ({
    Protocol: "http",
    ListenerType: "inbound",
    PluginConfig: { VmConfig: { Runtime: "v8", Code } },
  });
  return [
    defaults.accepted("names in lower case", withOne("lua", { listener: "outbound", script: "x" })),
    defaults.refused("no script", withOne("lua", { Listener: "inbound" }), `${at}Script`),
    defaults.refused("no listener", withOne("lua", { Script: "x" }), `${at}Listener`),
    defaults.accepted("a patch", withOne("property-override", { Patches: [patch] })),
    defaults.accepted(
      "a patch that removes",
      withOne("property-override", { Patches: [{ ...patch, Op: "remove", Value: undefined }, patch] }),
    ),
    defaults.refused("no patch", withOne("property-override", { Patches: [] }), `${at}Patches`),
    ...(
      [
        ["a patch of nothing", { ResourceFilter: { TrafficDirection: "inbound" } }, "ResourceFilter.ResourceType"],
        ["no direction", { ResourceFilter: { ResourceType: "route" } }, "ResourceFilter.TrafficDirection"],
        [
          "services of the inbound listener",
          { ResourceFilter: { ...patch.ResourceFilter, TrafficDirection: "inbound", Services: [{ Name: "db" }] } },
          "ResourceFilter.Services",
        ],
        [
          "a list of one",
          {
            ResourceFilter: { ...patch.ResourceFilter, ResourceType: "route" },
            Path: "/request_headers_to_remove",
            Value: ["x-a"],
          },
          "Value",
        ],
        ["an unknown operation", { Op: "replace" }, "Op"],
        ["a value to remove", { Op: "remove" }, "Value"],
        ["a relative path", { Path: "connect_timeout" }, "Path"],
      ] as const
    ).map(([name, fields, place]) =>
      defaults.refused(
        name,
        withOne("property-override", { Patches: [{ ...patch, ...fields }, patch] }),
        `${at}Patches[0].${place}`,
      ),
    ),
    defaults.accepted("authorization by HTTP", withOne("ext-authz", { Config: { HttpService: target } })),
    defaults.accepted(
      "authorization by a service",
      withOne("ext-authz", { Config: { GrpcService: { Target: { Service: { Name: "authz" }, Timeout: "1s" } } } }),
    ),
    defaults.refused(
      "authorization by two",
      withOne("ext-authz", { Config: { HttpService: target, GrpcService: target } }),
      `${at}Config.GrpcService`,
    ),
    defaults.refused(
      "authorization elsewhere",
      withOne("ext-authz", { Config: { GrpcService: { Target: { URI: "10.0.0.1:9191" } } } }),
      `${at}Config.GrpcService.Target.URI`,
    ),
    defaults.refused(
      "authorization by nobody",
      withOne("ext-authz", { Config: { HttpService: { Target: {} } } }),
      `${at}Config.HttpService.Target.URI`,
    ),
    defaults.refused(
      "a timeout that is none",
      withOne("ext-authz", { Config: { HttpService: { Target: { ...target.Target, Timeout: "soon" } } } }),
      `${at}Config.HttpService.Target.Timeout`,
    ),
    defaults.refused(
      "authorization of an unknown listener",
      withOne("ext-authz", { ListenerType: "both", Config: { HttpService: target } }),
      `${at}ListenerType`,
    ),
    defaults.refused(
      "a header in two ways",
      withOne("ext-authz", {
        Config: {
          HttpService: {
            ...target,
            AuthorizationRequest: { AllowedHeaders: [{ Exact: "a", Prefix: "b" }, { Exact: "a" }] },
          },
        },
      }),
      `${at}Config.HttpService.AuthorizationRequest.AllowedHeaders[0]`,
    ),
    defaults.accepted("logs", withOne("otel-access-logging", { Config: { GrpcService: target } })),
    defaults.refused(
      "logs to nobody",
      withOne("otel-access-logging", { Config: {} }),
      `${at}Config.GrpcService.Target`,
    ),
    defaults.accepted("a module of a file", withOne("wasm", wasm({ Local: { Filename: "/a.wasm" } }))),
    defaults.accepted("a module to download", withOne("wasm", wasm({ Remote: download }))),
    defaults.refused("no module", withOne("wasm", wasm({})), `${at}PluginConfig.VmConfig.Code`),
    defaults.refused(
      "a module without a checksum",
      withOne("wasm", wasm({ Remote: { ...download, SHA256: "" } })),
      `${at}PluginConfig.VmConfig.Code.Remote.SHA256`,
    ),
    defaults.refused(
      "an unknown runtime",
      withOne("wasm", {
        ...wasm({}),
        PluginConfig: { VmConfig: { Runtime: "v9", Code: { Local: { Filename: "/a.wasm" } } } },
      }),
      `${at}PluginConfig.VmConfig.Runtime`,
    ),
    defaults.refused(
      "a module for gRPC",
      withOne("wasm", { ...wasm({ Local: { Filename: "/a.wasm" } }), Protocol: "grpc" }),
      `${at}Protocol`,
    ),
    defaults.accepted("a function", withOne("aws/lambda", { ARN: "arn:aws:lambda:us-east-1:111111111111:function:f" })),
    defaults.refused("no function", withOne("aws/lambda", {}), `${at}ARN`),
  ];
}

const serviceDefaults: readonly EntryCase[] = [
  defaults.accepted("nothing", {}),
  defaults.accepted("everything", {
    Protocol: "GRPC",
    BalanceInboundConnections: "exact_balance",
    MutualTLSMode: "strict",
    MaxInboundConnections: 1,
    UpstreamConfig: {
      Defaults: { Limits: { MaxConnections: 0 } },
      Overrides: [
        {
          Name: "db",
          PassiveHealthCheck: { Interval: "10s", MaxFailures: 3, EnforcingConsecutive5xx: 100, MaxEjectionPercent: 0 },
        },
      ],
    },
  }),
  defaults.refused("no name", { Name: "" }, "Name"),
  defaults.refused("the name of all", { Name: "*" }, "Name"),
  defaults.refused("an unknown protocol", { Protocol: "udp" }, "Protocol"),
  defaults.refused("an unknown balance", { BalanceInboundConnections: "some" }, "BalanceInboundConnections"),
  defaults.refused("an unknown mode of TLS", { MutualTLSMode: "none" }, "MutualTLSMode"),
  defaults.refused("an override without a name", { UpstreamConfig: { Overrides: [{}] } }, `${inOverride}Name`),
  defaults.refused("an override for all", { UpstreamConfig: { Overrides: [{ Name: "*" }] } }, `${inOverride}Name`),
  defaults.refused(
    "defaults with a name",
    { UpstreamConfig: { Defaults: { Name: "db" } } },
    "UpstreamConfig.Defaults.Name",
  ),
  defaults.refused(
    "a negative limit",
    { UpstreamConfig: upstream({ Limits: { MaxPendingRequests: -1 } }) },
    `${inOverride}Limits.MaxPendingRequests`,
  ),
  defaults.refused(
    "a negative interval",
    { UpstreamConfig: upstream({ PassiveHealthCheck: { Interval: "-10s" } }) },
    `${inOverride}PassiveHealthCheck.Interval`,
  ),
  defaults.refused(
    "a negative ejection",
    { UpstreamConfig: upstream({ PassiveHealthCheck: { BaseEjectionTime: "-1s" } }) },
    `${inOverride}PassiveHealthCheck.BaseEjectionTime`,
  ),
  defaults.refused(
    "101 percent",
    { UpstreamConfig: upstream({ PassiveHealthCheck: { MaxEjectionPercent: 101 } }) },
    `${inOverride}PassiveHealthCheck.MaxEjectionPercent`,
  ),
  defaults.refused(
    "-1 percent",
    { UpstreamConfig: upstream({ PassiveHealthCheck: { EnforcingConsecutive5xx: -1 } }) },
    `${inOverride}PassiveHealthCheck.EnforcingConsecutive5xx`,
  ),
  defaults.refused(
    "an unknown balance of an upstream",
    { UpstreamConfig: upstream({ BalanceOutboundConnections: "some" }) },
    `${inOverride}BalanceOutboundConnections`,
  ),
  defaults.refused(
    "a time that is none",
    { UpstreamConfig: upstream({ PassiveHealthCheck: { Interval: "10 seconds" } }) },
    `${inOverride}PassiveHealthCheck.Interval`,
  ),
  defaults.refused(
    "an empty time",
    { UpstreamConfig: upstream({ PassiveHealthCheck: { Interval: "" } }) },
    `${inOverride}PassiveHealthCheck.Interval`,
  ),
  defaults.accepted("times", {
    UpstreamConfig: upstream({ PassiveHealthCheck: { Interval: "1m.5s", BaseEjectionTime: 0 } }),
  }),
  defaults.accepted("a destination", { Destination: { Addresses: ["10.0.0.1", "::1", "example.com"], Port: 443 } }),
  defaults.refused("a destination nowhere", { Destination: { Port: 443 } }, "Destination.Addresses"),
  defaults.refused(
    "a destination twice",
    { Destination: { Addresses: ["a", "a"], Port: 443 } },
    "Destination.Addresses",
  ),
  defaults.refused("a destination with *", { Destination: { Addresses: ["*.a"], Port: 443 } }, "Destination.Addresses"),
  defaults.refused("a destination without a port", { Destination: { Addresses: ["a"] } }, "Destination.Port"),
  defaults.refused(
    "a destination's port of 65536",
    { Destination: { Addresses: ["a"], Port: 65_536 } },
    "Destination.Port",
  ),
  defaults.refused(
    "a destination with upstreams",
    { Destination: { Addresses: ["a"], Port: 1 }, UpstreamConfig: {} },
    "UpstreamConfig",
  ),
  defaults.accepted("an extension", {
    EnvoyExtensions: [
      { Name: "builtin/lua", Arguments: { ProxyType: "connect-proxy", Listener: "inbound", Script: "x" } },
    ],
  }),
  ...extensionCases(),
  defaults.refused("an unknown extension", { EnvoyExtensions: [{ Name: "lua" }] }, "EnvoyExtensions[0].Name"),
  defaults.refused("an extension without a name", { EnvoyExtensions: [{}] }, "EnvoyExtensions[0].Name"),
  defaults.enterprise("rate limits", { RateLimits: { InstanceLevel: { RequestsPerSecond: 1 } } }),
  defaults.accepted("64 pairs of metadata", { Meta: manyPairs(64) }),
  defaults.refused("65 pairs of metadata", { Meta: manyPairs(65) }, "Meta"),
  defaults.refused("a long key", { Meta: { ["k".repeat(129)]: "v" } }, `Meta.${"k".repeat(129)}`),
  defaults.refused("a long value", { Meta: { k: "v".repeat(513) } }, "Meta.k"),
  defaults.ours(
    "a port that is no number",
    { Destination: { Addresses: ["a"], Port: 443 }, LocalConnectTimeoutMs: NaN },
    "LocalConnectTimeoutMs",
    "JSON has no NaN, so that it is 0",
  ),
];

const proxy = casesOf<consul.ProxyConfigEntry>("proxy-defaults");
const proxyDefaults: readonly EntryCase[] = [
  proxy.accepted("everything", {
    Name: "global",
    Config: { protocol: "http", envoy_hcp_metrics_bind_socket_dir: "/tmp" },
    AccessLogs: { Enabled: true, Type: "file", Path: "/x", JSONFormat: "{}" },
  }),
  proxy.refused("another name", { Name: "all" }, "Name"),
  proxy.refused("logs nowhere", { Name: "global", AccessLogs: { Type: "file" } }, "AccessLogs.Path"),
  proxy.refused("a path of stdout", { Name: "global", AccessLogs: { Type: "stdout", Path: "/x" } }, "AccessLogs.Path"),
  proxy.refused("unknown logs", { Name: "global", AccessLogs: { Type: "syslog" } }, "AccessLogs.Type"),
  proxy.refused(
    "two formats",
    { Name: "global", AccessLogs: { JSONFormat: "{}", TextFormat: "x" } },
    "AccessLogs.TextFormat",
  ),
  proxy.refused("a bad format", { Name: "global", AccessLogs: { JSONFormat: "{" } }, "AccessLogs.JSONFormat"),
  proxy.refused(
    "a long folder",
    { Name: "global", Config: { envoy_hcp_metrics_bind_socket_dir: "x".repeat(71) } },
    "Config.envoy_hcp_metrics_bind_socket_dir",
  ),
  proxy.refused("an unknown failover", { Name: "global", FailoverPolicy: { Mode: "random" } }, "FailoverPolicy.Mode"),
  proxy.accepted("a failover", { Name: "global", FailoverPolicy: { Mode: "sequential" } }),
  proxy.refused("an unknown mode of TLS", { Name: "global", MutualTLSMode: "none" }, "MutualTLSMode"),
  proxy.enterprise("locality", { Name: "global", PrioritizeByLocality: { Mode: "failover" } }),
];

const mesh = casesOf<consul.MeshConfigEntry>("mesh");
const meshEntries: readonly EntryCase[] = [
  mesh.accepted("everything", {
    TLS: {
      Incoming: {
        TLSMinVersion: "TLSv1_2",
        TLSMaxVersion: "TLSv1_3",
        CipherSuites: ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
      },
      Outgoing: { TLSMinVersion: "TLS_AUTO" },
    },
    HTTP: {
      Incoming: {
        RequestNormalization: { PathWithEscapedSlashesAction: "REJECT_REQUEST", HeadersWithUnderscoresAction: "ALLOW" },
      },
    },
  }),
  mesh.refused("an unknown version", { TLS: { Incoming: { TLSMinVersion: "1.2" } } }, "TLS.Incoming.TLSMinVersion"),
  mesh.refused(
    "versions in the wrong order",
    { TLS: { Outgoing: { TLSMinVersion: "TLSv1_3", TLSMaxVersion: "TLSv1_2" } } },
    "TLS.Outgoing.TLSMaxVersion",
  ),
  mesh.refused(
    "an unknown cipher suite",
    { TLS: { Incoming: { CipherSuites: ["AES"] } } },
    "TLS.Incoming.CipherSuites",
  ),
  mesh.refused(
    "cipher suites of TLS 1.3",
    { TLS: { Incoming: { TLSMinVersion: "TLSv1_3", CipherSuites: ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"] } } },
    "TLS.Incoming.CipherSuites",
  ),
  mesh.refused(
    "an unknown action for slashes",
    { HTTP: { Incoming: { RequestNormalization: { PathWithEscapedSlashesAction: "DROP" } } } },
    "HTTP.Incoming.RequestNormalization.PathWithEscapedSlashesAction",
  ),
  mesh.refused(
    "an unknown action for underscores",
    { HTTP: { Incoming: { RequestNormalization: { HeadersWithUnderscoresAction: "DROP" } } } },
    "HTTP.Incoming.RequestNormalization.HeadersWithUnderscoresAction",
  ),
];

const intentions = casesOf<consul.ServiceIntentionsConfigEntry>("service-intentions");
const allowed = (
  fields: consul.IntentionHTTPPermission,
  other: consul.IntentionPermission = {},
): consul.ServiceIntentionsConfigEntry["Sources"] => [
  { Name: "web", Permissions: [{ Action: "allow", HTTP: fields, ...other }] },
];
const inPermission = "Sources[0].Permissions[0].";
const inHttp = `${inPermission}HTTP.`;
const serviceIntentions: readonly EntryCase[] = [
  intentions.accepted("an action", {
    Sources: [
      { Name: "web", Action: "allow" },
      { Name: "*", Action: "deny" },
    ],
  }),
  intentions.accepted("all services", { Name: "*", Sources: [{ Name: "web", Action: "deny" }] }),
  intentions.refused("no name", { Name: "", Sources: [{ Name: "web", Action: "allow" }] }, "Name"),
  intentions.refused("a pattern", { Name: "web-*", Sources: [{ Name: "web", Action: "allow" }] }, "Name"),
  intentions.refused("a pattern of sources", { Sources: [{ Name: "web-*", Action: "allow" }] }, "Sources[0].Name"),
  intentions.refused("no sources", {}, "Sources"),
  intentions.refused("a source without a name", { Sources: [{ Action: "allow" }] }, "Sources[0].Name"),
  intentions.refused("no action", { Sources: [{ Name: "web" }] }, "Sources[0].Action"),
  intentions.refused("no permissions", { Sources: [{ Name: "web", Permissions: [] }] }, "Sources[0].Action"),
  intentions.refused("an unknown action", { Sources: [{ Name: "web", Action: "permit" }] }, "Sources[0].Action"),
  intentions.refused(
    "an action beside permissions",
    { Sources: [{ Name: "web", Action: "allow", Permissions: [{ Action: "allow", HTTP: { PathPrefix: "/" } }] }] },
    "Sources[0].Action",
  ),
  intentions.refused(
    "a source twice",
    {
      Sources: [
        { Name: "web", Action: "allow" },
        { Name: "web", Action: "deny" },
      ],
    },
    "Sources[1].Name",
  ),
  intentions.accepted("a source here and of a peer", {
    Sources: [
      { Name: "web", Action: "allow" },
      { Name: "web", Peer: "eu", Action: "allow" },
    ],
  }),
  intentions.refused("all peers", { Sources: [{ Name: "web", Peer: "*", Action: "allow" }] }, "Sources[0].Peer"),
  intentions.refused(
    "a peer and a partition",
    { Sources: [{ Name: "web", Peer: "eu", Partition: "a", Action: "allow" }] },
    "Sources[0].Partition",
  ),
  intentions.enterprise("a sameness group", { Sources: [{ Name: "web", SamenessGroup: "eu", Action: "allow" }] }),
  intentions.refused(
    "a long description",
    { Sources: [{ Name: "web", Action: "allow", Description: "x".repeat(513) }] },
    "Sources[0].Description",
  ),
  intentions.refused(
    "an unknown type",
    { Sources: [{ Name: "web", Action: "allow", Type: "nomad" }] },
    "Sources[0].Type",
  ),
  intentions.refused(
    "permissions for all services",
    { Name: "*", Sources: allowed({ PathPrefix: "/" }) },
    "Sources[0].Permissions",
  ),
  intentions.refused(
    "no requests",
    { Sources: [{ Name: "web", Permissions: [{ Action: "allow" }] }] },
    `${inPermission}HTTP`,
  ),
  intentions.refused("a permission without a condition", { Sources: allowed({}) }, `${inPermission}HTTP`),
  intentions.refused(
    "a permission without an action",
    { Sources: allowed({ PathPrefix: "/" }, { Action: undefined }) },
    `${inPermission}Action`,
  ),
  intentions.refused("a path without a slash", { Sources: allowed({ PathExact: "v1" }) }, `${inHttp}PathExact`),
  intentions.refused("a prefix without a slash", { Sources: allowed({ PathPrefix: "v1" }) }, `${inHttp}PathPrefix`),
  intentions.refused("two paths", { Sources: allowed({ PathExact: "/a", PathRegex: "b" }) }, `${inHttp}PathRegex`),
  intentions.accepted("any pattern of paths", { Sources: allowed({ PathRegex: "(" }) }),
  intentions.accepted("a header", {
    Sources: allowed({ Header: [{ Name: "x", Contains: "y", IgnoreCase: true, Invert: true }] }),
  }),
  intentions.refused(
    "a header without a name",
    { Sources: allowed({ Header: [{ Present: true }] }) },
    `${inHttp}Header[0].Name`,
  ),
  intentions.refused(
    "a header without a condition",
    { Sources: allowed({ Header: [{ Name: "x" }] }) },
    `${inHttp}Header[0].Present`,
  ),
  intentions.refused(
    "a header with two conditions",
    { Sources: allowed({ Header: [{ Name: "x", Exact: "a", Regex: "b" }] }) },
    `${inHttp}Header[0].Regex`,
  ),
  intentions.refused(
    "any case of a pattern",
    { Sources: allowed({ Header: [{ Name: "x", Regex: "b", IgnoreCase: true }] }) },
    `${inHttp}Header[0].IgnoreCase`,
  ),
  intentions.accepted("methods", { Sources: allowed({ Methods: ["get", "POST", "TRACE"] }) }),
  intentions.refused("an unknown method", { Sources: allowed({ Methods: ["FETCH"] }) }, `${inHttp}Methods`),
  intentions.refused("a method twice", { Sources: allowed({ Methods: ["GET", "get"] }) }, `${inHttp}Methods`),
  intentions.refused(
    "a JWT of nobody",
    { Sources: allowed({ PathPrefix: "/" }, { JWT: { Providers: [{}] } }) },
    `${inPermission}JWT.Providers[0].Name`,
  ),
  intentions.refused(
    "a JWT of nobody for all requests",
    { Sources: [{ Name: "web", Action: "allow" }], JWT: { Providers: [{ Name: "" }] } },
    "JWT.Providers[0].Name",
  ),
];

const resolver = casesOf<consul.ServiceResolverConfigEntry>("service-resolver");
const subsets = { v1: { Filter: 'Service.Meta.version == "v1"' }, v2: {} };
const filtered = (Filter: string): consul.ServiceResolverConfigEntry["Subsets"] => ({ v1: { Filter } });
const hashed = (HashPolicy: consul.HashPolicy): consul.LoadBalancer => ({
  Policy: "maglev",
  HashPolicies: [HashPolicy],
});
const inTarget = 'Failover["*"].Targets[0].';
const inHash = "LoadBalancer.HashPolicies[0].";
const serviceResolvers: readonly EntryCase[] = [
  resolver.accepted("subsets", { Subsets: subsets, DefaultSubset: "v1", ConnectTimeout: "5s", RequestTimeout: 0 }),
  resolver.refused("no name", { Name: "" }, "Name"),
  ...["V1", "-a", "a_b", "a".repeat(64), ""].map((name) =>
    resolver.refused(
      `the subset ${JSON.stringify(name)}`,
      { Subsets: { [name]: {} } },
      `Subsets[${JSON.stringify(name)}].name`,
    ),
  ),
  ...[
    "Service.Meta.version == v1",
    'Service.Meta["a b"] != "x" and ("canary" in Service.Tags or not ("x" not in Service.Tags))',
    "Service.Tags is not empty",
    "Service.Tags is empty",
    "Service.Port == 80",
    "Service.Meta contains `a`",
    'Service.Meta.version matches "^v[0-9]+$"',
    "not not a == 1",
    " a == 1 ",
    "a==1 and b==2 or c==3",
    'a == `x"y`',
    'a == "x\\\\y\\u00e9"',
  ].map((filter) => resolver.accepted(`the filter ${filter}`, { Subsets: filtered(filter) })),
  ...[
    "v1",
    "Service.Meta.version = v1",
    "Service.Meta.version ==",
    'Service.Meta.version == "v1',
    "(a == 1",
    "a == 1)",
    "a == 1 and",
    "a == 1 && b == 2",
    "a is full",
    "1a == 2",
    "a in 1",
    "a == 01",
    "a[b] == 1",
    "not",
    'a == "x\\"y"',
    'a == "\\q"',
  ].map((filter) => resolver.refused(`the filter ${filter}`, { Subsets: filtered(filter) }, 'Subsets["v1"].Filter')),
  resolver.refused("an unknown default", { DefaultSubset: "v1" }, "DefaultSubset"),
  resolver.refused("a negative time to connect", { ConnectTimeout: "-5s" }, "ConnectTimeout"),
  resolver.refused("a negative time of requests", { RequestTimeout: -1 }, "RequestTimeout"),
  resolver.refused("a time that is none", { RequestTimeout: "5" }, "RequestTimeout"),
  resolver.accepted("a redirect", { Redirect: { Service: "db", ServiceSubset: "v1" } }),
  resolver.accepted("a redirect to another datacenter", { Redirect: { Datacenter: "dc2" } }),
  resolver.refused("a redirect nowhere", { Redirect: {} }, "Redirect"),
  resolver.refused(
    "a redirect with failover",
    { Redirect: { Service: "db" }, Failover: { "*": { Service: "db2" } } },
    "Redirect",
  ),
  resolver.refused(
    "a redirect to a subset of nothing",
    { Redirect: { ServiceSubset: "v1" } },
    "Redirect.ServiceSubset",
  ),
  resolver.refused("a redirect to a peer's nothing", { Redirect: { Peer: "eu" } }, "Redirect.Peer"),
  resolver.refused(
    "a redirect to an unknown subset of its own",
    { Redirect: { Service: "case", ServiceSubset: "v1" } },
    "Redirect.ServiceSubset",
  ),
  resolver.refused(
    "a redirect to a peer's subset",
    { Redirect: { Service: "db", Peer: "eu", ServiceSubset: "v1" } },
    "Redirect.ServiceSubset",
  ),
  resolver.refused(
    "a redirect to a peer's datacenter",
    { Redirect: { Service: "db", Peer: "eu", Datacenter: "dc2" } },
    "Redirect.Datacenter",
  ),
  resolver.enterprise("a redirect to a namespace", { Redirect: { Service: "db", Namespace: "a" } }),
  resolver.accepted("failover", {
    Subsets: subsets,
    Failover: {
      v1: { Datacenters: ["dc2"] },
      "*": { Targets: [{ Service: "db" }, { Peer: "eu" }, { ServiceSubset: "v2" }] },
    },
  }),
  resolver.refused("failover of an unknown subset", { Failover: { v1: { Service: "db" } } }, 'Failover["v1"].subset'),
  resolver.refused("failover nowhere", { Failover: { "*": {} } }, 'Failover["*"].Targets'),
  resolver.refused(
    "failover to an unknown subset",
    { Failover: { "*": { ServiceSubset: "v1" } } },
    'Failover["*"].ServiceSubset',
  ),
  resolver.accepted("failover to another service's subset", {
    Failover: { "*": { Service: "db", ServiceSubset: "v1" } },
  }),
  resolver.refused(
    "failover to an empty datacenter",
    { Failover: { "*": { Datacenters: [""] } } },
    'Failover["*"].Datacenters',
  ),
  resolver.refused(
    "failover to targets and datacenters",
    { Failover: { "*": { Datacenters: ["dc2"], Targets: [{ Service: "db" }] } } },
    'Failover["*"].Datacenters',
  ),
  resolver.refused(
    "failover to targets and a service",
    { Failover: { "*": { Service: "db", Targets: [{ Service: "db" }] } } },
    'Failover["*"].Service',
  ),
  resolver.refused(
    "failover to targets and a subset",
    { Subsets: subsets, Failover: { "*": { ServiceSubset: "v1", Targets: [{ Service: "db" }] } } },
    'Failover["*"].ServiceSubset',
  ),
  resolver.refused(
    "failover to a peer's subset",
    { Failover: { "*": { Targets: [{ Peer: "eu", ServiceSubset: "v1" }] } } },
    `${inTarget}ServiceSubset`,
  ),
  resolver.refused(
    "failover to a peer's datacenter",
    { Failover: { "*": { Targets: [{ Peer: "eu", Datacenter: "dc2" }] } } },
    `${inTarget}Datacenter`,
  ),
  resolver.refused(
    "failover to an unknown subset of its own",
    { Failover: { "*": { Targets: [{ ServiceSubset: "v1" }] } } },
    `${inTarget}ServiceSubset`,
  ),
  resolver.enterprise("failover by locality", {
    Failover: { "*": { Service: "db", Policy: { Mode: "order-by-locality" } } },
  }),
  resolver.refused(
    "an unknown failover policy",
    { Failover: { "*": { Service: "db", Policy: { Mode: "random" } } } },
    'Failover["*"].Policy.Mode',
  ),
  resolver.accepted("a balance", { LoadBalancer: { Policy: "least_request", LeastRequestConfig: { ChoiceCount: 2 } } }),
  resolver.accepted("a ring", {
    LoadBalancer: {
      Policy: "ring_hash",
      RingHashConfig: { MinimumRingSize: 1 },
      HashPolicies: [{ SourceIP: true }, { Field: "cookie", FieldValue: "x", CookieConfig: { TTL: "1h" } }],
    },
  }),
  resolver.refused("an unknown balance", { LoadBalancer: { Policy: "first" } }, "LoadBalancer.Policy"),
  resolver.refused(
    "a ring without a ring",
    { LoadBalancer: { Policy: "random", RingHashConfig: {} } },
    "LoadBalancer.RingHashConfig",
  ),
  resolver.refused(
    "choices without a choice",
    { LoadBalancer: { LeastRequestConfig: {} } },
    "LoadBalancer.LeastRequestConfig",
  ),
  resolver.refused(
    "hashes without a hash",
    { LoadBalancer: { Policy: "random", HashPolicies: [{ SourceIP: true }] } },
    "LoadBalancer.HashPolicies",
  ),
  resolver.refused(
    "a hash of an unknown field",
    { LoadBalancer: hashed({ Field: "body", FieldValue: "x" }) },
    `${inHash}Field`,
  ),
  resolver.refused(
    "a hash of two things",
    { LoadBalancer: hashed({ SourceIP: true, Field: "header", FieldValue: "x" }) },
    `${inHash}SourceIP`,
  ),
  resolver.refused(
    "a hash of the source and a value",
    { LoadBalancer: hashed({ SourceIP: true, FieldValue: "x" }) },
    `${inHash}SourceIP`,
  ),
  resolver.refused(
    "a hash of a field without a value",
    { LoadBalancer: hashed({ Field: "header" }) },
    `${inHash}FieldValue`,
  ),
  resolver.refused(
    "a hash of a value without a field",
    { LoadBalancer: hashed({ FieldValue: "x" }) },
    `${inHash}Field`,
  ),
  resolver.refused(
    "a cookie of a header",
    { LoadBalancer: hashed({ Field: "header", FieldValue: "x", CookieConfig: {} }) },
    `${inHash}CookieConfig`,
  ),
  resolver.refused(
    "a session with an end",
    { LoadBalancer: hashed({ Field: "cookie", FieldValue: "x", CookieConfig: { Session: true, TTL: "1h" } }) },
    `${inHash}CookieConfig.TTL`,
  ),
  resolver.accepted("a session", {
    LoadBalancer: hashed({ Field: "cookie", FieldValue: "x", CookieConfig: { Session: true, TTL: "0s" } }),
  }),
];

const splitter = casesOf<consul.ServiceSplitterConfigEntry>("service-splitter");
const weights = (...list: readonly number[]): consul.ServiceSplitterConfigEntry["Splits"] =>
  list.map((Weight, index) => ({ Weight, Service: index === 0 ? undefined : `other-${index}` }));
const serviceSplitters: readonly EntryCase[] = [
  splitter.accepted("100", { Splits: weights(100) }),
  splitter.accepted("8.04 and the rest", { Splits: weights(8.04, 91.96) }),
  splitter.accepted("thirds", { Splits: weights(33.33, 33.33, 33.34) }),
  splitter.refused("no name", { Name: "", Splits: weights(100) }, "Name"),
  splitter.refused("no splits", { Splits: [] }, "Splits"),
  splitter.refused("99", { Splits: weights(90, 9) }, "Splits"),
  splitter.refused("100.01", { Splits: weights(50, 50.01) }, "Splits"),
  splitter.refused("fine thirds, which round to 99.99", { Splits: weights(33.333, 33.333, 33.334) }, "Splits"),
  splitter.ours(
    "a weight that is too fine",
    { Splits: weights(49.999, 50.001) },
    "Splits[0].Weight",
    "it rounds to 50",
  ),
  splitter.ours("a negative weight", { Splits: weights(-50, 150) }, "Splits[0].Weight", "it only adds the weights up"),
  splitter.refused(
    "a service twice",
    { Splits: [{ Weight: 50 }, { Weight: 50, Service: "case" }] },
    "Splits[1].Service",
  ),
  splitter.accepted("a service twice with other headers", {
    Splits: [{ Weight: 50 }, { Weight: 50, RequestHeaders: { Set: { a: "b" } } }],
  }),
];

const router = casesOf<consul.ServiceRouterConfigEntry>("service-router");
const route = (
  HTTP: consul.ServiceRouteHTTPMatch,
  Destination?: consul.ServiceRouteDestination,
): consul.ServiceRouterConfigEntry["Routes"] => [{ Match: { HTTP }, Destination }];
const inMatch = "Routes[0].Match.HTTP.";
const serviceRouters: readonly EntryCase[] = [
  router.accepted("no routes", {}),
  router.accepted("a route", {
    Routes: route(
      {
        PathPrefix: "/v1",
        Methods: ["get"],
        Header: [{ Name: "a", Present: true }],
        QueryParam: [{ Name: "b", Regex: "c" }],
      },
      { Service: "case", PrefixRewrite: "/", RetryOn: ["5xx"], RequestTimeout: "1s" },
    ),
  }),
  router.refused("no name", { Name: "" }, "Name"),
  router.refused("a path without a slash", { Routes: route({ PathExact: "v1" }) }, `${inMatch}PathExact`),
  router.refused("a prefix without a slash", { Routes: route({ PathPrefix: "v1" }) }, `${inMatch}PathPrefix`),
  router.refused("two paths", { Routes: route({ PathPrefix: "/a", PathExact: "/b" }) }, `${inMatch}PathPrefix`),
  router.refused(
    "a header without a name",
    { Routes: route({ Header: [{ Present: true }] }) },
    `${inMatch}Header[0].Name`,
  ),
  router.refused(
    "a header without a condition",
    { Routes: route({ Header: [{ Name: "a" }] }) },
    `${inMatch}Header[0].Present`,
  ),
  router.refused(
    "a header with two conditions",
    { Routes: route({ Header: [{ Name: "a", Exact: "b", Prefix: "c" }] }) },
    `${inMatch}Header[0].Prefix`,
  ),
  router.refused(
    "a parameter without a name",
    { Routes: route({ QueryParam: [{ Present: true }] }) },
    `${inMatch}QueryParam[0].Name`,
  ),
  router.refused(
    "a parameter without a condition",
    { Routes: route({ QueryParam: [{ Name: "a" }] }) },
    `${inMatch}QueryParam[0].Present`,
  ),
  router.refused(
    "a parameter with two conditions",
    { Routes: route({ QueryParam: [{ Name: "a", Exact: "b", Regex: "c" }] }) },
    `${inMatch}QueryParam[0].Regex`,
  ),
  router.refused("an unknown method", { Routes: route({ Methods: ["FETCH"] }) }, `${inMatch}Methods`),
  router.refused("a method twice", { Routes: route({ Methods: ["GET", "get"] }) }, `${inMatch}Methods`),
  router.refused(
    "a rewrite of no path",
    { Routes: route({ PathRegex: "/a" }, { PrefixRewrite: "/" }) },
    "Routes[0].Destination.PrefixRewrite",
  ),
  router.refused(
    "an unknown reason to retry",
    { Routes: route({}, { RetryOn: ["404"] }) },
    "Routes[0].Destination.RetryOn",
  ),
  router.refused(
    "a time that is none",
    { Routes: route({}, { IdleTimeout: "soon" }) },
    "Routes[0].Destination.IdleTimeout",
  ),
];

const ingress = casesOf<consul.IngressGatewayConfigEntry>("ingress-gateway");
const listener = (
  fields: consul.IngressListener,
  gateway: Omit<consul.IngressGatewayConfigEntry, "Kind"> = {},
): Omit<consul.IngressGatewayConfigEntry, "Kind"> => ({
  Name: "ingress",
  Listeners: [{ Port: 80, Protocol: "http", Services: [{ Name: "*" }], ...fields }],
  ...gateway,
});
const inListener = "Listeners[0].";
const inIngressService = `${inListener}Services[0].`;
const sds = (ClusterName?: string, CertResource?: string) => ({ SDS: { ClusterName, CertResource } });
const ingressGateways: readonly EntryCase[] = [
  ingress.accepted("no listeners", { Name: "ingress" }),
  ingress.accepted("a listener", listener({})),
  ingress.accepted("a tcp listener", listener({ Protocol: undefined, Services: [{ Name: "tcp-service" }] })),
  ingress.refused(
    "two listeners at one port",
    {
      Name: "ingress",
      Listeners: [
        { Port: 80, Protocol: "http", Services: [{ Name: "*" }] },
        { Port: 80, Protocol: "http", Services: [{ Name: "*" }] },
      ],
    },
    "Listeners[1].Port",
  ),
  ingress.refused("an unknown protocol", listener({ Protocol: "udp" }), `${inListener}Protocol`),
  ingress.refused("no services", listener({ Services: [] }), `${inListener}Services`),
  ingress.refused(
    "two services of a tcp listener",
    listener({ Protocol: "tcp", Services: [{ Name: "a" }, { Name: "b" }] }),
    `${inListener}Services`,
  ),
  ingress.refused("all services of a tcp listener", listener({ Protocol: "tcp" }), `${inIngressService}Name`),
  ingress.refused(
    "hosts of a tcp listener",
    listener({ Protocol: "tcp", Services: [{ Name: "a", Hosts: ["b"] }] }),
    `${inIngressService}Hosts`,
  ),
  ingress.refused(
    "headers of a tcp listener",
    listener({ Protocol: "tcp", Services: [{ Name: "a", RequestHeaders: { Set: { a: "b" } } }] }),
    `${inIngressService}RequestHeaders`,
  ),
  ingress.refused("a service without a name", listener({ Services: [{}] }), `${inIngressService}Name`),
  ingress.refused(
    "hosts of all services",
    listener({ Services: [{ Name: "*", Hosts: ["a"] }] }),
    `${inIngressService}Hosts`,
  ),
  ingress.refused(
    "a service twice",
    listener({ Services: [{ Name: "*" }, { Name: "*" }] }),
    `${inListener}Services[1].Name`,
  ),
  ingress.refused(
    "a host twice",
    listener({
      Services: [
        { Name: "http-service", Hosts: ["a"] },
        { Name: "http-service-2", Hosts: ["a"] },
      ],
    }),
    `${inListener}Services[1].Hosts`,
  ),
  ingress.accepted("hosts", listener({ Services: [{ Name: "http-service", Hosts: ["*.example.com", "a:80"] }] })),
  ingress.refused(
    "a * inside a host",
    listener({ Services: [{ Name: "http-service", Hosts: ["a.*.com"] }] }),
    `${inIngressService}Hosts`,
  ),
  ingress.refused(
    "a host with two dots",
    listener({ Services: [{ Name: "http-service", Hosts: ["a..com"] }] }),
    `${inIngressService}Hosts`,
  ),
  ingress.accepted("every host", listener({ Services: [{ Name: "http-service", Hosts: ["*"] }] })),
  ingress.refused(
    "every host with TLS",
    listener({ Services: [{ Name: "http-service", Hosts: ["*"] }] }, { TLS: { Enabled: true } }),
    `${inIngressService}Hosts`,
  ),
  ingress.refused("an unknown version of TLS", listener({}, { TLS: { TLSMinVersion: "1" } }), "TLS.TLSMinVersion"),
  ingress.refused(
    "an unknown version of a listener's TLS",
    listener({ TLS: { TLSMaxVersion: "1" } }),
    `${inListener}TLS.TLSMaxVersion`,
  ),
  ingress.accepted("certificates from elsewhere", listener({ TLS: sds("a", "b") })),
  ingress.refused(
    "a certificate from nowhere",
    listener({}, { TLS: sds(undefined, "b") }),
    `${inIngressService}TLS.SDS.ClusterName`,
  ),
  ingress.refused(
    "no certificate from elsewhere",
    listener({}, { TLS: sds("a") }),
    `${inIngressService}TLS.SDS.CertResource`,
  ),
  ingress.refused(
    "no certificate of a listener",
    listener({ TLS: sds("a") }),
    `${inIngressService}TLS.SDS.CertResource`,
  ),
  ingress.refused(
    "a listener's certificate from nowhere",
    listener({ TLS: sds(undefined, "b") }),
    `${inIngressService}TLS.SDS.ClusterName`,
  ),
  ingress.refused(
    "a service's certificate from nowhere",
    listener({ Services: [{ Name: "http-service", Hosts: ["a"], TLS: sds(undefined, "b") }] }),
    `${inIngressService}TLS.SDS.ClusterName`,
  ),
  ingress.refused(
    "a service's certificate for no host",
    listener({ Services: [{ Name: "http-service", TLS: sds("a", "b") }] }),
    `${inIngressService}TLS.SDS.CertResource`,
  ),
];

const terminating = casesOf<consul.TerminatingGatewayConfigEntry>("terminating-gateway");
const terminatingGateways: readonly EntryCase[] = [
  terminating.accepted("services", {
    Name: "terminating",
    Services: [
      { Name: "a", CAFile: "/ca" },
      { Name: "b", CAFile: "/ca", CertFile: "/c", KeyFile: "/k" },
      { Name: "*" },
    ],
  }),
  terminating.refused("a service without a name", { Name: "terminating", Services: [{}] }, "Services[0].Name"),
  terminating.refused(
    "a service twice",
    { Name: "terminating", Services: [{ Name: "a" }, { Name: "a" }] },
    "Services[1].Name",
  ),
  terminating.refused(
    "a certificate without a key",
    { Name: "terminating", Services: [{ Name: "a", CAFile: "/ca", CertFile: "/c" }] },
    "Services[0].KeyFile",
  ),
  terminating.refused(
    "a certificate without an authority",
    { Name: "terminating", Services: [{ Name: "a", KeyFile: "/k", CertFile: "/c" }] },
    "Services[0].CAFile",
  ),
];

const api = casesOf<consul.APIGatewayConfigEntry>("api-gateway");
const apiListener = (fields: consul.APIGatewayListener): Omit<consul.APIGatewayConfigEntry, "Kind"> => ({
  Name: "api",
  Listeners: [{ Name: "one", Port: 80, Protocol: "http", ...fields }],
});
const twoListeners = (
  one: consul.APIGatewayListener,
  two: consul.APIGatewayListener,
): Omit<consul.APIGatewayConfigEntry, "Kind"> => ({
  Name: "api",
  Listeners: [
    { Name: "one", Port: 80, Protocol: "http", ...one },
    { Name: "two", Port: 80, Protocol: "http", ...two },
  ],
});
const apiGateways: readonly EntryCase[] = [
  api.accepted(
    "a listener",
    apiListener({
      Protocol: "HTTP",
      Hostname: "*.example.com",
      TLS: { Certificates: [{ Name: "c" }], MinVersion: "TLSv1_2" },
    }),
  ),
  api.refused("no listeners", { Name: "api" }, "Listeners"),
  api.refused("a listener without a name", apiListener({ Name: "" }), "Listeners[0].Name"),
  api.refused("a listener in capitals", apiListener({ Name: "One" }), "Listeners[0].Name"),
  api.refused("a name twice", twoListeners({}, { Name: "one" }), "Listeners[1].Name"),
  api.accepted("two listeners at one port", twoListeners({}, {})),
  api.refused("two protocols at one port", twoListeners({}, { Protocol: "tcp" }), "Listeners[1].Port"),
  api.refused("two hosts at one port", twoListeners({ Hostname: "a" }, { Hostname: "b" }), "Listeners[1].Port"),
  api.refused("an unknown protocol", apiListener({ Protocol: "grpc" }), "Listeners[0].Protocol"),
  api.refused("no protocol", apiListener({ Protocol: undefined }), "Listeners[0].Protocol"),
  api.refused("a host of a tcp listener", apiListener({ Protocol: "tcp", Hostname: "a" }), "Listeners[0].Hostname"),
  api.refused("port 0", apiListener({ Port: 0 }), "Listeners[0].Port"),
  api.refused("port 65536", apiListener({ Port: 65_536 }), "Listeners[0].Port"),
  api.refused("every host, by a *", apiListener({ Hostname: "*" }), "Listeners[0].Hostname"),
  api.refused("a * inside a host", apiListener({ Hostname: "a.*" }), "Listeners[0].Hostname"),
  api.refused(
    "an unknown certificate",
    apiListener({ TLS: { Certificates: [{ Kind: "file", Name: "c" }] } }),
    "Listeners[0].TLS.Certificates[0].Kind",
  ),
  api.refused(
    "a certificate without a name",
    apiListener({ TLS: { Certificates: [{ Kind: "inline-certificate" }] } }),
    "Listeners[0].TLS.Certificates[0].Name",
  ),
  api.refused(
    "versions in the wrong order",
    apiListener({ TLS: { MinVersion: "TLSv1_3", MaxVersion: "TLSv1_2" } }),
    "Listeners[0].TLS.MaxVersion",
  ),
  api.enterprise("a JWT", apiListener({ Default: { JWT: { Providers: [{ Name: "a" }] } } })),
];

const httpRoute = casesOf<consul.HTTPRouteConfigEntry>("http-route");
const match = (fields: consul.HTTPMatch): Omit<consul.HTTPRouteConfigEntry, "Kind"> => ({
  Rules: [{ Matches: [fields] }],
});
const inRule = "Rules[0].Matches[0].";
const httpRoutes: readonly EntryCase[] = [
  httpRoute.accepted("nothing", {}),
  httpRoute.accepted("everything", {
    Parents: [{ Name: "api" }, { Name: "api", SectionName: "one" }],
    Hostnames: ["example.com"],
    Rules: [
      {
        Matches: [
          {
            Method: "get",
            Path: { Match: "prefix", Value: "/" },
            Headers: [{ Match: "suffix", Name: "a", Value: "b" }],
            Query: [{ Match: "present", Name: "a" }],
          },
        ],
        Services: [{ Name: "http-service", Weight: 2 }],
      },
    ],
  }),
  httpRoute.refused("a host with *", { Hostnames: ["*.example.com"] }, "Hostnames"),
  httpRoute.refused("a host with two dots", { Hostnames: ["a..b"] }, "Hostnames"),
  httpRoute.refused("an unknown parent", { Parents: [{ Kind: "ingress-gateway", Name: "a" }] }, "Parents[0].Kind"),
  httpRoute.refused(
    "a parent twice",
    { Parents: [{ Name: "a" }, { Name: "a", Kind: "api-gateway" }] },
    "Parents[1].Name",
  ),
  httpRoute.refused("an unknown method", match({ Method: "FETCH" }), `${inRule}Method`),
  httpRoute.refused(
    "an unknown match of a path",
    match({ Path: { Match: "suffix", Value: "/" } }),
    `${inRule}Path.Match`,
  ),
  httpRoute.refused("a path without a slash", match({ Path: { Match: "exact", Value: "a" } }), `${inRule}Path.Value`),
  httpRoute.refused("a path without a value", match({ Path: { Match: "prefix" } }), `${inRule}Path.Value`),
  httpRoute.accepted("any pattern of paths", match({ Path: { Match: "regex", Value: "(" } })),
  httpRoute.refused("a header without a name", match({ Headers: [{ Match: "present" }] }), `${inRule}Headers[0].Name`),
  httpRoute.refused(
    "an unknown match of a header",
    match({ Headers: [{ Match: "like", Name: "a" }] }),
    `${inRule}Headers[0].Match`,
  ),
  httpRoute.refused("no match of a header", match({ Headers: [{ Name: "a" }] }), `${inRule}Headers[0].Match`),
  httpRoute.refused("a parameter without a name", match({ Query: [{ Match: "present" }] }), `${inRule}Query[0].Name`),
  httpRoute.refused(
    "an unknown match of a parameter",
    match({ Query: [{ Match: "prefix", Name: "a" }] }),
    `${inRule}Query[0].Match`,
  ),
];

const tcpRoute = casesOf<consul.TCPRouteConfigEntry>("tcp-route");
const tcpRoutes: readonly EntryCase[] = [
  tcpRoute.accepted("a service", { Parents: [{ Name: "api" }], Services: [{ Name: "tcp-service" }] }),
  tcpRoute.refused("two services", { Services: [{ Name: "a" }, { Name: "b" }] }, "Services"),
  tcpRoute.refused("an unknown parent", { Parents: [{ Kind: "mesh", Name: "a" }] }, "Parents[0].Kind"),
  tcpRoute.refused("a parent twice", { Parents: [{ Name: "a" }, { Name: "a" }] }, "Parents[1].Name"),
];

const inline = casesOf<consul.InlineCertificateConfigEntry>("inline-certificate");
const [own, other, short] = [certificate(2048), certificate(2048), certificate(1024)];
const inlineCertificates: readonly EntryCase[] = [
  inline.accepted("a certificate", { Certificate: own.certificate, PrivateKey: own.key }),
  inline.refused("no certificate", { Certificate: "/etc/cert.pem", PrivateKey: own.key }, "Certificate"),
  inline.refused("no key", { Certificate: own.certificate, PrivateKey: "/etc/key.pem" }, "PrivateKey"),
  inline.refused("another certificate's key", { Certificate: own.certificate, PrivateKey: other.key }, "PrivateKey"),
  inline.refused("a short key", { Certificate: short.certificate, PrivateKey: short.key }, "PrivateKey"),
];

/** A certificate that signs itself, with its key in the older form. */
function certificate(bits: number): { readonly certificate: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), "meshform-certificate-"));
  try {
    const [key, cert, old] = ["key", "cert", "old"].map((name) => join(folder, name));
    const options = ["-nodes", "-subj", "/CN=example.com", "-days", "2", "-keyout", key, "-out", cert];
    execFileSync("openssl", ["req", "-x509", "-newkey", `rsa:${bits}`, ...options], { stdio: "ignore" });
    execFileSync("openssl", ["rsa", "-traditional", "-in", key, "-out", old], { stdio: "ignore" });
    return { certificate: readFileSync(cert, "utf8"), key: readFileSync(old, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const exported = casesOf<consul.ExportedServicesConfigEntry>("exported-services");
const exportedServices: readonly EntryCase[] = [
  exported.accepted("services", {
    Name: "default",
    Services: [
      { Name: "a", Consumers: [{ Peer: "eu" }] },
      { Name: "*", Consumers: [{ Peer: "us" }] },
    ],
  }),
  exported.refused(
    "a service without a name",
    { Name: "default", Services: [{ Consumers: [{ Peer: "eu" }] }] },
    "Services[0].Name",
  ),
  exported.refused("a service for nobody", { Name: "default", Services: [{ Name: "a" }] }, "Services[0].Consumers"),
  exported.refused(
    "a service for all peers",
    { Name: "default", Services: [{ Name: "a", Consumers: [{ Peer: "*" }] }] },
    "Services[0].Consumers[0].Peer",
  ),
  exported.refused(
    "a service for two at once",
    { Name: "default", Services: [{ Name: "a", Consumers: [{ Peer: "eu", Partition: "b" }] }] },
    "Services[0].Consumers[0].Partition",
  ),
  exported.ours(
    "a service of all namespaces",
    { Name: "default", Services: [{ Name: "a", Namespace: "*", Consumers: [{ Peer: "eu" }] }] },
    "Services[0].Name",
    "without namespaces, it drops them",
  ),
  exported.enterprise("another partition", { Name: "team" }),
  exported.accepted("a service for a partition, which there is not", {
    Name: "default",
    Services: [{ Name: "a", Consumers: [{ Partition: "b" }] }],
  }),
];

const jwt = casesOf<consul.JWTProviderConfigEntry>("jwt-provider");
const keySet = { Local: { JWKS: "e30=" } };
const remote = (fields: consul.RemoteJWKS): Omit<consul.JWTProviderConfigEntry, "Kind"> => ({
  JSONWebKeySet: { Remote: { URI: "https://example.com/keys", ...fields } },
});
const inRemote = "JSONWebKeySet.Remote.";
const jwtProviders: readonly EntryCase[] = [
  jwt.accepted("local keys", {
    JSONWebKeySet: keySet,
    Locations: [{ Header: { Name: "a" } }, { Cookie: { Name: "b" } }, { QueryParam: { Name: "c" } }],
    Forwarding: { HeaderName: "d" },
  }),
  jwt.accepted(
    "remote keys",
    remote({
      CacheDuration: "1m",
      JWKSCluster: { DiscoveryType: "STRICT_DNS", TLSCertificates: { TrustedCA: { Filename: "/ca" } } },
      RetryPolicy: { NumRetries: 1, RetryPolicyBackOff: { BaseInterval: "1s", MaxInterval: "10s" } },
    }),
  ),
  jwt.refused("no name", { Name: "", JSONWebKeySet: keySet }, "Name"),
  jwt.refused("no keys", {}, "JSONWebKeySet"),
  jwt.refused("keys nowhere", { JSONWebKeySet: {} }, "JSONWebKeySet"),
  jwt.refused(
    "keys here and there",
    { JSONWebKeySet: { ...keySet, Remote: { URI: "https://a" } } },
    "JSONWebKeySet.Remote",
  ),
  jwt.refused("no local keys", { JSONWebKeySet: { Local: {} } }, "JSONWebKeySet.Local"),
  jwt.refused(
    "local keys in two places",
    { JSONWebKeySet: { Local: { JWKS: "e30=", Filename: "/x" } } },
    "JSONWebKeySet.Local.Filename",
  ),
  jwt.refused("local keys as they are", { JSONWebKeySet: { Local: { JWKS: "{}" } } }, "JSONWebKeySet.Local.JWKS"),
  jwt.refused("remote keys without a URI", remote({ URI: "" }), `${inRemote}URI`),
  jwt.refused("remote keys at a name", remote({ URI: "example.com" }), `${inRemote}URI`),
  jwt.refused(
    "an unknown discovery",
    remote({ JWKSCluster: { DiscoveryType: "DNS" } }),
    `${inRemote}JWKSCluster.DiscoveryType`,
  ),
  jwt.refused(
    "no authority",
    remote({ JWKSCluster: { TLSCertificates: {} } }),
    `${inRemote}JWKSCluster.TLSCertificates`,
  ),
  jwt.refused(
    "an authority from nowhere",
    remote({ JWKSCluster: { TLSCertificates: { TrustedCA: {} } } }),
    `${inRemote}JWKSCluster.TLSCertificates.TrustedCA`,
  ),
  jwt.refused(
    "an authority from two places",
    remote({ JWKSCluster: { TLSCertificates: { TrustedCA: { Filename: "/a", InlineString: "b" } } } }),
    `${inRemote}JWKSCluster.TLSCertificates.TrustedCA.InlineString`,
  ),
  jwt.refused(
    "intervals in the wrong order",
    remote({ RetryPolicy: { RetryPolicyBackOff: { BaseInterval: "2s", MaxInterval: "1s" } } }),
    `${inRemote}RetryPolicy.RetryPolicyBackOff.MaxInterval`,
  ),
  jwt.refused("a location without a place", { JSONWebKeySet: keySet, Locations: [{}] }, "Locations[0]"),
  jwt.refused(
    "a location in two places",
    { JSONWebKeySet: keySet, Locations: [{ Header: { Name: "a" }, Cookie: { Name: "b" } }] },
    "Locations[0].Cookie",
  ),
  jwt.refused(
    "a header without a name",
    { JSONWebKeySet: keySet, Locations: [{ Header: {} }] },
    "Locations[0].Header.Name",
  ),
  jwt.refused("forwarding without a name", { JSONWebKeySet: keySet, Forwarding: {} }, "Forwarding.HeaderName"),
];

const others: readonly EntryCase[] = [
  casesOf<consul.FileSystemCertificateConfigEntry>("file-system-certificate").accepted("files", {
    Certificate: "/c",
    PrivateKey: "/k",
  }),
  casesOf<consul.FileSystemCertificateConfigEntry>("file-system-certificate").refused(
    "a long value of metadata",
    { Meta: { k: "v".repeat(513) } },
    "Meta.k",
  ),
  casesOf<consul.SamenessGroupConfigEntry>("sameness-group").enterprise("any", { Members: [{ Peer: "eu" }] }),
  casesOf<consul.RateLimitIPConfigEntry>("control-plane-request-limit").enterprise("any", {
    Mode: "permissive",
    ReadRate: 1,
    WriteRate: 1,
  }),
  casesOf("service-defualts" as "service-defaults", "an unknown kind").refused("any", {}, "Kind"),
];

/** What is reported of config entries, by us and by Consul. */
export const ENTRY_CASES: readonly EntryCase[] = [
  ...serviceDefaults,
  ...proxyDefaults,
  ...meshEntries,
  ...serviceIntentions,
  ...serviceResolvers,
  ...serviceSplitters,
  ...serviceRouters,
  ...ingressGateways,
  ...terminatingGateways,
  ...apiGateways,
  ...httpRoutes,
  ...tcpRoutes,
  ...inlineCertificates,
  ...exportedServices,
  ...jwtProviders,
  ...others,
];
