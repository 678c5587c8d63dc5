import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WELL_KNOWN_TOKENS, type TokenRole } from "../../constructs";
import type { ClusterEndpoints } from "../../lab/cluster/engine-api";
import type { Engines } from "../../lab/machine/engines/engine";
import { waitFor } from "../../lab/core/wait";
import { freePorts } from "../../lab/core/free-ports";
import { endAgents, startAgent } from "./agent-processes";

/** What an engine answers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * A Consul server, a Nomad server and a Nomad client on the loopback interface, with access control that denies by default,
 * as hosts boot them: the well-known tokens are there and have no policy. Nomad's API speaks TLS.
 */
export interface SecureAgents {
  /** With management tokens. */
  readonly endpoints: ClusterEndpoints;
  /** Secrets of the well-known tokens in Consul; that of the anonymous is empty. */
  readonly secrets: Readonly<Record<TokenRole, string>>;
  readonly jwksUrl: string;
  /** PEM file of the authority that signed Nomad's certificate. */
  readonly caFile: string;
  /** Node name of the Consul agent. */
  readonly consulNode: string;
  /** Folder with the allocations. */
  readonly allocationsDir: string;
  /** Asks Consul with some token. */
  askConsul(token: string, path: string, method?: string, body?: unknown): Promise<Answer>;
  /** Asks Nomad with some token. */
  askNomad(token: string, path: string, method?: string, body?: unknown): Promise<Answer>;
  /** What the agents have logged so far. */
  logs(): { readonly consul: string; readonly nomad: string };
  /** Absolute path of Nomad's program. */
  readonly nomadProgram: string;
  /** Ends the agents and all tasks, and removes what they left. */
  stop(): Promise<void>;
}

/** @param nomadConfig what else Nomad is configured with */
export async function startSecureAgents(
  { consul, nomad }: Pick<Engines, "consul" | "nomad">,
  nomadConfig: Readonly<Record<string, unknown>> = {},
): Promise<SecureAgents> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-secure-"));
  const [http, grpc, rpc, serf, wan, tls, serverHttp, serverRpc, serverSerf, clientHttp] = await freePorts(10);
  const management = { consul: randomUUID(), nomad: randomUUID() };
  const secrets = Object.fromEntries(
    Object.keys(WELL_KNOWN_TOKENS).map((role) => [role, role === "anonymous" ? "" : randomUUID()]),
  ) as Record<TokenRole, string>;
  execFileSync(nomad.path, ["tls", "ca", "create"], { cwd: folder, timeout: 60_000 });
  execFileSync(nomad.path, ["tls", "cert", "create", "-server", "-region", "global"], { cwd: folder, timeout: 60_000 });
  const caFile = join(folder, "nomad-agent-ca.pem");
  const consulNode = "consul-under-test";
  const endpoints: ClusterEndpoints = {
    consul: { address: `http://127.0.0.1:${http}`, token: management.consul },
    nomad: { address: `https://127.0.0.1:${serverHttp}`, token: management.nomad, caFile },
  };

  const nomadAgent = (name: string, role: "nomad-server" | "nomad-client", agentHttp: number, settings: object) =>
    startAgent(folder, name, [nomad.path, "agent", "-config"], {
      name,
      data_dir: join(folder, name, "data"),
      bind_addr: "127.0.0.1",
      ports: { http: agentHttp, rpc: serverRpc, serf: serverSerf },
      advertise: {
        http: `127.0.0.1:${agentHttp}`,
        rpc: `127.0.0.1:${serverRpc}`,
        serf: `127.0.0.1:${serverSerf}`,
      },
      acl: { enabled: true },
      tls: {
        http: true,
        ca_file: caFile,
        cert_file: join(folder, "global-server-nomad.pem"),
        key_file: join(folder, "global-server-nomad-key.pem"),
      },
      consul: {
        address: `127.0.0.1:${http}`,
        token: secrets[role],
        service_identity: { aud: ["consul.io"], ttl: "1h" },
        task_identity: { aud: ["consul.io"], ttl: "1h" },
      },
      leave_on_interrupt: true,
      ...settings,
      ...nomadConfig,
    });
  const agents = [
    startAgent(folder, "consul", [consul.path, "agent", "-dev", "-bind=127.0.0.1", "-config-file"], {
      node_name: consulNode,
      acl: {
        enabled: true,
        default_policy: "deny",
        tokens: { initial_management: management.consul, agent: secrets["consul-agent"] },
      },
      telemetry: { prometheus_retention_time: "1m" },
      ports: { http, dns: -1, grpc, grpc_tls: tls, server: rpc, serf_lan: serf, serf_wan: wan },
    }),
    nomadAgent("nomad-server", "nomad-server", serverHttp, { server: { enabled: true, bootstrap_expect: 1 } }),
    nomadAgent("nomad-client", "nomad-client", clientHttp, {
      client: {
        enabled: true,
        servers: [`127.0.0.1:${serverRpc}`],
        options: { "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean" },
      },
      plugin: { raw_exec: { config: { enabled: true } } },
    }),
  ];

  const askConsul: SecureAgents["askConsul"] = async (token, path, method = "GET", body) => {
    const answer = await fetch(endpoints.consul.address + path, {
      method,
      headers: token === "" ? {} : { "X-Consul-Token": token },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: answer.status, body: parsed(await answer.text()) };
  };
  const ca = readFileSync(caFile);
  const askNomad: SecureAgents["askNomad"] = async (token, path, method = "GET", body) => {
    const { promise, resolve, reject } = deferred<Answer>();
    const headers = token === "" ? {} : { "X-Nomad-Token": token };
    const sent = request(new URL(path, endpoints.nomad.address), { method, headers, ca }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString()) });
      });
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  };

  const logOf = (name: string) => readFileSync(join(folder, `${name}.log`), "utf8");
  const stop = async () => {
    for (const [index, name] of ["consul", "nomad-server", "nomad-client"].entries()) {
      const { exitCode, signalCode } = agents[index];
      if ((exitCode ?? signalCode) !== null) {
        console.warn(`${name} has ended (${exitCode ?? signalCode}):\n${logOf(name).slice(-4000)}`);
      }
    }
    await endTasks((path, method) => askNomad(management.nomad, path, method)).catch((error: unknown) => {
      console.warn("Nomad could not end its tasks:", error);
    });
    await endAgents(folder, agents);
  };
  try {
    const is = async (answer: Promise<Answer>) => (await answer.catch(() => undefined))?.status === 200;
    await waitFor("Consul to let its manager in", () => is(askConsul(management.consul, "/v1/acl/token/self")), {
      timeoutMs: 60_000,
    });
    for (const [role, AccessorID] of Object.entries(WELL_KNOWN_TOKENS)) {
      if (role === "anonymous") continue;
      const token = { AccessorID, SecretID: secrets[role as TokenRole], Description: role };
      const { status, body } = await askConsul(management.consul, "/v1/acl/token", "PUT", token);
      if (status !== 200) throw new Error(`Consul makes no token for ${role}: ${String(body)}`);
    }
    const bootstrap = { BootstrapSecret: management.nomad };
    await waitFor("Nomad to be bootstrapped", () => is(askNomad("", "/v1/acl/bootstrap", "POST", bootstrap)), {
      timeoutMs: 60_000,
    });
    await waitFor(
      "a ready Nomad node",
      async () => JSON.stringify((await askNomad(management.nomad, "/v1/nodes")).body).includes('"Status":"ready"'),
      { timeoutMs: 60_000 },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoints,
    secrets,
    jwksUrl: `${endpoints.nomad.address}/.well-known/jwks.json`,
    caFile,
    consulNode,
    allocationsDir: join(folder, "nomad-client", "data", "alloc"),
    askConsul,
    askNomad,
    logs: () => ({ consul: logOf("consul"), nomad: logOf("nomad-server") + logOf("nomad-client") }),
    nomadProgram: nomad.path,
    stop,
  };
}

/** Tasks of `raw_exec` outlive an agent that ends before them. */
async function endTasks(ask: (path: string, method?: string) => Promise<Answer>): Promise<void> {
  const list = async (what: string) => ((await ask(`/v1/${what}?namespace=*`)).body ?? []) as NomadObject[];
  for (const { ID, Namespace } of await list("jobs")) {
    await ask(`/v1/job/${encodeURIComponent(ID)}?purge=true&namespace=${Namespace}`, "DELETE");
  }
  const hasEnded = async () => (await list("allocations")).every(({ ClientStatus }) => ClientStatus !== "running");
  await waitFor("the end of all tasks", hasEnded, { timeoutMs: 20_000 });
}

interface NomadObject {
  readonly ID: string;
  readonly Namespace: string;
  readonly ClientStatus: string;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
