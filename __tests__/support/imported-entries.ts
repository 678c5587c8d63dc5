import type { consul } from "../../constructs";

/** Config entries of services of the job files, as teams write them, in an order in which Consul takes them. */
export const IMPORTED_ENTRIES: readonly consul.ConfigEntry[] = [
  {
    Kind: "proxy-defaults",
    Name: "global",
    Config: { protocol: "http", local_connect_timeout_ms: 3000 },
    AccessLogs: { Enabled: true, JSONFormat: '{"path":"%REQ(:path)%","tag":"${x}"}' },
  },
  { Kind: "mesh", HTTP: { SanitizeXForwardedClientCert: true } },
  { Kind: "service-defaults", Name: "shop-api", Protocol: "http", MaxInboundConnections: 100 },
  { Kind: "service-defaults", Name: "shop-store", Protocol: "tcp", Meta: { owner: "team-a" } },
  {
    Kind: "service-defaults",
    Name: "tour",
    Protocol: "http",
    UpstreamConfig: { Defaults: { PassiveHealthCheck: { MaxEjectionPercent: 50 } } },
  },
  {
    Kind: "service-defaults",
    Name: "ledger",
    Protocol: "tcp",
    Destination: { Addresses: ["ledger.example.com"], Port: 443 },
  },
  {
    Kind: "service-resolver",
    Name: "shop-api",
    DefaultSubset: "stable",
    Subsets: { stable: { Filter: 'Service.Meta.version == "1"' }, next: { OnlyPassing: true } },
    ConnectTimeout: "15s",
    Failover: { "*": { Service: "shop-page" } },
  },
  {
    Kind: "service-splitter",
    Name: "shop-api",
    Splits: [
      { Weight: 90, ServiceSubset: "stable" },
      { Weight: 10, ServiceSubset: "next" },
    ],
  },
  {
    Kind: "service-router",
    Name: "shop-api",
    Routes: [
      {
        Match: { HTTP: { PathPrefix: "/admin" } },
        Destination: { Service: "accounts", RequestTimeout: "5s" },
      },
    ],
  },
  { Kind: "service-intentions", Name: "shop-store", Sources: [{ Name: "shop-api", Action: "allow" }] },
  {
    Kind: "service-intentions",
    Name: "shop-api",
    Sources: [
      {
        Name: "shop-page",
        Description: "The page only reads.",
        Permissions: [
          { Action: "deny", HTTP: { PathExact: "/private", Header: [{ Name: "x-debug", Present: true }] } },
          { Action: "allow", HTTP: { PathPrefix: "/", Methods: ["GET", "HEAD"] } },
        ],
      },
      { Name: "edge", Action: "allow" },
      { Name: "partner", Peer: "dc9", Action: "allow" },
    ],
  },
  { Kind: "service-intentions", Name: "shop-page", Sources: [{ Name: "*", Action: "allow" }] },
  {
    Kind: "service-intentions",
    Name: "accounts",
    Sources: [
      { Name: "tour", Permissions: [{ Action: "allow", HTTP: { PathPrefix: "/v1/", Methods: ["GET"] } }] },
      { Name: "cart", Action: "allow" },
    ],
  },
  {
    Kind: "service-intentions",
    Name: "reports",
    Sources: [{ Name: "edge", Action: "allow", Description: "Every hour." }],
  },
  {
    Kind: "service-intentions",
    Name: "catalogue",
    Sources: [
      { Name: "billing", Action: "deny" },
      { Name: "tour", Action: "allow" },
    ],
  },
  { Kind: "service-intentions", Name: "*", Sources: [{ Name: "*", Action: "deny" }] },
  {
    Kind: "api-gateway",
    Name: "door",
    Listeners: [{ Name: "web", Port: 8080, Protocol: "http" }],
  },
  {
    Kind: "http-route",
    Name: "door-web",
    Parents: [{ Kind: "api-gateway", Name: "door", SectionName: "web" }],
    Rules: [{ Services: [{ Name: "shop-page", Weight: 1 }] }],
  },
];
