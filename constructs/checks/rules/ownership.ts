import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { isOfPartition, partitionOf, tenancyOfKind, type Tenancy } from "../../consul/tenancy";
import type { Cluster } from "../../model/cluster";
import { keyOf } from "../../model/needs";
import { constructAt } from "../../model/origin";
import type { GatewayRecord, MemberRecord } from "../../model/records";
import type { Snapshot } from "../../model/snapshot";
import { proxyServiceOf } from "../../nomad/inbound-gateway-job";
import type { Check, CheckedApp } from "../check";
import { foreignEntriesIn } from "./foreign";
import { describePath } from "../../core/errors";
import { jobsIn } from "./records";

const serviceName: Check = {
  id: "service-name",
  reason: "Names of services must be valid in DNS, and Nomad refuses others in a mesh.",
  level: "error",
  *find({ graph }) {
    for (const member of graph.clusters.flatMap(({ members }) => members)) {
      const { name } = member;
      // The name of a proxy service is longer by its suffix.
      const spare = isInboundGateway(member) ? proxyServiceOf("").length : 0;
      if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name) || name.length > MAX_LABEL - spare) {
        yield {
          at: member.key,
          problem: `"${name}" cannot be the name of a ${spare > 0 ? "gateway" : "service"}.`,
          fix: `Use lower-case letters, digits and dashes, at most ${MAX_LABEL - spare} characters, no dash at either end.`,
        };
      }
    }
  },
};

/** Maximum length of a DNS label. */
const MAX_LABEL = 63;

const duplicateService: Check = {
  id: "duplicate-service",
  reason:
    "Names of services are unique in a Consul datacenter, regardless of case: Consul would balance between two different programs.",
  level: "error",
  *find({ root, graph }) {
    for (const cluster of graph.clusters) {
      for (const { member, first } of duplicateMembers(graph, cluster)) {
        yield {
          at: member.key,
          problem: `The service "${member.name}" already exists at ${describePath(first.key)}.`,
          fix: `Change one of the service names${elsewhere(root, first.key, member.key)}.`,
        };
      }
      const owners = new Map(namedIn(graph, cluster).map((member) => [member.name.toLowerCase(), member]));
      for (const [name, member] of namesOfProxies(graph, cluster)) {
        const other = owners.get(name.toLowerCase());
        if (other !== undefined) {
          yield {
            at: other.key,
            problem: `"${name}" is the name under which the Envoy of ${describePath(member.key)} is registered.`,
            fix: "Change the serviceName of the service.",
          };
        }
      }
    }
  },
};

/** An element with a name in the catalog of a cluster. */
interface Named {
  readonly key: string;
  readonly name: string;
}

/** Returns members, and services outside the mesh that jobs register. */
function namedIn(graph: Snapshot, cluster: Cluster): readonly Named[] {
  // What jobs register for an external service that is in the catalog are its instances.
  const others = graph.data.catalogServices.filter(({ mesh, name }) => {
    const member = cluster.find(name);
    const isInstance = member?.kind === "external service" && member.instances.length === 0;
    return graph.clusterOf(mesh) === cluster && !isInstance;
  });
  return others.length === 0
    ? cluster.members
    : [...cluster.members, ...others.map(({ origin, name }) => ({ key: origin.path, name }))];
}

/** Returns the elements whose name is already used by an earlier element. */
function duplicateMembers(graph: Snapshot, cluster: Cluster): { readonly member: Named; readonly first: Named }[] {
  const owners = new Map<string, Named>();
  return namedIn(graph, cluster).flatMap((member) => {
    const name = member.name.toLowerCase();
    const first = owners.get(name);
    owners.set(name, first ?? member);
    return first === undefined ? [] : [{ member, first }];
  });
}

/** Yields the services that Nomad and Consul register in addition to those of the mesh. */
function* namesOfProxies(graph: Snapshot, { members }: Cluster): Iterable<[name: string, owner: MemberRecord]> {
  for (const member of members) {
    if (member.kind === "service" && graph.instancesOf(member.key).some(({ proxy }) => proxy === "sidecar")) {
      yield [`${member.name}-sidecar-proxy`, member];
    } else if (isInboundGateway(member)) {
      yield [proxyServiceOf(member.name), member];
    }
  }
}

function isInboundGateway(member: MemberRecord): member is GatewayRecord {
  return member.kind === "gateway" && member.listeners.length > 0;
}

interface JobOwner {
  readonly key: string;
  readonly name?: string;
  readonly what: string;
  readonly cluster: Cluster;
}

const duplicateJob: Check = {
  id: "duplicate-job",
  reason: "Job IDs are unique in a Nomad namespace: the second job would replace the first.",
  level: "error",
  *find({ root, graph }) {
    const owners = new Map<string, JobOwner>();
    for (const job of graph.data.jobs.values()) {
      const { id, namespace = "default", version } = job;
      const what = version === undefined ? "" : ` (version ${version})`;
      const key = job.owner ?? job.key;
      const name = graph.data.members.get(key)?.name;
      const place = JSON.stringify([graph.nomadOf(job), namespace, id]);
      const owner = owners.get(place);
      // Two services with the same name in one cluster are reported separately.
      const isReported = owner?.cluster === graph.clusterOf(job.mesh) && owner.name === name && name !== undefined;
      if (owner !== undefined && !isReported) {
        yield {
          at: key,
          problem: `The job "${id}"${what} already belongs to ${describePath(owner.key)}${owner.what}.`,
          fix: `Change one of the names${tenanciesHint(graph, owner.key, key)}${elsewhere(root, owner.key, key)}.`,
        };
      }
      owners.set(place, owner ?? { key, name, what, cluster: graph.clusterOf(job.mesh) });
    }
  },
};

/** Returns a hint for services of the same name in two namespaces of Consul, which are two jobs. */
function tenanciesHint(graph: Snapshot, left: string, right: string): string {
  const [one, other] = [left, right].map((key) => graph.data.members.get(key)?.mesh ?? graph.data.jobs.get(key)?.mesh);
  return one === undefined || other === undefined || graph.clusterOf(one) === graph.clusterOf(other)
    ? ""
    : ", or set Nomad's namespace of one of the meshes";
}

const duplicateNode: Check = {
  id: "duplicate-node",
  reason:
    "A node in Consul's catalog has one address, so one of two external services would be reached at the address of the other.",
  level: "error",
  *find({ graph }) {
    for (const { partitionMates } of graph.clusters.filter((cluster) => cluster.partitionMates[0] === cluster)) {
      const members = partitionMates.flatMap((mate) => mate.members);
      const owners = new Map<string, string>();
      const external = members.filter((member) => member.kind === "external service");
      for (const { key, nodeName } of external.flatMap(({ key, instances }) =>
        instances.map(({ nodeName }) => ({ key, nodeName })),
      )) {
        const owner = owners.get(nodeName.toLowerCase());
        if (owner !== undefined) {
          yield {
            at: key,
            problem: `The catalog node "${nodeName}" already belongs to ${describePath(owner)}.`,
            fix: "Change one of the node names.",
          };
        }
        owners.set(nodeName.toLowerCase(), owner ?? key);
      }
    }
  },
};

/** Returns a hint for names that two stacks use. */
function elsewhere(root: IConstruct, left: string, right: string): string {
  const [one, other] = [left, right].map((path) => {
    const construct = constructAt(root, path);
    return construct && TerraformStack.of(construct);
  });
  return one === other
    ? ""
    : "; or, if the stacks are for different clusters, set the datacenter of each mesh or the address of each provider";
}

const configEntryOwners: Check = {
  id: "config-entry-owners",
  reason: "With two owners of a config entry, the last apply wins, and each plan shows a difference.",
  level: "error",
  *find(app) {
    const { root, graph } = app;
    const entries = entriesIn(app);
    const written = entriesWrittenByNomad(graph);
    for (const cluster of graph.clusters) {
      // For two services with the same name, all entries exist twice. The duplicate name is already reported.
      const duplicates = duplicateMembers(graph, cluster).map(({ member }) => `${member.key}/`);
      const writtenByNomad = written.get(cluster);
      const owners = new Map<string, string>();
      for (const { at, kind, name } of entries.get(cluster) ?? []) {
        const key = `${kind}/${name}`;
        const known = key.toLowerCase();
        const owner = owners.get(known);
        const job = writtenByNomad?.get(known);
        if (duplicates.some((path) => at.startsWith(path))) {
          continue;
        }
        // Nomad writes the same entry as the terminating gateway itself declares, so that it is removed with the gateway.
        const isSame = kind === "terminating-gateway" && job !== undefined && at.startsWith(`${job}/`);
        if (job !== undefined && !isSame) {
          yield {
            at,
            problem: `The config entry ${key} already belongs to Nomad, which writes it from the gateway block in the job of ${describePath(job)}.`,
            fix: "Keep one of the two.",
          };
        } else if (owner !== undefined) {
          yield {
            at,
            problem: `The config entry ${key} already belongs to ${describePath(owner)}.`,
            fix: `Keep one of the two${remedyFor(kind)}${elsewhere(root, owner, at)}.`,
          };
        } else {
          owners.set(known, at);
        }
      }
    }
  },
};

/** How to set fields of an entry that the constructs write, or to let another owner write it. */
const REMEDIES: Readonly<Partial<Record<string, string>>> = {
  "proxy-defaults": "set fields in proxyDefaults of the mesh, or proxyDefaults: false if another owner writes it",
  mesh: "set fields in meshConfig of the mesh, or meshConfig: false if another owner writes it",
  "service-defaults": "set fields in serviceDefaults of the service",
  "service-intentions": "state who can reach the service with allowFrom or connectTo",
  "service-resolver": "set fields with resolve, in `override` where it has no option for them",
  "service-splitter": "state all splits with split",
  "service-router": "state all routes with route",
  "exported-services": "let the mesh export services, by connections from other datacenters",
  "api-gateway": "set fields in the listeners of the gateway",
  "ingress-gateway": "set fields in the listeners of the gateway",
  "terminating-gateway": "set fields at the external services",
  "http-route": "rename one of the routes",
  "tcp-route": "rename one of the routes",
};

function remedyFor(kind: string): string {
  const remedy = REMEDIES[kind];
  return remedy === undefined ? "" : `: ${remedy}`;
}

/** A config entry, and the resource that owns it. */
interface OwnedEntry {
  /** Path of the resource. */
  readonly at: string;
  readonly kind: string;
  readonly name: string;
}

/** Returns the entries of all stacks that contain parts of a cluster's meshes. They are assumed to be in the same Consul. */
function entriesIn(app: CheckedApp): ReadonlyMap<Cluster, readonly OwnedEntry[]> {
  const { graph } = app;
  const entries = new Map(graph.clusters.map((cluster): [Cluster, OwnedEntry[]] => [cluster, []]));
  const add = (stated: Cluster | undefined, tenancy: Tenancy, entry: OwnedEntry) => {
    const cluster = ownerOf(graph, stated, entry.kind, tenancy);
    if (cluster !== undefined) {
      entries.get(cluster)?.push(entry);
    }
  };
  for (const emission of graph.emissions) {
    const { subject, resource } = emission;
    if ("entry" in subject && graph.contentOf(emission) !== undefined) {
      const { kind, name, tenancy = {} } = subject.entry;
      add(graph.clusterOfEmission(emission), tenancy, { at: resource.node.path, kind, name });
    }
  }
  for (const entry of foreignEntriesIn(app)) {
    const { path: stack } = TerraformStack.of(entry).node;
    const { partitionInput: partition, namespaceInput: namespace } = entry;
    add(
      graph.clusterOfStack(stack),
      { partition, namespace },
      { at: entry.node.path, kind: String(entry.kindInput), name: String(entry.nameInput) },
    );
  }
  return entries;
}

/** Returns the cluster of an entry. All namespaces of a partition share some kinds, which are attributed to the first one. */
function ownerOf(graph: Snapshot, stated: Cluster | undefined, kind: string, given: Tenancy): Cluster | undefined {
  const tenancy = tenancyOfKind(kind, given);
  return isOfPartition(kind)
    ? stated?.datacenterMates.find((mate) => partitionOf(mate.tenancy) === partitionOf(tenancy))
    : graph.clusterAt(stated, tenancy);
}

/** Returns the keys of entries that Nomad writes, with the jobs that cause it. */
function entriesWrittenByNomad(graph: Snapshot): ReadonlyMap<Cluster, ReadonlyMap<string, string>> {
  const written = new Map(graph.clusters.map((cluster) => [cluster, new Map<string, string>()]));
  for (const { job, rendered } of jobsIn(graph)) {
    for (const { Services = [] } of rendered.TaskGroups ?? []) {
      for (const { Name = "", Connect } of Services) {
        if (Connect?.Gateway?.Ingress !== undefined) {
          written.get(graph.clusterOf(job.mesh))?.set(keyOf({ kind: "ingress-gateway", name: Name }), job.key);
        }
        if (Connect?.Gateway?.Terminating !== undefined) {
          written.get(graph.clusterOf(job.mesh))?.set(keyOf({ kind: "terminating-gateway", name: Name }), job.key);
        }
      }
    }
  }
  return written;
}

export const ownershipChecks: readonly Check[] = [
  serviceName,
  duplicateService,
  duplicateJob,
  duplicateNode,
  configEntryOwners,
];
