import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import { isEmitted } from "../../consul/consul-config-entry";
import { describe } from "../../errors";
import { isFrontGateway } from "../../mesh/gateways/front-gateway";
import type { ServiceMesh } from "../../mesh/service-mesh";
import { companionOf } from "../../nomad/front-gateway-job";
import type { Check } from "../check";

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
  reason: "Two jobs of one name overwrite each other, and Consul would balance between two different programs.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      for (const member of mesh.members) {
        const first = mesh.find(member.serviceName);
        if (first !== undefined && first !== member) {
          yield {
            construct: member,
            problem: `The service "${member.serviceName}" is already at ${describe(first)}.`,
            fix: "Give one of them another serviceName.",
          };
        }
      }
      for (const gateway of mesh.gateways.filter(isFrontGateway)) {
        const companion = companionOf(gateway.serviceName);
        const other = mesh.find(companion);
        if (other !== undefined) {
          yield {
            construct: gateway,
            problem: `Its companion, the service "${companion}", is already at ${describe(other)}.`,
            fix: "Give one of them another serviceName.",
          };
        }
      }
      for (const { service, jobName } of mesh.services.flatMap(({ versions }) => versions)) {
        const other = mesh.find(jobName);
        if (other !== undefined) {
          yield {
            construct: service,
            problem: `The job "${jobName}" of its version is already that of ${describe(other)}.`,
            fix: "Give the version, or the other service, another name.",
          };
        }
      }
    }
  },
};

const configEntryOwners: Check = {
  id: "config-entry-owners",
  reason: "A config entry has one content: of two owners the last to apply wins, and each plan finds a difference.",
  level: "error",
  *find({ meshes }) {
    const reported = new Set<ConfigEntry>();
    for (const mesh of meshes) {
      const writtenByNomad = new Map(entriesWrittenByNomad(mesh));
      const owners = new Map<string, ConfigEntry>();
      for (const entry of configEntriesOf(mesh)) {
        const key = `${String(entry.kindInput)}/${String(entry.nameInput)}`;
        const job = writtenByNomad.get(key);
        const owner = owners.get(key);
        if (job === undefined && owner === undefined) {
          owners.set(key, entry);
        } else if (!reported.has(entry)) {
          reported.add(entry);
          yield job === undefined
            ? {
                construct: entry,
                problem: `The config entry ${key} already belongs to ${describe(owner ?? mesh)}.`,
                fix: "Keep one of the two, or tell the mesh that another owns it (proxyDefaults: false).",
              }
            : {
                construct: entry,
                problem: `The config entry ${key} already belongs to Nomad, which writes it from the gateway block in the job of ${describe(job)}.`,
                fix: "Keep one of the two.",
              };
        }
      }
    }
  },
};

/** The entries of all stacks in which the mesh has members: one Consul, as far as an app can tell. */
function configEntriesOf(mesh: ServiceMesh): ConfigEntry[] {
  const stacks = new Set([mesh, ...mesh.members].map((construct) => TerraformStack.of(construct)));
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

export const ownershipChecks: readonly Check[] = [serviceName, duplicateService, configEntryOwners];
