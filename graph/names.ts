import type * as consul from "../constructs/consul/generated/config-entries";
import type { ConfigEntryKind } from "../constructs/model/config-entries";
import type { MeshDocuments } from "../lab/apply/documents";
import { suggestionFor } from "../constructs/core/closest";
import { LabError } from "../lab/core/errors";

/** @throws LabError for a name that the app does not know: an answer about it would say nothing */
export function requireServices(documents: MeshDocuments, ...names: readonly string[]): void {
  const known = servicesIn(documents);
  for (const name of names) {
    if (!known.has(name)) throw missing(`service ${name}`, name, [...known]);
  }
}

/** What to say of a name that is none of the known ones. */
export function missing(what: string, name: string, known: readonly string[]): LabError {
  return known.length === 0
    ? new LabError(`Unknown ${what}: the app has none.`, "")
    : new LabError(
        [`Unknown ${what}.`, suggestionFor(name, known) ?? []].flat().join(" "),
        `Known names: ${[...known].sort().join(", ")}.`,
      );
}

/** The name of an entry; the one about the whole mesh has none. */
export function nameOf(entry: consul.ConfigEntry): string {
  return "Name" in entry ? (entry.Name ?? "") : "mesh";
}

/** Whatever has a name in the mesh: instances, defaults, rules, and sources that belong to other teams. */
function servicesIn({ jobs, entries, catalog }: MeshDocuments): ReadonlySet<string> {
  const instances = jobs.flatMap(({ job }) =>
    (job.TaskGroups ?? []).flatMap(({ Services }) => Services ?? []).map(({ Name }) => Name),
  );
  const named = entries.flatMap(({ entry }) => (NAMED_AFTER_SERVICES.includes(entry.Kind) ? [nameOf(entry)] : []));
  const sources = entries.flatMap(({ entry }) => (entry.Kind === "service-intentions" ? (entry.Sources ?? []) : []));
  const names = [...instances, ...named, ...sources.map(({ Name }) => Name), ...catalog.map(({ name }) => name)];
  return new Set(names.flatMap((name) => (name === undefined || name === "" ? [] : [name])));
}

const NAMED_AFTER_SERVICES: readonly ConfigEntryKind[] = [
  "api-gateway",
  "ingress-gateway",
  "service-defaults",
  "service-intentions",
  "service-resolver",
  "service-router",
  "service-splitter",
  "terminating-gateway",
];
