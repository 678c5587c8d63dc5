import type * as consul from "../../consul/generated/config-entries";
import {
  DEFAULT_NAME,
  fullTenancy,
  isDefaultTenancy,
  namespaceOf,
  tenancyFields,
  tenancyText,
  type Tenancy,
} from "../../consul/tenancy";
import { itemsOf } from "../../core/problems";
import { isToken } from "../../core/token";
import type { Check } from "../check";
import { entriesOf } from "./entries";
import { jobsIn } from "./records";

/** Fields of config entries that name an object of Consul Enterprise, and what that is. */
const FEATURES: Readonly<Partial<Record<string, string>>> = {
  Namespace: "namespaces",
  Partition: "admin partitions",
  SamenessGroup: "sameness groups",
};

/** Fields whose content Consul does not interpret. */
const OPAQUE = ["Add", "Arguments", "Config", "Meta", "Set"];

/**
 * Yields what a config entry or the block `consul` of a group uses of Consul Enterprise, at any depth.
 *
 * @param known tenancies of the meshes of the app, which are reported once for each mesh
 * @param accepted names that the community edition accepts
 */
function* featuresIn(value: unknown, known: ReadonlySet<string>, accepted: readonly string[] = []): Iterable<string> {
  if (typeof value !== "object" || value === null || isToken(value)) {
    return;
  }
  for (const [key, field] of Object.entries(value) as [string, unknown][]) {
    const feature = FEATURES[key];
    if (feature !== undefined && typeof field === "string" && !["", ...accepted].includes(field)) {
      if (!known.has(`${key} ${field}`)) {
        yield feature;
      }
    } else if (!OPAQUE.includes(key)) {
      yield* featuresIn(field, known, accepted);
    }
  }
}

function requiresTokens(entry: consul.ConfigEntry): boolean {
  return entry.Kind === "api-gateway"
    ? itemsOf(entry.Listeners).some(({ Default, Override }) =>
        [Default?.JWT, Override?.JWT].some((it) => it !== undefined),
      )
    : entry.Kind === "http-route" && itemsOf(entry.Rules).some(({ Filters }) => Filters?.JWT !== undefined);
}

/** Nomad's community edition registers services of every namespace in the default one. */
function featuresOf(tenancy: Tenancy): string {
  return namespaceOf(tenancy) === DEFAULT_NAME
    ? "admin partitions require Consul Enterprise"
    : "namespaces require Consul Enterprise and Nomad Enterprise";
}

const enterprise: Check = {
  id: "consul-enterprise",
  reason: "The community edition of Consul refuses config entries with fields of Consul Enterprise.",
  level: "warning",
  *find(app) {
    const known = new Set<string>();
    for (const { key, tenancy = {} } of app.graph.data.meshes.values()) {
      if (!isDefaultTenancy(tenancy)) {
        const { Partition, Namespace } = tenancyFields(fullTenancy(tenancy));
        for (const name of [Partition, DEFAULT_NAME]) known.add(`Partition ${name}`);
        for (const name of [Namespace, DEFAULT_NAME]) known.add(`Namespace ${name}`);
        yield {
          at: key,
          problem: `It is in ${tenancyText(tenancy)}, and ${featuresOf(tenancy)}.`,
          fix: "Omit tenancy for the community edition, or silence this check.",
        };
      }
    }
    for (const [at, entry] of entriesOf(app)) {
      const name = "Name" in entry ? (entry.Name ?? "") : "";
      if (entry.Kind === "service-defaults" && entry.RateLimits !== undefined) {
        yield {
          at,
          problem: `The rate limits of ${name} require Consul Enterprise.`,
          fix: "Omit rateLimits for the community edition, or silence this check. MaxInboundConnections in serviceDefaults limits connections in both editions.",
        };
      }
      if (requiresTokens(entry)) {
        yield {
          at,
          problem: `The tokens that ${entry.Kind}/${name} requires need Consul Enterprise.`,
          fix: "Require them with requireJwt of the services behind the gateway for the community edition, or silence this check.",
        };
      }
      const features = new Set(entry.Kind === "sameness-group" ? ["sameness groups"] : featuresIn(entry, known));
      if (features.size > 0) {
        yield {
          at,
          problem: `The config entry ${entry.Kind}/${name} uses ${[...features].join(" and ")}, which require Consul Enterprise.`,
          fix: "Omit them for the community edition, or silence this check.",
        };
      }
    }
    for (const { job, rendered } of jobsIn(app.graph)) {
      for (const { Name = "", Consul } of rendered.TaskGroups ?? []) {
        const features = new Set(featuresIn(Consul, known, [DEFAULT_NAME]));
        if (features.size > 0) {
          yield {
            at: job.key,
            problem: `The group ${Name} of the job ${job.id} uses ${[...features].join(" and ")} of Consul, which require Consul Enterprise.`,
            fix: "Omit them for the community edition, or silence this check.",
          };
        }
      }
    }
  },
};

export const enterpriseChecks: readonly Check[] = [enterprise];
