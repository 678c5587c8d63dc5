import type * as consul from "../../consul/generated/config-entries";
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

/** Yields what a config entry uses of Consul Enterprise, at any depth. The community edition accepts the name "default". */
function* featuresIn(value: unknown): Iterable<string> {
  if (typeof value !== "object" || value === null || isToken(value)) {
    return;
  }
  for (const [key, field] of Object.entries(value) as [string, unknown][]) {
    const feature = FEATURES[key];
    if (feature !== undefined && typeof field === "string" && !["", "default"].includes(field)) {
      yield feature;
    } else if (!OPAQUE.includes(key)) {
      yield* featuresIn(field);
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

const enterprise: Check = {
  id: "consul-enterprise",
  reason: "The community edition of Consul refuses config entries with fields of Consul Enterprise.",
  level: "warning",
  *find(app) {
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
      const features = new Set(entry.Kind === "sameness-group" ? ["sameness groups"] : featuresIn(entry));
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
        const features = new Set(featuresIn(Consul));
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
