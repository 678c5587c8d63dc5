import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as consul from "../../constructs/consul/generated/config-entries";
import { silence } from "../../constructs";
import { configEntries } from "../../constructs/model/config-entries";
import { discoveryChain } from "../../constructs/model/discovery-chain";
import { fitsRequest, type HttpRequest } from "../../constructs/model/http-request";
import { decide } from "../../constructs/model/intentions";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { waitFor } from "../../lab/core/wait";
import { freePorts } from "../../lab/core/free-ports";
import { endAgents, startAgent } from "../support/agent-processes";
import { synthMesh } from "../support/synth";
import { anyWorkload } from "../support/workload";

const folder = mkdtempSync(join(tmpdir(), "meshform-reach-"));
const agents: ReturnType<typeof startAgent>[] = [];
const token = "3f0d2f0a-7a53-4b8b-9d5e-0f1c6f1d2a77";
let address: string;

beforeAll(async () => {
  const { consul } = await ensureEngines();
  const [http, grpc, grpcTls, server, lan, wan] = await freePorts(6);
  address = `http://127.0.0.1:${http}`;
  agents.push(
    startAgent(folder, "consul", [consul.path, "agent", "-dev", "-bind=127.0.0.1", "-config-file"], {
      // The check of intentions goes by the default of access control.
      acl: { enabled: true, default_policy: "deny", tokens: { initial_management: token } },
      ports: { http, dns: -1, grpc, grpc_tls: grpcTls, server, serf_lan: lan, serf_wan: wan },
    }),
  );
  await waitFor("the Consul leader", async () => /:/.test(JSON.stringify(await ask("/v1/status/leader"))), {
    timeoutMs: 60_000,
  });
}, 90_000);

afterAll(() => endAgents(folder, agents));

test("requests end where Consul itself says, whatever resolvers, splitters and routers there are", async () => {
  const random = randomNumbers(20251);
  let compared = 0;
  for (let round = 0; round < 40; round++) {
    const entries = await write(randomRules(random));
    const world = { entries: new Map([["dc1", configEntries(entries)]]) };
    for (const service of SERVICES) {
      const { Chain } = (await ask(`/v1/discovery-chain/${service}`)) as DiscoveryChain;
      const told = new Set(
        Object.values(Chain.Targets).map(({ Service, Datacenter, Peer }) => `${Peer ?? Datacenter}/${Service}`),
      );
      const found = discoveryChain(world, { datacenter: "dc1", service }).map(
        (end) => `${end.datacenter}/${end.service}`,
      );
      expect({ entries, service, ends: [...found].sort() }).toEqual({ entries, service, ends: [...told].sort() });
      compared += told.size > 1 ? 1 : 0;
    }
    await removeAll();
  }
  // Chains of a single service would prove little.
  expect(compared).toBeGreaterThan(40);
}, 60_000);

test("intentions decide as in Consul itself, wildcards and all", async () => {
  const random = randomNumbers(4711);
  const seen = new Set<boolean>();
  for (let round = 0; round < 25; round++) {
    const entries = await write(randomIntentions(random));
    for (const source of SERVICES) {
      for (const destination of SERVICES) {
        const path = `/v1/connect/intentions/check?source=${source}&destination=${destination}`;
        const { Allowed } = (await ask(path)) as { Allowed: boolean };
        const { allowed } = decide(configEntries(entries), { service: source }, destination);
        expect({ entries, source, destination, allowed: allowed === "all" }).toEqual({
          ...{ entries, source, destination },
          allowed: Allowed,
        });
        seen.add(Allowed);
      }
    }
    await removeAll();
  }
  expect(seen.size).toBe(2);
}, 60_000);

test("what constructs deny is denied by Consul itself: all but one, and only one", async () => {
  const { entries } = synthMesh((mesh) => {
    silence(mesh, "wildcard-allow", "It is a test.");
    const [a, b, c, d] = SERVICES.map((name) => mesh.addService(name, { port: 9001, workload: anyWorkload }));
    a.allowFrom("*");
    a.denyFrom(b);
    c.denyFrom("*");
    d.connectTo(c);
  });
  await write(Object.values(entries).filter(({ Kind }) => Kind === "service-intentions"));
  const allowed = async (source: string, destination: string) => {
    const path = `/v1/connect/intentions/check?source=${source}&destination=${destination}`;
    const { Allowed } = (await ask(path)) as { Allowed: boolean };
    expect(decide(configEntries(Object.values(entries)), { service: source }, destination).allowed === "all").toBe(
      Allowed,
    );
    return Allowed;
  };
  expect(await Promise.all(["b", "c", "d"].map((source) => allowed(source, "a")))).toEqual([false, true, true]);
  expect(await Promise.all(["a", "b", "d"].map((source) => allowed(source, "c")))).toEqual([false, false, true]);
  await removeAll();
});

test("conditions on headers match in Envoy the requests that they match here, also where the header is missing", async () => {
  const { envoy } = await ensureEngines();
  const [port] = await freePorts(1);
  const conditions = [
    ...[
      { Exact: "shop" },
      { Prefix: "sh" },
      { Suffix: "op" },
      { Contains: "ho" },
      { Regex: "s.*p" },
      { Present: true },
    ],
    ...[
      { Exact: "Shop", IgnoreCase: true },
      { Contains: "HO", IgnoreCase: true },
    ],
  ].flatMap((condition) => [condition, { ...condition, Invert: true }]);
  const file = join(folder, "envoy.json");
  writeFileSync(file, JSON.stringify(envoyWith(port, conditions)));
  const child = spawn(envoy.path, ["-c", file, "--disable-hot-restart", "--concurrency", "1", "-l", "error"]);
  try {
    const asked = async (index: number, value: string | undefined) => {
      const headers: Readonly<Record<string, string>> = value === undefined ? {} : { "x-team": value };
      return (await fetch(`http://127.0.0.1:${port}/${index}`, { headers })).status === 200;
    };
    await waitFor("Envoy", () => asked(0, "shop"), { timeoutMs: 60_000 });
    for (const [index, condition] of conditions.entries()) {
      for (const value of [undefined, "shop", "SHOP", "workshop", "ship"]) {
        const request: HttpRequest = { headers: value === undefined ? {} : { "x-team": value } };
        const fits = fitsRequest({ Header: [{ Name: "x-team", ...condition }] }, request);
        expect({ condition, value, fits }).toEqual({ condition, value, fits: await asked(index, value) });
      }
    }
  } finally {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await ended;
  }
}, 90_000);

/** An Envoy that allows a request to `/<index>` by the condition with this index, in the form that Consul gives to permissions. */
function envoyWith(port: number, conditions: readonly HeaderCondition[]): object {
  const type = (name: string) => `type.googleapis.com/envoy.extensions.filters.${name}`;
  const permissions = conditions.map((condition, index) => ({
    and_rules: { rules: [{ url_path: { path: { exact: `/${index}` } } }, { header: headerMatcher(condition) }] },
  }));
  const http = {
    "@type": type("network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "test",
    http_filters: [
      {
        name: "rbac",
        typed_config: {
          "@type": type("http.rbac.v3.RBAC"),
          rules: { action: "ALLOW", policies: { all: { permissions, principals: [{ any: true }] } } },
        },
      },
      { name: "router", typed_config: { "@type": type("http.router.v3.Router") } },
    ],
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, direct_response: { status: 200 } }] },
      ],
    },
  };
  const address = { socket_address: { address: "127.0.0.1", port_value: port } };
  const chain = { filters: [{ name: "http", typed_config: http }] };
  return { static_resources: { listeners: [{ address, filter_chains: [chain] }] } };
}

type HeaderCondition = consul.IntentionHTTPHeaderPermission;

/** @see https://github.com/hashicorp/consul/blob/v1.21.0/agent/xds/rbac.go */
function headerMatcher({ Exact, Prefix, Suffix, Contains, Regex, IgnoreCase, Invert }: HeaderCondition): object {
  const text = { exact: Exact, prefix: Prefix, suffix: Suffix, contains: Contains };
  const match = Regex === undefined ? { ...text, ignore_case: IgnoreCase } : { safe_regex: { regex: Regex } };
  const isText = [Exact, Prefix, Suffix, Contains, Regex].some((each) => each !== undefined);
  return { name: "x-team", invert_match: Invert, ...(isText ? { string_match: match } : { present_match: true }) };
}

interface DiscoveryChain {
  readonly Chain: {
    readonly Targets: Readonly<
      Record<string, { readonly Service: string; readonly Datacenter: string; readonly Peer?: string }>
    >;
  };
}

const SERVICES = ["a", "b", "c", "d"];
const SUBSETS = ["v1", "v2"];

function request(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${address}${path}`, { ...init, headers: { "X-Consul-Token": token } });
}

async function ask(path: string): Promise<unknown> {
  return (await request(path)).json();
}

/** Writes what Consul takes; what it refuses, such as a circle of redirects, is left out. */
async function write(entries: readonly consul.ConfigEntry[]): Promise<consul.ConfigEntry[]> {
  const written: consul.ConfigEntry[] = [];
  for (const entry of [PROTOCOL, ...entries]) {
    const response = await request("/v1/config", { method: "PUT", body: JSON.stringify(entry) });
    if (response.ok) written.push(entry);
  }
  return written;
}

/** What refers to an entry must go before it, in whatever order they were written. */
async function removeAll(): Promise<void> {
  const kinds = ["service-router", "service-splitter", "service-resolver", "service-intentions"];
  for (let left = 1; left > 0;) {
    left = 0;
    for (const kind of kinds) {
      for (const { Name } of (await ask(`/v1/config/${kind}`)) as { Name: string }[]) {
        await request(`/v1/config/${kind}/${Name}`, { method: "DELETE" });
        left++;
      }
    }
  }
}

/** Consul refuses splitters and routers of services with the protocol tcp. */
const PROTOCOL: consul.ConfigEntry = { Kind: "proxy-defaults", Name: "global", Config: { protocol: "http" } };

function randomRules(random: Random): consul.ConfigEntry[] {
  const subset = () => random.oneOf([undefined, ...SUBSETS]);
  const other = () => random.oneOf(SERVICES);
  const resolvers = SERVICES.filter(() => random.chance(0.8)).map((Name): consul.ConfigEntry => {
    const Subsets = Object.fromEntries(SUBSETS.map((it) => [it, { Filter: `Service.Meta.version == "${it}"` }]));
    if (random.chance(0.25)) {
      const Redirect = random.oneOf<consul.ServiceResolverRedirect>([
        { Service: other() },
        { Service: other(), ServiceSubset: subset() },
        { Service: Name, Peer: "elsewhere" },
        { Datacenter: "dc2" },
      ]);
      return { Kind: "service-resolver", Name, Redirect };
    }
    const failover = (): consul.ServiceResolverFailover =>
      random.oneOf<consul.ServiceResolverFailover>([
        { Service: other() },
        { Datacenters: ["dc2", "dc3"] },
        { Targets: [{ Service: other() }, { Peer: "elsewhere" }, { Service: other(), ServiceSubset: subset() }] },
      ]);
    return {
      ...{ Kind: "service-resolver", Name, Subsets },
      DefaultSubset: subset(),
      Failover: random.chance(0.6) ? { [random.oneOf(["*", ...SUBSETS])]: failover() } : undefined,
    };
  });
  const splitters = SERVICES.filter(() => random.chance(0.5)).map((Name): consul.ConfigEntry => ({
    ...{ Kind: "service-splitter", Name },
    Splits: [
      { Weight: 50, Service: other(), ServiceSubset: subset() },
      { Weight: 50, Service: other() },
    ],
  }));
  const routers = SERVICES.filter(() => random.chance(0.5)).map((Name): consul.ConfigEntry => ({
    ...{ Kind: "service-router", Name },
    Routes: [
      {
        Match: { HTTP: { PathPrefix: "/x" } },
        Destination: { Service: other(), ServiceSubset: subset(), PrefixRewrite: random.oneOf([undefined, "/"]) },
      },
    ],
  }));
  return [...resolvers, ...splitters, ...routers];
}

function randomIntentions(random: Random): consul.ConfigEntry[] {
  return [...SERVICES, "*"]
    .filter(() => random.chance(0.6))
    .map((Name): consul.ConfigEntry => {
      const names = [...SERVICES, "*"].filter(() => random.chance(0.5));
      const Sources = (names.length > 0 ? names : ["a"]).map((source) => ({
        Name: source,
        Action: random.oneOf(["allow", "deny"]),
      }));
      return { Kind: "service-intentions", Name, Sources };
    });
}

interface Random {
  chance(probability: number): boolean;
  oneOf<T>(choices: readonly T[]): T;
}

/** The same numbers in every run. */
function randomNumbers(seed: number): Random {
  let state = seed;
  const next = () => {
    // The generator of Numerical Recipes.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    chance: (probability) => next() < probability,
    oneOf: <T>(choices: readonly T[]) => choices[Math.floor(next() * choices.length)],
  };
}
