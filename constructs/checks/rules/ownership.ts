import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { isEmitted } from "../../consul/consul-config-entry";
import { describe } from "../../core/errors";
import { isFrontGateway } from "../../mesh/gateways/front-gateway";
import type { ServiceMesh } from "../../mesh/service-mesh";
import type { IMeshMember } from "../../mesh/mesh-member";
import { ServiceVersion } from "../../mesh/traffic/service-version";
import { companionOf } from "../../nomad/front-gateway-job";
import type { Check } from "../check";
import { consulClusters, nomadClusterOf, type ConsulCluster } from "../same-cluster";

const serviceName: Check = {
  id: "service-name",
  reason: "A service is found by DNS, and Nomad refuses other names in a mesh.",
  level: "error",
  *find({ meshes }) {
    for (const member of meshes.flatMap((mesh) => mesh.members)) {
      const { serviceName } = member;
      // A companion has a name that is longer by its ending.
      const spare = isFrontGateway(member) ? companionOf("").length : 0;
      if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(serviceName) || serviceName.length > MAX_LABEL - spare) {
        yield {
          construct: member,
          problem: `"${serviceName}" cannot be the name of a ${spare > 0 ? "gateway" : "service"}.`,
          fix: `Use lower-case letters, digits and dashes, at most ${MAX_LABEL - spare}, no dash at either end.`,
        };
      }
    }
  },
};

/** How long a label may be in DNS. */
const MAX_LABEL = 63;

const duplicateService: Check = {
  id: "duplicate-service",
  reason:
    "A Consul datacenter knows a name once, in upper or lower case: it would balance between two different programs.",
  level: "error",
  *find({ meshes }) {
    for (const cluster of consulClusters(meshes)) {
      for (const { member, first } of duplicateMembers(cluster)) {
        yield {
          construct: member,
          problem: `The service "${member.serviceName}" is already at ${describe(first)}.`,
          fix: `Give one of them another serviceName${elsewhere(first, member)}.`,
        };
      }
      const owners = new Map(membersOf(cluster).map((member) => [member.serviceName.toLowerCase(), member]));
      for (const [name, member] of namesOfProxies(cluster.meshes)) {
        const other = owners.get(name.toLowerCase());
        if (other !== undefined) {
          yield {
            construct: other,
            problem: `"${name}" is the name under which the Envoy of ${describe(member)} is registered.`,
            fix: "Give the service another serviceName.",
          };
        }
      }
    }
  },
};

function membersOf({ meshes }: ConsulCluster): IMeshMember[] {
  return meshes.flatMap((mesh) => mesh.members);
}

/** Each member whose name another one has before it. */
function duplicateMembers(cluster: ConsulCluster): { readonly member: IMeshMember; readonly first: IMeshMember }[] {
  const owners = new Map<string, IMeshMember>();
  return membersOf(cluster).flatMap((member) => {
    const name = member.serviceName.toLowerCase();
    const first = owners.get(name);
    owners.set(name, first ?? member);
    return first === undefined ? [] : [{ member, first }];
  });
}

/** The services that Nomad and Consul register next to those of the mesh. */
function* namesOfProxies(meshes: readonly ServiceMesh[]): Iterable<[name: string, owner: IMeshMember]> {
  for (const mesh of meshes) {
    for (const service of mesh.services) {
      if (service.props.connectNative !== true) {
        yield [`${service.serviceName}-sidecar-proxy`, service];
      }
    }
    for (const gateway of mesh.gateways.filter(isFrontGateway)) {
      yield [companionOf(gateway.serviceName), gateway];
    }
  }
}

const duplicateJob: Check = {
  id: "duplicate-job",
  reason: "Nomad knows an id once in a namespace: of two jobs the second replaces the first.",
  level: "error",
  *find({ meshes }) {
    const owners = new Map<string, { readonly construct: IMeshMember; readonly what: string }>();
    for (const mesh of meshes) {
      const cluster = nomadClusterOf(mesh);
      for (const { construct, id, namespace = "default", what } of jobsOf(mesh)) {
        const key = JSON.stringify([cluster, namespace, id]);
        const owner = owners.get(key);
        // Two services of one name are reported as such.
        if (owner !== undefined && owner.construct.serviceName !== construct.serviceName) {
          yield {
            construct,
            problem: `The job "${id}"${what} is already that of ${describe(owner.construct)}${owner.what}.`,
            fix: `Give one of them another name${elsewhere(owner.construct, construct)}.`,
          };
        }
        owners.set(key, owner ?? { construct, what });
      }
    }
  },
};

function* jobsOf(mesh: ServiceMesh) {
  for (const job of mesh.serviceJobs) {
    const what = job instanceof ServiceVersion ? ` of its version ${job.version}` : "";
    const construct = job instanceof ServiceVersion ? job.service : job;
    yield { construct, what, id: job.jobName, namespace: job.props.namespace ?? mesh.props.namespace };
  }
  for (const gateway of mesh.gateways) {
    const namespace = gateway.props.namespace ?? mesh.props.namespace;
    yield { construct: gateway, what: "", id: gateway.serviceName, namespace };
  }
}

const duplicateNode: Check = {
  id: "duplicate-node",
  reason: "A node of Consul's catalog has one address: of two services outside, one would be sought at the other's.",
  level: "error",
  *find({ meshes }) {
    for (const cluster of consulClusters(meshes)) {
      const owners = new Map<string, IConstruct>();
      for (const service of cluster.meshes.flatMap((mesh) => mesh.externalServices)) {
        const owner = owners.get(service.nodeName.toLowerCase());
        if (owner !== undefined) {
          yield {
            construct: service,
            problem: `The catalog node "${service.nodeName}" is already that of ${describe(owner)}.`,
            fix: "Give one of them another nodeName.",
          };
        }
        owners.set(service.nodeName.toLowerCase(), owner ?? service);
      }
    }
  },
};

/** What else could be meant where two stacks use a name. */
function elsewhere(left: IConstruct, right: IConstruct): string {
  return TerraformStack.of(left) === TerraformStack.of(right)
    ? ""
    : "; or, if the stacks are for different clusters, name the datacenter of each mesh or the address of each provider";
}

const configEntryOwners: Check = {
  id: "config-entry-owners",
  reason: "A config entry has one content: of two owners the last to apply wins, and each plan finds a difference.",
  level: "error",
  *find({ meshes }) {
    for (const cluster of consulClusters(meshes)) {
      // Of two services with one name everything is there twice, and that they are is reported already.
      const duplicates = new Set<IConstruct>(duplicateMembers(cluster).map(({ member }) => member));
      const isOfDuplicate = (entry: ConfigEntry) => entry.node.scopes.some((scope) => duplicates.has(scope));
      const writtenByNomad = new Map(cluster.meshes.flatMap((mesh) => [...entriesWrittenByNomad(mesh)]));
      const owners = new Map<string, ConfigEntry>();
      for (const entry of configEntriesOf(cluster.meshes)) {
        const key = `${String(entry.kindInput)}/${String(entry.nameInput)}`;
        const job = writtenByNomad.get(key);
        const owner = owners.get(key.toLowerCase());
        if (isOfDuplicate(entry)) {
          continue;
        }
        if (job !== undefined) {
          yield {
            construct: entry,
            problem: `The config entry ${key} already belongs to Nomad, which writes it from the gateway block in the job of ${describe(job)}.`,
            fix: "Keep one of the two.",
          };
        } else if (owner !== undefined) {
          yield {
            construct: entry,
            problem: `The config entry ${key} already belongs to ${describe(owner)}.`,
            fix: `Keep one of the two, or tell the mesh that another owns it (proxyDefaults: false)${elsewhere(owner, entry)}.`,
          };
        } else {
          owners.set(key.toLowerCase(), entry);
        }
      }
    }
  },
};

/** The entries of all stacks in which the meshes have members: one Consul, as far as an app can tell. */
function configEntriesOf(meshes: readonly ServiceMesh[]): ConfigEntry[] {
  const members = meshes.flatMap((mesh) => [mesh, ...mesh.members]);
  const stacks = new Set(members.map((construct) => TerraformStack.of(construct)));
  return [...stacks]
    .flatMap((stack) => stack.node.findAll())
    .filter((node) => node instanceof ConfigEntry)
    .filter(isEmitted);
}

function* entriesWrittenByNomad({ services, gateways }: ServiceMesh): Iterable<[key: string, owner: IConstruct]> {
  for (const owner of [...services, ...gateways]) {
    for (const { Name = "", Connect } of owner.renderJob().TaskGroups?.flatMap((group) => group.Services ?? []) ?? []) {
      if (Connect?.Gateway?.Ingress !== undefined) {
        yield [`ingress-gateway/${Name}`, owner];
      }
      if (Connect?.Gateway?.Terminating !== undefined) {
        yield [`terminating-gateway/${Name}`, owner];
      }
    }
  }
}

export const ownershipChecks: readonly Check[] = [
  serviceName,
  duplicateService,
  duplicateJob,
  duplicateNode,
  configEntryOwners,
];
