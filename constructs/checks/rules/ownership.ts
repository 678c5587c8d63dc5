import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { TerraformStack } from "cdktf";
import { describe } from "../../errors";
import type { ServiceMesh } from "../../mesh/service-mesh";
import type { Check, Finding } from "../check";

const serviceName: Check = {
  id: "service-name",
  reason: "A service is found by DNS, and Nomad refuses other names.",
  level: "error",
  *find({ meshes }) {
    for (const service of meshes.flatMap((mesh) => mesh.services)) {
      if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(service.serviceName)) {
        yield {
          construct: service,
          problem: `"${service.serviceName}" cannot be the name of a service.`,
          fix: "Use letters, digits and dashes, at most 63, no dash at either end.",
        };
      }
    }
  },
};

const duplicateService: Check = {
  id: "duplicate-service",
  reason: "Two jobs of one name overwrite each other, and Consul would balance between two different programs.",
  level: "error",
  *find({ meshes }) {
    for (const mesh of meshes) {
      for (const service of mesh.services) {
        const first = mesh.findService(service.serviceName);
        if (first !== undefined && first !== service) {
          yield {
            construct: service,
            problem: `The service "${service.serviceName}" is already at ${describe(first)}.`,
            fix: "Give one of them another serviceName.",
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
      const owners = new Map<string, ConfigEntry>();
      for (const entry of configEntriesOf(mesh)) {
        const key = `${String(entry.kindInput)}/${String(entry.nameInput)}`;
        const owner = owners.get(key);
        if (owner === undefined) {
          owners.set(key, entry);
        } else if (!reported.has(entry)) {
          reported.add(entry);
          yield conflict(entry, owner, key);
        }
      }
    }
  },
};

/** The entries of all stacks in which the mesh has services: one Consul, as far as an app can tell. */
function configEntriesOf(mesh: ServiceMesh): ConfigEntry[] {
  const stacks = new Set([mesh, ...mesh.services].map((construct) => TerraformStack.of(construct)));
  return [...stacks].flatMap((stack) => stack.node.findAll().filter((node) => node instanceof ConfigEntry));
}

function conflict(entry: ConfigEntry, owner: ConfigEntry, key: string): Finding {
  return {
    construct: entry,
    problem: `The config entry ${key} already belongs to ${describe(owner)}.`,
    fix: "Keep one of the two, or tell the mesh that another owns it (proxyDefaults: false).",
  };
}

export const ownershipChecks: readonly Check[] = [serviceName, duplicateService, configEntryOwners];
