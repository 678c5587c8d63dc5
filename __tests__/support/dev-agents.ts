import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClusterEndpoints } from "../../lab/cluster/engine-api";
import type { Engines } from "../../lab/machine/engines/engine";
import { waitFor } from "../../lab/core/wait";
import { freePorts } from "../../lab/core/free-ports";
import { endAgents, startAgent } from "./agent-processes";

/** Consul and Nomad in their development modes, on free ports of the loopback interface. */
export interface DevAgents {
  readonly endpoints: ClusterEndpoints;
  /** Ends both agents and all tasks, and removes what they left. */
  stop(): Promise<void>;
}

/** What may do everything in the Consul agent, whose ACL system is on. */
const managementToken = "7c3a6a1e-1f0e-4c77-9b0c-8f6d7c1f5a10";

/** @param nomadConfig what else Nomad is configured with */
export async function startDevAgents(
  { consul, nomad }: Pick<Engines, "consul" | "nomad">,
  nomadConfig: Readonly<Record<string, unknown>> = {},
): Promise<DevAgents> {
  const folder = mkdtempSync(join(tmpdir(), "meshform-agents-"));
  const ports = await freePorts(9);
  const [consulHttp, consulGrpc, consulServer, consulSerf, consulWan, consulTls, nomadHttp, nomadRpc, nomadSerf] =
    ports;
  const endpoints: ClusterEndpoints = {
    consul: { address: `http://127.0.0.1:${consulHttp}`, token: managementToken },
    nomad: { address: `http://127.0.0.1:${nomadHttp}` },
  };
  const agents = [
    startAgent(folder, "consul", [consul.path, "agent", "-dev", "-bind=127.0.0.1", "-config-file"], {
      check_update_interval: "1s",
      acl: { enabled: true, default_policy: "allow", tokens: { initial_management: managementToken } },
      ports: {
        http: consulHttp,
        dns: -1,
        grpc: consulGrpc,
        grpc_tls: consulTls,
        server: consulServer,
        serf_lan: consulSerf,
        serf_wan: consulWan,
      },
    }),
    startAgent(folder, "nomad", [nomad.path, "agent", "-dev", "-bind=127.0.0.1", "-config"], {
      ports: { http: nomadHttp, rpc: nomadRpc, serf: nomadSerf },
      consul: { address: `127.0.0.1:${consulHttp}`, token: managementToken },
      client: { options: { "fingerprint.denylist": "env_aws,env_gce,env_azure,env_digitalocean" } },
      plugin: { raw_exec: { config: { enabled: true } } },
      ...nomadConfig,
    }),
  ];
  const stop = async () => {
    await endTasks(endpoints.nomad.address);
    await endAgents(folder, agents);
  };
  try {
    await waitFor("the Consul leader", () => says(`${endpoints.consul.address}/v1/status/leader`, /:/), {
      timeoutMs: 60_000,
    });
    await waitFor("a ready Nomad node", () => says(`${endpoints.nomad.address}/v1/nodes`, /"Status":"ready"/), {
      timeoutMs: 60_000,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoints, stop };
}

/** Tasks of `raw_exec` outlive an agent that ends before them. */
async function endTasks(nomad: string): Promise<void> {
  const list = async (what: string) => (await (await fetch(`${nomad}/v1/${what}?namespace=*`)).json()) as NomadObject[];
  try {
    for (const { ID, Namespace } of await list("jobs")) {
      await fetch(`${nomad}/v1/job/${encodeURIComponent(ID)}?purge=true&namespace=${Namespace}`, { method: "DELETE" });
    }
    const hasEnded = async () => (await list("allocations")).every(({ ClientStatus }) => ClientStatus !== "running");
    await waitFor("the end of all tasks", hasEnded, { timeoutMs: 20_000 });
  } catch (error) {
    console.warn("Nomad could not end its tasks:", error);
  }
}

interface NomadObject {
  readonly ID: string;
  readonly Namespace: string;
  readonly ClientStatus: string;
}

async function says(url: string, pattern: RegExp): Promise<boolean> {
  const answer = await fetch(url, { headers: { "X-Consul-Token": managementToken } });
  return pattern.test(await answer.text());
}
