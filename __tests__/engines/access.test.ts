import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ApiGatewayListener,
  ConsulEsmPolicy,
  IngressListener,
  Protocol,
  WELL_KNOWN_TOKENS,
  type TokenRole,
} from "../../constructs";
import { applyStacks, destroyStacks, type ApplyOptions, type ApplyResult } from "../../lab/apply";
import { ensureEngines } from "../../lab/machine/engines/ensure-engines";
import { AccessStack, type AccessStackProps } from "../../stacks/access-stack";
import { MeshStack } from "../../stacks/mesh-stack";
import { eventually } from "../support/eventually";
import { startSecureAgents, type Answer, type SecureAgents } from "../support/secure-agents";
import { SynthesizedApp } from "../support/synthesized-app";
import { testApp } from "../support/test-app";
import { anyWorkload } from "../support/workload";

jest.setTimeout(5 * 60_000);

let agents: SecureAgents;
/** Remembers what was applied; its stacks come from elsewhere. */
const app = new SynthesizedApp();
let first: ApplyResult;

/** What the tests know as the tokens of pipelines. */
const deployer = { consul: "", nomad: "" };

const accessStack: AccessStackProps = {
  tasks: { default: { keyPrefixes: ["app/", 'odd "${key}" %{if}/'] } },
  // Where services outside the mesh are.
  consulDeployer: { nodePrefixes: ["external-"] },
};

beforeAll(async () => {
  agents = await startSecureAgents(await ensureEngines());
  first = await applyAccess();
  deployer.consul = await consulToken("mesh-deployer");
  deployer.nomad = await nomadToken("deployer-default");
}, 20 * 60_000);

afterAll(async () => {
  await agents.stop();
  app.remove();
}, 120_000);

function options(outDir: string, stateDir = app.stateDir): ApplyOptions {
  return {
    outDir,
    stateDir,
    endpoints: agents.endpoints,
    engine: "offline",
    onProgress: () => undefined,
    variables: { nomad_jwks_url: agents.jwksUrl, nomad_ca_certificate: readFileSync(agents.caFile, "utf8") },
  };
}

async function applyAccess(props = accessStack): Promise<ApplyResult> {
  const synthesized = testApp();
  const access = new AccessStack(synthesized, "access", props);
  const { workloads } = access;
  workloads.allowApiGateway("gateway");
  workloads.allowIngressGateway("door");
  workloads.allowTerminatingGateway("exit", ["billing"]);
  workloads.allowMeshGateway("bridge");
  const { policy } = new ConsulEsmPolicy(access, "esm", { servicePrefixes: ["db"], probedNodePrefixes: ["external-"] });
  workloads.allowTask({ job: "esm-job", task: "task" }, policy);
  synthesized.synth();
  return applyStacks(options(synthesized.outdir));
}

/** The engines as their managers see them. */
async function consul(path: string, method?: string, body?: unknown): Promise<unknown> {
  return said(await agents.askConsul(agents.endpoints.consul.token ?? "", path, method, body), path);
}

async function nomad(path: string, method?: string, body?: unknown): Promise<unknown> {
  return said(await agents.askNomad(agents.endpoints.nomad.token ?? "", path, method, body), path);
}

function said({ status, body }: Answer, path: string): unknown {
  if (status === 200) return body;
  throw new Error(`${path}: ${status} ${JSON.stringify(body)}`);
}

async function consulToken(policy: string): Promise<string> {
  const token = await consul("/v1/acl/token", "PUT", { Policies: [{ Name: policy }] });
  return (token as { SecretID: string }).SecretID;
}

async function nomadToken(policy: string): Promise<string> {
  const token = await nomad("/v1/acl/token", "PUT", { Name: policy, Type: "client", Policies: [policy] });
  return (token as { SecretID: string }).SecretID;
}

/** Whether an engine did what it was asked. A list that is empty although there is something counts as a no. */
function isAllowed({ status, body }: Answer, what: string): boolean {
  if (status === 403 || (Array.isArray(body) && body.length === 0)) return false;
  if (status === 200) return true;
  // Nomad answers a server's own refusal with 500, Consul that of a transaction with 409.
  if ((status === 500 || status === 409) && JSON.stringify(body).includes("Permission denied")) return false;
  throw new Error(`${what}: ${status} ${JSON.stringify(body)}`);
}

type Request = readonly [path: string, method?: string, body?: object];

async function allowed(
  requests: Readonly<Record<string, Request>>,
  ask: (...request: Request) => Promise<Answer>,
): Promise<string[]> {
  const names: string[] = [];
  for (const [name, request] of Object.entries(requests)) {
    if (isAllowed(await ask(...request), name)) names.push(name);
  }
  return names;
}

describe("applied a second time, the access stack", () => {
  test("changes nothing, and its auth method is in Consul letter by letter as it was written", async () => {
    expect(first).toMatchObject({ updated: [], unchanged: [], deleted: [] });
    expect((await applyAccess()).unchanged.sort()).toEqual(first.created.sort());

    const { Config } = (await consul("/v1/acl/auth-method/nomad-workloads")) as { Config: object };
    expect(Config).toMatchObject({ JWKSURL: agents.jwksUrl, JWKSCACert: readFileSync(agents.caFile, "utf8") });
  });

  test("has said odd names letter by letter", async () => {
    await consul(`/v1/kv/${encodeURIComponent('odd "${key}" %{if}/a')}`, "PUT", { value: 1 });
    const token = await consulToken("nomad-tasks-default");
    const read = (key: string) => agents.askConsul(token, `/v1/kv/${encodeURIComponent(key)}`);
    expect((await read('odd "${key}" %{if}/a')).status).toBe(200);
    expect((await read("odd/a")).status).toBe(403);
  });
});

describe("in Consul", () => {
  const requests: Readonly<Record<string, Request>> = {
    "read services": ["/v1/health/service/web"],
    "read nodes": ["/v1/catalog/nodes"],
    "read a service's defaults": ["/v1/config/service-defaults/web"],
    "write a service's defaults": ["/v1/config", "PUT", { Kind: "service-defaults", Name: "web", Protocol: "http" }],
    "read intentions": ["/v1/config/service-intentions/web"],
    "list intentions": ["/v1/connect/intentions"],
    "write intentions": [
      "/v1/config",
      "PUT",
      { Kind: "service-intentions", Name: "web", Sources: [{ Name: "api", Action: "deny" }] },
    ],
    "write the entries of gateways": ["/v1/config", "PUT", { Kind: "terminating-gateway", Name: "exit" }],
    "write the mesh's defaults": ["/v1/config", "PUT", { Kind: "mesh", TransparentProxy: {} }],
    "register as nomad": ["/v1/agent/service/register", "PUT", { Name: "nomad", ID: "another" }],
    "register a service": ["/v1/agent/service/register", "PUT", { Name: "web", ID: "web-2" }],
    "deregister a service": ["/v1/agent/service/deregister/web-1", "PUT"],
    "write nodes": ["/v1/catalog/register", "PUT", { Node: "elsewhere", Address: "192.0.2.1" }],
    "read the agent": ["/v1/agent/self"],
    "read the agent's metrics": ["/v1/agent/metrics?format=prometheus"],
    "reload the agent": ["/v1/agent/reload", "PUT"],
    "read keys": ["/v1/kv/app/one"],
    "write keys": ["/v1/kv/app/two", "PUT", { two: 2 }],
    "take turns": ["/v1/kv/meshform/turn", "PUT", { host: "elsewhere", until: 0 }],
    "say which secrets a host has": ["/v1/kv/meshform/hosts/elsewhere", "PUT", {}],
    "say which secrets all hosts are to take": ["/v1/kv/meshform/rotation", "PUT", {}],
    "read sessions": ["/v1/session/list"],
    "create sessions": ["/v1/session/create", "PUT", { Node: "consul-under-test" }],
    "read access rules": ["/v1/acl/tokens"],
    "write access rules": ["/v1/acl/policy", "PUT", { Name: "mine", Rules: "" }],
    "read raft": ["/v1/operator/raft/configuration"],
    "write autopilot": ["/v1/operator/autopilot/configuration", "PUT", { MaxTrailingLogs: 250 }],
    "read the authority's configuration": ["/v1/connect/ca/configuration"],
    "read the gossip key": ["/v1/operator/keyring"],
    "take a snapshot": ["/v1/snapshot"],
    "read events": ["/v1/event/list?name=deploy"],
    "fire events": ["/v1/event/fire/deploy", "PUT", {}],
    "read queries": ["/v1/query"],
    "write queries": ["/v1/query", "POST", { Name: "mine", Service: { Service: "web" } }],
    "make peerings": ["/v1/peering/token", "POST", { PeerName: "other" }],
  };

  const rights: Readonly<Record<TokenRole | "deployer", readonly (keyof typeof requests)[]>> = {
    anonymous: ["read services", "read nodes", "read a service's defaults"],
    "consul-agent": [
      ...["read services", "read nodes", "read a service's defaults", "write nodes", "take turns"],
      "say which secrets a host has",
    ],
    "nomad-server": [
      "read nodes",
      "write the entries of gateways",
      "write the mesh's defaults",
      "register as nomad",
      "read the agent",
      "read the agent's metrics",
    ],
    "nomad-client": [
      "read services",
      "read nodes",
      "read a service's defaults",
      "write a service's defaults",
      "register as nomad",
      "register a service",
      "deregister a service",
      "read the agent",
      "read the agent's metrics",
    ],
    prometheus: [
      "read services",
      "read nodes",
      "read a service's defaults",
      "read the agent",
      "read the agent's metrics",
    ],
    operator: [
      "read services",
      "read nodes",
      "read a service's defaults",
      "read intentions",
      "list intentions",
      "write intentions",
      "read the agent",
      "read the agent's metrics",
      "read keys",
      "read sessions",
      "read access rules",
      "read raft",
      "read events",
      "read queries",
    ],
    deployer: [
      "read a service's defaults",
      "write a service's defaults",
      "read intentions",
      "list intentions",
      "write intentions",
      "write the entries of gateways",
      "write the mesh's defaults",
      "register as nomad",
      "register a service",
      "deregister a service",
    ],
  };

  /** Something of each kind, so that an empty answer means that it is hidden. */
  beforeEach(async () => {
    for (const [path, method, body] of [
      requests["write a service's defaults"],
      requests["write intentions"],
      ["/v1/agent/service/register", "PUT", { Name: "web", ID: "web-1" }],
      ["/v1/kv/app/one", "PUT", { one: 1 }],
      requests["create sessions"],
      requests["fire events"],
      // Not there, so that who may not write nodes cannot repeat what is there.
      ["/v1/catalog/deregister", "PUT", { Node: "elsewhere" }],
    ] as const) {
      await consul(path, method, body);
    }
    const queries = (await consul("/v1/query")) as { Name: string }[];
    if (!queries.some(({ Name }) => Name === "theirs")) {
      await consul("/v1/query", "POST", { Name: "theirs", Service: { Service: "web" } });
    }
    await eventually(async () => expect(await consul("/v1/event/list?name=deploy")).not.toEqual([]));
    await eventually(async () => expect(await consul("/v1/health/service/web")).not.toEqual([]));
  });

  afterAll(async () => {
    for (const ID of ["another", "web-1", "web-2"]) {
      await agents.askConsul(agents.endpoints.consul.token ?? "", `/v1/agent/service/deregister/${ID}`, "PUT");
    }
    await consul("/v1/config/service-intentions/web", "DELETE");
    await consul("/v1/config/service-defaults/web", "DELETE");
    await consul("/v1/config/terminating-gateway/exit", "DELETE");
  });

  test.each(Object.keys(rights) as (keyof typeof rights)[])("%s may do this and nothing else", async (role) => {
    const token = role === "deployer" ? deployer.consul : agents.secrets[role];
    expect(await allowed(requests, (...request) => agents.askConsul(token, ...request))).toEqual(rights[role]);
  });

  test("who may write a service may have its certificate, who may read it may not", async () => {
    // Not of one service: an agent that holds a certificate hands it to every token.
    const certificate = (role: TokenRole) =>
      agents.askConsul(agents.secrets[role], `/v1/agent/connect/ca/leaf/for-${role}`);
    expect(await certificate("nomad-client")).toMatchObject({ status: 200 });
    expect(await certificate("prometheus")).toMatchObject({ status: 403 });
  });

  test("operators see tokens without their secrets", async () => {
    const { operator } = agents.secrets;
    const accessor = WELL_KNOWN_TOKENS["nomad-client"];
    expect((await agents.askConsul(operator, `/v1/acl/token/${accessor}`)).body).toMatchObject({
      AccessorID: accessor,
      SecretID: "<hidden>",
    });
  });
});

describe("the agents", () => {
  test("are at work once the access rules are there: nobody has to restart them", async () => {
    // A Consul agent compares its node with the catalog each minute or two; to tell it its token makes it do so.
    await consul("/v1/agent/token/agent", "PUT", { Token: agents.secrets["consul-agent"] });
    await eventually(async () => {
      const { Node } = (await consul(`/v1/catalog/node/${agents.consulNode}`)) as { Node: object };
      expect(Node).toMatchObject({ TaggedAddresses: { lan: "127.0.0.1" } });
      const services = Object.keys((await consul("/v1/catalog/services")) as object);
      expect(services).toEqual(expect.arrayContaining(["nomad", "nomad-client"]));
      expect(await nodeOfNomad()).toMatchObject({ Attributes: { "consul.version": expect.any(String) as unknown } });
    }, 120_000);
  });
});

async function nodeOfNomad(): Promise<object> {
  const [{ ID }] = (await nomad("/v1/nodes")) as { ID: string }[];
  return (await nomad(`/v1/node/${ID}`)) as object;
}

/** A job with one task, which sleeps and asks for a token of Consul, and with a service of this name, if any. */
function job(ID: string, service?: string) {
  const identity = (Name: string, audience: string) => ({ Name, Audience: [audience], File: true, TTL: 3600e9 });
  return {
    ID,
    Name: ID,
    TaskGroups: [
      {
        Name: "group",
        Services: service === undefined ? [] : [{ Name: service, Provider: "consul", PortLabel: "8080" }],
        Tasks: [
          {
            Name: "task",
            Driver: "raw_exec",
            Config: { command: "/bin/sleep", args: ["1000"] },
            Identities: [identity("consul_default", "consul.io"), identity("elsewhere", "vault.example")],
            KillTimeout: 1e9,
            Resources: { CPU: 20, MemoryMB: 20 },
          },
        ],
      },
    ],
  };
}

/** Runs a job with the deployer's token, and gives the ID of its allocation. */
async function run(ID: string, service?: string): Promise<string> {
  said(await agents.askNomad(deployer.nomad, "/v1/jobs", "PUT", { Job: job(ID, service) }), ID);
  return eventually(async () => {
    const allocations = (await nomad(`/v1/job/${ID}/allocations`)) as { ID: string; ClientStatus: string }[];
    const running = allocations.find(({ ClientStatus }) => ClientStatus === "running");
    if (running === undefined) throw new Error(`${ID} does not run: ${JSON.stringify(allocations)}`);
    return running.ID;
  }, 60_000);
}

/** What Nomad has put into the secrets of a task. */
function secret(allocation: string, name: string): string {
  return readFileSync(join(agents.allocationsDir, allocation, "task", "secrets", name), "utf8");
}

interface Token {
  readonly AccessorID: string;
  readonly SecretID: string;
  readonly Description: string;
  readonly ExpirationTime?: string;
}

/** The tokens that workloads have got. */
async function workloadTokens(): Promise<Token[]> {
  return (await consul("/v1/acl/tokens?authmethod=nomad-workloads")) as Token[];
}

async function tokenOfService(name: string): Promise<Token> {
  const found = (await workloadTokens()).find(({ Description }) => Description.includes(`"nomad_service_${name}"`));
  if (found === undefined) throw new Error(`The service ${name} has no token.`);
  return (await consul(`/v1/acl/token/${found.AccessorID}`)) as Token;
}

function registrationOf(Name: string, more: object = {}): Request {
  return ["/v1/agent/service/register", "PUT", { Name, ID: `${Name}-by-hand`, ...more }];
}

describe("workloads of Nomad", () => {
  let web: string;

  beforeAll(async () => {
    await consul("/v1/kv/app/one", "PUT", { one: 1 });
    await consul("/v1/kv/other/one", "PUT", { one: 1 });
    web = await run("web-job", "web");
    await run("gateway", "gateway-envoy");
    await run("door", "door-envoy");
    await run("exit", "exit");
    await run("bridge", "bridge");
  }, 180_000);

  afterEach(async () => {
    for (const name of ["web", "web-sidecar-proxy", "gateway", "door", "billing"]) {
      const path = `/v1/agent/service/deregister/${name}-by-hand`;
      await agents.askConsul(agents.endpoints.consul.token ?? "", path, "PUT");
    }
  });

  const requests: Readonly<Record<string, Request>> = {
    "register web": registrationOf("web"),
    "register web's sidecar": registrationOf("web-sidecar-proxy", {
      Kind: "connect-proxy",
      Port: 1234,
      Proxy: { DestinationServiceName: "web" },
    }),
    "register the gateway": registrationOf("gateway", { Kind: "api-gateway", Port: 1235 }),
    "register the door": registrationOf("door", { Kind: "ingress-gateway", Port: 1236 }),
    "register what is outside": registrationOf("billing"),
    "register nomad": registrationOf("nomad"),
    "find services": ["/v1/health/service/nomad"],
    "read the mesh's routes": ["/v1/config/http-route"],
    "write what concerns the mesh": ["/v1/config", "PUT", { Kind: "mesh", TransparentProxy: {} }],
    "read its keys": ["/v1/kv/app/one"],
    "read other keys": ["/v1/kv/other/one"],
    "write its keys": ["/v1/kv/app/two", "PUT", {}],
    "read intentions": ["/v1/config/service-intentions/web"],
    "read the agent": ["/v1/agent/self"],
    "read access rules": ["/v1/acl/tokens"],
  };

  async function rightsOf(token: string): Promise<string[]> {
    await consul("/v1/config", "PUT", {
      Kind: "service-intentions",
      Name: "web",
      Sources: [{ Name: "api", Action: "deny" }],
    });
    await consul("/v1/config", "PUT", { Kind: "service-defaults", Name: "web", Protocol: "http" });
    await consul("/v1/config", "PUT", { Kind: "http-route", Name: "route", Rules: [{ Services: [{ Name: "web" }] }] });
    return allowed(requests, (...request) => agents.askConsul(token, ...request));
  }

  test("are in the catalog, registered with tokens of their own, which do not expire", async () => {
    await eventually(async () => expect(await consul("/v1/catalog/service/web")).toHaveLength(1));
    expect(await tokenOfService("web")).toMatchObject({
      AuthMethod: "nomad-workloads",
      ServiceIdentities: [{ ServiceName: "web" }],
      Local: true,
    });
    for (const token of await workloadTokens()) expect(token.ExpirationTime).toBeUndefined();
  });

  // Consul's own rules for a service let it see intentions.
  test("a service may register itself and its sidecar, and no other", async () => {
    expect(await rightsOf((await tokenOfService("web")).SecretID)).toEqual([
      "register web",
      "register web's sidecar",
      "find services",
      "read intentions",
    ]);
  });

  test("a task may find services and read its keys, and register nothing", async () => {
    expect(await rightsOf(secret(web, "consul_token"))).toEqual(["find services", "read its keys"]);
  });

  test("the task of Consul ESM may also run the checks of the services that it is to check, and only those", async () => {
    const token = secret(await run("esm-job"), "consul_token");
    const Node = "external-db";
    const check = (ServiceName: string) => ({ Node, CheckID: ServiceName, ServiceID: ServiceName, ServiceName });
    for (const name of ["db", "web"]) {
      const Service = { ID: name, Service: name };
      await consul("/v1/catalog/register", "PUT", { Node, Address: "192.0.2.1", Service, Check: check(name) });
    }
    const write = (Check: object): Request => ["/v1/txn", "PUT", [{ Check: { Verb: "set", Check } }]];
    const ownNode = ((await consul("/v1/agent/self")) as { Config: { NodeName: string } }).Config.NodeName;
    const further: Readonly<Record<string, Request>> = {
      ...requests,
      "register itself": registrationOf("consul-esm"),
      "hold a lock": ["/v1/session/create", "PUT", { Node: ownNode }],
      "write its own keys": ["/v1/kv/consul-esm/leader", "PUT", {}],
      "write a check of the service": write({ ...check("db"), Status: "critical" }),
      "write a check of another service": write({ ...check("web"), Status: "critical" }),
      "write the check of a node": write({ Node, CheckID: "externalNodeHealth", Status: "critical" }),
      "write the check of another node": write({ Node: ownNode, CheckID: "mine", Status: "critical" }),
      "write other nodes": ["/v1/catalog/register", "PUT", { Node: "elsewhere", Address: "192.0.2.1" }],
    };
    try {
      expect(await allowed(further, (...request) => agents.askConsul(token, ...request))).toEqual([
        ...["find services", "read its keys", "read the agent", "register itself", "hold a lock", "write its own keys"],
        ...["write a check of the service", "write the check of a node"],
      ]);
    } finally {
      await consul("/v1/catalog/deregister", "PUT", { Node });
      await consul("/v1/agent/service/deregister/consul-esm-by-hand", "PUT");
    }
  });

  test("a task's identity is good for a token, one for another audience is not", async () => {
    const login = (jwt: string) =>
      agents.askConsul("", "/v1/acl/login", "POST", { AuthMethod: "nomad-workloads", BearerToken: jwt });
    const { status, body } = await login(secret(web, "nomad_consul_default.jwt"));
    expect({ status, body }).toMatchObject({ status: 200, body: { Roles: [{ Name: "nomad-tasks-default" }] } });
    expect(await rightsOf((body as Token).SecretID)).toEqual(["find services", "read its keys"]);
    expect((await login(secret(web, "nomad_elsewhere.jwt"))).body).toMatch(/aud claim does not match/);
  });

  test("the Envoy of an API gateway may also register the gateway and read the mesh's routes", async () => {
    expect(await rightsOf((await tokenOfService("gateway-envoy")).SecretID)).toEqual([
      "register the gateway",
      "find services",
      "read the mesh's routes",
      "read intentions",
    ]);
  });

  test("the Envoy of an ingress gateway may also register the gateway", async () => {
    expect(await rightsOf((await tokenOfService("door-envoy")).SecretID)).toEqual([
      "register the door",
      "find services",
      "read intentions",
    ]);
  });

  test("a terminating gateway may also speak for what is outside", async () => {
    expect(await rightsOf((await tokenOfService("exit")).SecretID)).toEqual([
      "register what is outside",
      "find services",
      "read intentions",
    ]);
  });

  test("a mesh gateway may also do what concerns the mesh as a whole", async () => {
    expect(await rightsOf((await tokenOfService("bridge")).SecretID)).toEqual([
      "find services",
      "read the mesh's routes",
      "write what concerns the mesh",
      "read intentions",
    ]);
  });

  test("leave the catalog and lose their tokens when their job ends, and no agent was refused anything", async () => {
    const before = agents.logs();
    for (const ID of ["web-job", "gateway", "door", "exit", "bridge"]) {
      said(await agents.askNomad(deployer.nomad, `/v1/job/${ID}`, "DELETE"), ID);
    }
    await eventually(async () => {
      expect(await consul("/v1/catalog/service/web")).toEqual([]);
      expect(await consul("/v1/catalog/service/bridge")).toEqual([]);
      expect((await workloadTokens()).map(({ Description }) => Description).join()).not.toContain("nomad_service");
    }, 60_000);
    const after = agents.logs();
    expect(after.consul.slice(before.consul.length)).not.toContain("blocked by ACLs");
    expect(after.nomad.slice(before.nomad.length)).not.toMatch(/Permission denied|ACL not found/);
  });
});

test("Nomad's servers write the entry of a gateway that a job asks for", async () => {
  said(await submitIngress(), "ingress");
  expect(await consul("/v1/config/ingress-gateway/ingress")).toMatchObject({ Listeners: [{ Port: 8080 }] });
});

/** Hands in a job whose gateway no node here can run. */
async function submitIngress(): Promise<Answer> {
  const listener = { Port: 8080, Protocol: "tcp", Services: [{ Name: "database" }] };
  const service = { Name: "ingress", PortLabel: "8080", Connect: { Gateway: { Ingress: { Listeners: [listener] } } } };
  const Job = {
    ID: "ingress",
    Name: "ingress",
    TaskGroups: [{ Name: "group", Networks: [{ Mode: "bridge" }], Services: [service] }],
  };
  return agents.askNomad(deployer.nomad, "/v1/jobs", "PUT", { Job });
}

describe("in Nomad", () => {
  const requests: Readonly<Record<string, Request>> = {
    "read the keys of workload identities": ["/.well-known/jwks.json"],
    "read health": ["/v1/agent/health"],
    "read metrics": ["/v1/metrics"],
    "list jobs": ["/v1/jobs"],
    "read a job": ["/v1/job/web-job"],
    "plan a job": ["/v1/job/web-job/plan", "PUT", { Job: job("web-job") }],
    "submit a job": ["/v1/jobs", "PUT", { Job: job("web-job") }],
    "stop a job": ["/v1/job/ingress", "DELETE"],
    "list jobs of another namespace": ["/v1/jobs?namespace=other"],
    "submit a job to another namespace": ["/v1/jobs?namespace=other", "PUT", { Job: job("there") }],
    "restart a task": ["/v1/client/allocation/{allocation}/restart", "PUT", { TaskName: "task" }],
    "read a task's logs": ["/v1/client/fs/logs/{allocation}?task=task&type=stdout"],
    "read a task's files": ["/v1/client/fs/ls/{allocation}?path=/"],
    "list nodes": ["/v1/nodes"],
    "drain nodes": ["/v1/node/{node}/eligibility", "PUT", { Eligibility: "eligible" }],
    "read node pools": ["/v1/node/pool/default"],
    "read the agent": ["/v1/agent/self"],
    "write the agent": ["/v1/agent/force-leave?node=nobody", "PUT"],
    "read raft": ["/v1/operator/raft/configuration"],
    "read the scheduler": ["/v1/operator/scheduler/configuration"],
    "write the scheduler": ["/v1/operator/scheduler/configuration", "PUT", { SchedulerAlgorithm: "binpack" }],
    "take a snapshot": ["/v1/operator/snapshot"],
    "read access rules": ["/v1/acl/tokens"],
    "write access rules": ["/v1/acl/policy/mine", "PUT", { Name: "mine", Rules: 'agent { policy = "read" }' }],
    "list variables": ["/v1/vars"],
    "read a variable": ["/v1/var/nomad/jobs/web-job"],
    "write a variable": ["/v1/var/mine", "PUT", { Path: "mine", Items: { a: "b" } }],
  };
  let ask: (token: string) => (path: string, ...more: [string?, object?]) => Promise<Answer>;

  beforeAll(async () => {
    await nomad("/v1/namespace/other", "PUT", { Name: "other" });
    await nomad("/v1/jobs?namespace=other", "PUT", { Job: { ...job("there"), Namespace: "other" } });
    await nomad("/v1/var/nomad/jobs/web-job", "PUT", { Path: "nomad/jobs/web-job", Items: { password: "hunter2" } });
    const allocation = await run("web-job");
    const { ID } = (await nodeOfNomad()) as { ID: string };
    ask =
      (token) =>
      (path, ...more) =>
        agents.askNomad(token, path.replace("{allocation}", allocation).replace("{node}", ID), ...more);
  }, 120_000);

  const open = ["read the keys of workload identities", "read health", "read metrics"];

  test("requests without a token see nothing of the jobs", async () => {
    expect(await allowed(requests, ask(""))).toEqual(open);
  });

  test("a task cannot start in a namespace whose tasks have no role in Consul", async () => {
    await eventually(async () => {
      const allocations = JSON.stringify(await nomad("/v1/job/there/allocations?namespace=other"));
      expect(allocations).toMatch(/"ClientStatus":"failed".*failed to derive Consul token for task task/);
    }, 60_000);
  });

  test("a deployer may submit the jobs of its namespace, and nothing else", async () => {
    expect(await allowed(requests, ask(deployer.nomad))).toEqual([
      ...open,
      "list jobs",
      "read a job",
      "plan a job",
      "submit a job",
      "stop a job",
      "read node pools",
    ]);
  });

  test("an operator may look at everything but secrets, restart tasks and drain nodes", async () => {
    expect(await allowed(requests, ask(await nomadToken("operator")))).toEqual([
      ...open,
      "list jobs",
      "read a job",
      "list jobs of another namespace",
      "restart a task",
      "read a task's logs",
      "read a task's files",
      "list nodes",
      "drain nodes",
      "read node pools",
      "read the agent",
      "read the scheduler",
    ]);
  });
});

test("the tokens of deployers are enough to apply a mesh, to apply it again, and to remove it", async () => {
  const synthesized = testApp();
  const { mesh } = new MeshStack(synthesized, "mesh", { runtime: "exec", nomadNodePool: "default" });
  const api = mesh.addService("api", { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload });
  mesh.addService("page", { port: 9002, publish: 9002, workload: anyWorkload }).connectTo(api);
  mesh.addApiGateway("front-gate", { listeners: [ApiGatewayListener.http({ port: 8080 })] }).connectTo(api);
  mesh.addIngressGateway("back-gate", { listeners: [IngressListener.http({ port: 8081 })] }).connectTo(api);
  const outside = mesh.addExternalService("outside", { address: "192.0.2.7", port: 5432, plaintext: "It is a test." });
  mesh.addTerminatingGateway("egress").addService(outside);
  synthesized.synth();
  const own = new SynthesizedApp();
  try {
    const { endpoints, ...rest } = options(synthesized.outdir, own.stateDir);
    const asDeployer = {
      ...rest,
      endpoints: {
        consul: { ...endpoints.consul, token: deployer.consul },
        nomad: { ...endpoints.nomad, token: deployer.nomad },
      },
    };
    const { created } = await applyStacks(asDeployer);
    expect(created.map((address) => address.split(".")[0]).sort()).toEqual([
      ...Array<string>(9).fill("mesh/consul_config_entry"),
      "mesh/consul_node",
      "mesh/consul_service",
      ...Array<string>(5).fill("mesh/nomad_job"),
      "mesh/terraform_data",
    ]);
    expect((await applyStacks(asDeployer)).unchanged.sort()).toEqual(created.sort());
    expect((await destroyStacks(asDeployer)).deleted.sort()).toEqual(created.sort());
  } finally {
    own.remove();
  }
});

test("an edited stack changes what it says, and only that", async () => {
  const edited: AccessStackProps = {
    ...accessStack,
    consulAnonymous: { services: ["nomad-"] },
    nomadAnonymous: { namespaces: { default: "list" } },
    roles: { gatewaysByNomad: false },
  };
  const { created, updated, deleted } = await applyAccess(edited);
  expect({ created, updated: updated.sort(), deleted }).toEqual({
    created: ["access/nomad_acl_policy.anonymous"],
    updated: ["access/consul_acl_policy.anonymous", "access/consul_acl_policy.nomad-server"],
    deleted: [],
  });
  expect(Object.keys((await agents.askConsul("", "/v1/catalog/services")).body as object)).toEqual(["nomad-client"]);
  expect((await agents.askNomad("", "/v1/jobs")).body).not.toEqual([]);
  expect((await agents.askNomad("", "/v1/job/web-job")).status).toBe(403);
  await eventually(async () => {
    const { status, body } = await submitIngress();
    expect([status, body]).toEqual([500, expect.stringContaining("Permission denied")]);
  });
});

test("destroyed, the stack leaves the tokens and nothing else; what Nomad's own setup makes is the same", async () => {
  const rulesOf = async () => (await consul("/v1/acl/binding-rules?authmethod=nomad-workloads")) as object[];
  const own = { method: await consul("/v1/acl/auth-method/nomad-workloads"), rules: await rulesOf() };
  await destroyStacks(options(""));

  const namesAt = async (path: string) => ((await consul(path)) as { Name: string }[]).map(({ Name }) => Name);
  expect(await namesAt("/v1/acl/policies")).toEqual(expect.not.arrayContaining(["operator", "anonymous"]));
  for (const name of await namesAt("/v1/acl/policies")) expect(name).toMatch(/^(global-management|builtin\/.*)$/);
  expect(await namesAt("/v1/acl/roles")).toEqual([]);
  expect(await namesAt("/v1/acl/auth-methods")).toEqual([]);
  expect(await consul("/v1/acl/binding-rules")).toEqual([]);
  expect(await nomad("/v1/acl/policies")).toEqual([]);
  for (const accessor of Object.values(WELL_KNOWN_TOKENS)) {
    expect((await consul(`/v1/acl/token/${accessor}`)) as object).not.toHaveProperty("Policies");
  }

  const { address, token } = agents.endpoints.consul;
  execFileSync(
    agents.nomadProgram,
    ["setup", "consul", "-y", "-jwks-url", agents.jwksUrl, "-jwks-ca-file", agents.caFile],
    { env: { ...process.env, CONSUL_HTTP_ADDR: address, CONSUL_HTTP_TOKEN: token }, timeout: 60_000 },
  );
  const indices = { CreateIndex: expect.anything() as unknown, ModifyIndex: expect.anything() as unknown };
  expect(await consul("/v1/acl/auth-method/nomad-workloads")).toEqual({ ...(own.method as object), ...indices });
  const theirs = (await rulesOf()) as Record<string, unknown>[];
  expect(theirs).toHaveLength(2);
  for (const { BindType, Selector } of theirs) {
    expect(own.rules).toContainEqual(expect.objectContaining({ BindType, Selector }));
  }
});
