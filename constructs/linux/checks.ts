import type { IConstruct } from "constructs";
import type { Check } from "../checks/check";
import { listOfApp } from "../core/list-of-app";
import type { CloudInit } from "./cloud-init";
import type { HostData } from "./host";
import type { SnapshotOptions } from "./host-tool/snapshot-store";
import type { CloudPlatform } from "./platform";
import { securityGaps } from "./security-releases";
import { UNRESOLVED, unresolvedIn } from "./unresolved";
import { checkVersions, type Versions } from "./versions";

/** A group of hosts, as the checks see it. */
export interface CheckedHosts extends IConstruct {
  readonly count: number | undefined;
  readonly cluster: {
    readonly versions: Versions;
    readonly platform?: CloudPlatform;
    readonly snapshots?: SnapshotOptions;
  };
  readonly host: HostData;
  readonly hasServers: boolean;
  readonly overrides: readonly Readonly<Record<string, unknown>>[];
  readonly rendered: readonly CloudInit[];
  /** The props of the constructs from which the hosts are created. */
  readonly given: readonly { readonly at: IConstruct; readonly props: object }[];
  /** How agents find the servers. `undefined` for groups other than Consul servers. */
  readonly join?: readonly string[];
  /** The node pool of Nomad clients. */
  readonly nodePool?: string;
  /** Seconds that the jobs of a host get to move to other hosts. `undefined` if the hosts run no jobs. */
  readonly drainSeconds: number | undefined;
}

/** The groups of hosts of an app. A group that is added to the list is checked. */
export function hostsOf(scope: IConstruct): CheckedHosts[] {
  return listOfApp(scope, "hosts");
}

function consulServersIn(root: IConstruct): CheckedHosts[] {
  return hostsOf(root).filter(({ join }) => join !== undefined);
}

const versions: Check = {
  id: "versions",
  reason:
    "Consul supports only certain versions of Envoy, and Nomad only certain versions of Consul; others fail at run time.",
  level: "error",
  *find({ root }) {
    for (const servers of consulServersIn(root)) {
      for (const problem of checkVersions(servers.cluster.versions)) {
        yield { at: servers, problem, fix: "Choose compatible versions; the defaults are compatible." };
      }
    }
  },
};

const securityRelease: Check = {
  id: "security-release",
  reason: "Newer releases fix known vulnerabilities, which are described in public changelogs.",
  level: "warning",
  *find({ root }) {
    const hostGroups = hostsOf(root);
    for (const servers of consulServersIn(root)) {
      const hosts = hostGroups.filter(({ cluster }) => cluster === servers.cluster).map(({ host }) => host);
      const packages = hosts.flatMap((host) => host.packages.map(({ name, version }) => [name, version] as const));
      // If hosts run containers, Envoy is an image with the cluster's version.
      const { envoy } = servers.cluster.versions;
      const hasDocker = hosts.some(({ systemPackages }) => systemPackages.includes("docker.io"));
      const installed = Object.fromEntries([...packages, ...(hasDocker ? [["envoy", envoy] as const] : [])]);
      for (const { problem, fix } of securityGaps(installed)) {
        yield { at: servers, problem, fix };
      }
    }
  },
};

const serverCount: Check = {
  id: "server-count",
  reason:
    "An even number of servers tolerates no more failures than one server less; with a single server, the cluster depends on it.",
  level: "error",
  *find({ root }) {
    for (const servers of hostsOf(root).filter(({ hasServers }) => hasServers)) {
      if (servers.count !== 3 && servers.count !== 5) {
        yield {
          at: servers,
          saidBy: "unresolved-host-data",
          problem: `It has ${servers.count ?? "no"} server${servers.count === 1 ? "" : "s"}.`,
          fix: "Use 3, which tolerate the loss of one, or 5, which tolerate the loss of two.",
        };
      }
    }
  },
};

const joinAddress: Check = {
  id: "no-join-address",
  reason: "Agents without the address of a server never join the cluster.",
  level: "error",
  *find({ root }) {
    for (const servers of consulServersIn(root)) {
      if (servers.join?.length === 0) {
        yield {
          at: servers,
          problem: "Agents cannot find the servers: join is empty.",
          fix: `Set the addresses of the servers${autoJoinOf(servers)}.`,
        };
      }
    }
  },
};

function autoJoinOf({ cluster }: CheckedHosts): string {
  return cluster.platform === undefined ? "" : `, or a cloud auto-join string such as "${cluster.platform.autoJoin}"`;
}

const plaintextGrpc: Check = {
  id: "plaintext-grpc",
  reason: "The plaintext gRPC port sends certificates to Envoy unencrypted; the TLS port serves the same purpose.",
  level: "error",
  *find({ root }) {
    for (const group of hostsOf(root)) {
      for (const { ports } of group.overrides as readonly { readonly ports?: { readonly grpc?: number } }[]) {
        if ((ports?.grpc ?? 0) > 0) {
          yield {
            at: group,
            problem: `The override opens the plaintext gRPC port ${ports?.grpc}.`,
            fix: "Omit ports.grpc: proxies use TLS on port 8503.",
          };
        }
      }
    }
  },
};

const secretInHost: Check = {
  id: "secret-in-host",
  reason: "The files of a host are in its user data, which every process of the host can read.",
  level: "error",
  *find({ root }) {
    for (const group of hostsOf(root)) {
      for (const path of group.overrides.flatMap((override) => [...secretsIn(override, "")])) {
        yield {
          at: group,
          problem: `The override sets ${path}, which is a secret.`,
          fix: "Omit it: hosts fetch the cluster's own from the secret store at boot.",
        };
      }
    }
  },
};

/** Paths of the settings whose values are secrets, in the configuration of either agent. */
function* secretsIn(settings: unknown, path: string): Generator<string> {
  if (typeof settings !== "object" || settings === null) return;
  for (const [key, value] of Object.entries(settings)) {
    const here = path === "" ? key : `${path}.${key}`;
    if (typeof value !== "string") yield* secretsIn(value, here);
    else if (/(^|\.)(encrypt|token|key_pem|secret_key|tokens\.\w+)$/.test(here)) yield here;
  }
}

const userDataSize: Check = {
  id: "user-data-size",
  reason: "A cloud takes only so much user data; its platform says how much.",
  level: "error",
  *find({ root }) {
    for (const group of hostsOf(root)) {
      const { bytes: limit = Infinity, rule = "" } = group.cluster.platform?.userData ?? {};
      for (const { bytes, parts } of group.rendered.filter(({ bytes }) => bytes > limit)) {
        const sizes = parts
          .slice(0, 5)
          .map((part) => `${part.name} ${part.bytes}`)
          .join(", ");
        yield {
          at: group,
          problem: `The compressed user data has ${bytes} bytes; the limit is ${limit}. ${rule}`,
          fix: `Reduce a part, or combine small files into one of more than 4 KiB, which machines fetch from \`assets\`. The largest parts, each compressed separately: ${sizes}.`,
        };
      }
    }
  },
};

const unresolvedHostData: Check = {
  id: "unresolved-host-data",
  reason: "User data is compressed before Terraform runs, so Terraform cannot insert values.",
  level: "error",
  *find({ root }) {
    const groups = hostsOf(root);
    const given = groups.flatMap((group) => group.given.map(({ at, props }) => ({ group, at, props })));
    const found = given.flatMap(({ group, at, props }) =>
      [...unresolvedIn(props, "")].map((property) => ({ group, at, property })),
    );
    // Values that a group gets from the servers of its cluster are reported at the servers.
    const rest = groups
      .filter(({ cluster }) => !found.some(({ group }) => group.cluster === cluster))
      .flatMap((group) => [...unresolvedIn(group.host, "host")].map((property) => ({ group, at: group, property })));
    for (const { at, property } of [...found, ...rest]) {
      yield { at, problem: `${property} ${UNRESOLVED.problem}`, fix: UNRESOLVED.fix };
    }
  },
};

const clientPool: Check = {
  id: "no-client-pool",
  reason: "A service with a sidecar can only be placed on nodes that have the CNI plugins and the bridge settings.",
  level: "error",
  *find({ root, graph }) {
    const hostGroups = hostsOf(root);
    const pools = new Set(hostGroups.flatMap(({ nodePool }) => nodePool ?? []));
    if (pools.size === 0) return; // The clients belong to another app.
    for (const { key, version } of graph.data.jobs.values()) {
      const { NodePool: pool = "default" } = graph.jobOf(key);
      if (version === undefined && pool !== "all" && !pools.has(pool)) {
        yield {
          at: key,
          problem: `Its node pool is "${pool}", but no NomadClients of this app are in it.`,
          fix: `Known pools: ${[...pools].join(", ")}. Set nodePool of the mesh, the service or the gateway, or add clients to the pool.`,
        };
      }
    }
  },
};

export const HOST_CHECKS: readonly Check[] = [
  versions,
  securityRelease,
  serverCount,
  joinAddress,
  plaintextGrpc,
  secretInHost,
  userDataSize,
  unresolvedHostData,
  clientPool,
];
