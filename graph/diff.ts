import { isDeepStrictEqual } from "node:util";
import type { Report, ReportedFinding, ReportedSilence } from "../constructs/checks/report";
import {
  identityOf,
  readDocuments,
  type EntryDocument,
  type JobDocument,
  type MeshDocuments,
} from "../lab/apply/documents";
import type { SynthesizedStack } from "../lab/apply/synthesized";
import { accessChanges, type AccessChange } from "./diff-access";
import { jobChange, portsOf, type JobChange } from "./diff-job";
import { nameOf } from "./names";
import { inPlaces } from "./tenancies";

/** What an app became. */
export interface Synthesis {
  readonly stacks: readonly SynthesizedStack[];
  /** @default no check ran */
  readonly report?: Report;
}

/** What changes from one synthesis to another. */
export interface MeshDiff {
  /** Which service may reach which, where that changes. */
  readonly access: readonly AccessChange[];
  /** Ports of nodes that are opened or closed. */
  readonly ports: readonly PortChange[];
  readonly jobs: readonly JobChange[];
  /** Config entries other than intentions, which are under `access`. */
  readonly entries: readonly EntryChange[];
  readonly silences: Change<ReportedSilence>;
  readonly warnings: Change<ReportedFinding>;
}

/** What is there only after the change, and what only before it. */
export interface Change<Item> {
  readonly added: readonly Item[];
  readonly removed: readonly Item[];
}

/** A port of a node. */
export interface PortChange {
  readonly change: "added" | "removed";
  /** Id of the job that has it. */
  readonly job: string;
  readonly port: number;
  /** Label of the port in its group. */
  readonly label: string;
}

/** A config entry. */
export interface EntryChange {
  readonly change: "added" | "removed" | "changed";
  readonly kind: string;
  readonly name: string;
  /** @default the only one of the app, which has no name */
  readonly datacenter?: string;
  /** Names of the fields that change. */
  readonly fields: readonly string[];
}

/** Compares two syntheses of an app. */
export function diffMeshes(before: Synthesis, after: Synthesis): MeshDiff {
  const [from, to] = [readDocuments(before.stacks), readDocuments(after.stacks)];
  return {
    access: accessChanges(from, to),
    ports: portChanges(from, to),
    jobs: jobChanges(from, to),
    entries: entryChanges(from, to),
    silences: changed(before.report?.silences, after.report?.silences, ({ id, path, reason }) => [id, path, reason]),
    warnings: changed(warningsOf(before), warningsOf(after), ({ id, path, problem }) => [id, path, problem]),
  };
}

/** Whether nothing changes. */
export function isEmpty({ access, ports, jobs, entries, silences, warnings }: MeshDiff): boolean {
  const lists = [access, ports, jobs, entries, silences.added, silences.removed, warnings.added, warnings.removed];
  return lists.every(({ length }) => length === 0);
}

function warningsOf({ report }: Synthesis): readonly ReportedFinding[] | undefined {
  return report?.findings.filter(({ level }) => level === "warning");
}

function changed<Item>(
  before: readonly Item[] = [],
  after: readonly Item[] = [],
  key: (item: Item) => unknown,
): Change<Item> {
  const missingIn = (items: readonly Item[]) => {
    const known = new Set(items.map((item) => JSON.stringify(key(item))));
    return (item: Item) => !known.has(JSON.stringify(key(item)));
  };
  return { added: after.filter(missingIn(before)), removed: before.filter(missingIn(after)) };
}

function portChanges(before: MeshDocuments, after: MeshDocuments): PortChange[] {
  const portsIn = ({ jobs }: MeshDocuments) => jobs.flatMap(({ job }) => portsOf(job));
  const { added, removed } = changed(portsIn(before), portsIn(after), ({ job, port }) => [job, port]);
  return [
    ...added.map((port) => ({ change: "added" as const, ...port })),
    ...removed.map((port) => ({ change: "removed" as const, ...port })),
  ];
}

function jobChanges(before: MeshDocuments, after: MeshDocuments): JobChange[] {
  const keyOf = ({ datacenter, job }: JobDocument) => JSON.stringify([datacenter, identityOf(job)]);
  return pairs(before.jobs, after.jobs, keyOf).flatMap(([from, to]) => jobChange(from?.job, to?.job) ?? []);
}

function entryChanges(before: MeshDocuments, after: MeshDocuments): EntryChange[] {
  const keyOf = ({ datacenter, entry }: EntryDocument) => JSON.stringify([datacenter, entry.Kind, nameOf(entry)]);
  const others = (documents: MeshDocuments) =>
    inPlaces(documents).entries.filter(({ entry }) => entry.Kind !== "service-intentions");
  return pairs(others(before), others(after), keyOf).flatMap(([from, to]) => {
    const some = to ?? from;
    const fields = [...new Set([...Object.keys(from?.entry ?? {}), ...Object.keys(to?.entry ?? {})])]
      .filter((field) => !isDeepStrictEqual(fieldOf(from, field), fieldOf(to, field)))
      .sort();
    if (some === undefined || fields.length === 0) return [];
    const change = from === undefined ? "added" : to === undefined ? "removed" : "changed";
    const { datacenter, entry } = some;
    return [{ change, kind: entry.Kind, name: nameOf(entry), ...(datacenter && { datacenter }), fields }];
  });
}

function fieldOf(document: EntryDocument | undefined, field: string): unknown {
  return (document?.entry as Readonly<Record<string, unknown>> | undefined)?.[field];
}

/** What has the same key, in the order of the keys. */
function pairs<Item>(
  before: readonly Item[],
  after: readonly Item[],
  keyOf: (item: Item) => string,
): readonly (readonly [Item | undefined, Item | undefined])[] {
  const byKey = (items: readonly Item[]) => new Map(items.map((item) => [keyOf(item), item]));
  const [from, to] = [byKey(before), byKey(after)];
  return [...new Set([...from.keys(), ...to.keys()])].sort().map((key) => [from.get(key), to.get(key)]);
}
