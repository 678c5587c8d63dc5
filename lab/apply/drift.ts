import { existsSync } from "node:fs";
import { identityOf, readDocuments, type EntryDocument, type JobDocument } from "./documents";
import { goDurationMs } from "./go-duration";
import { isObject, type JsonObject } from "./json";
import { jobPath } from "./nomad-deployment";
import { readStacks } from "./synthesized";
import type { Cluster } from "../cluster/cluster";
import { invocation } from "../core/invocation";
import type { Lab } from "../hosts/lab";
import { hostsOf } from "../hosts/topology";

/** What changes which service can reach which, and where requests go. The kinds that Nomad and Consul write themselves are none of them. */
const ruling = [
  ...["service-intentions", "service-defaults", "service-resolver", "service-splitter", "service-router"],
  ...["proxy-defaults", "mesh", "exported-services", "api-gateway", "http-route", "tcp-route"],
] as const;

/** What of a lab is not as the app says that was deployed to it last, one sentence each. */
export interface Drift {
  /** Jobs that were stopped or changed manually, config entries that are gone or changed: the next apply restores them. */
  readonly changed: readonly string[];
  /** Config entries that are not the app's, which no apply touches. */
  readonly foreign: readonly string[];
}

/**
 * Compares a lab with what was deployed to it last; finds nothing before an app was deployed.
 *
 * @param clusters all of the lab, the first one being where the app says none
 */
export async function driftOf(lab: Lab, clusters: readonly Cluster[]): Promise<Drift> {
  if (!existsSync(lab.files.synthesized)) return { changed: [], foreign: [] };
  const { jobs, entries } = readDocuments(readStacks(lab.files.synthesized));
  const drifts = clusters.map(async (cluster, index) => {
    const isHere = ({ datacenter }: { readonly datacenter?: string }) =>
      datacenter === undefined ? index === 0 : datacenter === cluster.datacenter;
    const datacenter = lab.topology?.datacenters.find(({ name }) => name === cluster.datacenter);
    const server = datacenter && hostsOf(datacenter, "server").at(0);
    const exec = lab.execOn(server?.name ?? "server-1");
    const where = clusters.length > 1 ? ` in ${cluster.datacenter}` : "";
    const ofJobs = jobs.filter(isHere).map((document) => driftOfJob(cluster, document, where));
    // Consul copies those of the primary of a WAN federation.
    const isCopy = datacenter?.primary !== undefined && datacenter.primary.name !== datacenter.name;
    const ofEntries = (isCopy ? [] : ruling).map((kind) =>
      driftOfEntries(cluster, kind, entries.filter(isHere), where, exec),
    );
    const changed = (await Promise.all(ofJobs)).flat();
    return [{ changed, foreign: [] }, ...(await Promise.all(ofEntries))];
  });
  const all = (await Promise.all(drifts)).flat();
  return { changed: all.flatMap(({ changed }) => changed), foreign: all.flatMap(({ foreign }) => foreign) };
}

async function driftOfJob({ nomad }: Cluster, { job, isOpen }: JobDocument, where: string): Promise<string[]> {
  const { ID, Namespace } = identityOf(job);
  const path = jobPath({ ID, Namespace });
  const live = (await nomad.get(path)) as { readonly Stop: boolean } | undefined;
  const fix = `\`${invocation("up")}\` starts it again.`;
  if (live === undefined) return [`The job ${ID}${where} is not in Nomad, but the app contains it: ${fix}`];
  if (live.Stop) return [`The job ${ID}${where} was stopped, but the app contains it: ${fix}`];
  if (isOpen) return [];
  const { Diff } = (await nomad.put(jobPath({ ID, Namespace }, "/plan"), { Job: job, Diff: true })) as {
    Diff: JobDiff;
  };
  const changes = changesOf(Diff);
  return changes.length === 0
    ? []
    : [`The job ${ID}${where} differs from the app (${changes.join(", ")}): \`${invocation("up")}\` restores it.`];
}

/** What is read of Nomad's plan. */
interface JobDiff {
  readonly Type: string;
  readonly Fields: readonly FieldDiff[] | null;
  readonly Objects: readonly JobDiff[] | null;
  readonly TaskGroups: readonly JobDiff[] | null;
  readonly Tasks: readonly JobDiff[] | null;
  readonly Name?: string;
  readonly ID?: string;
}

interface FieldDiff {
  readonly Type: string;
  readonly Name: string;
  readonly Old: string;
  readonly New: string;
}

/** Most changes that are named. */
const shown = 3;

function changesOf(diff: JobDiff): string[] {
  const walk = ({ Type, Name, ID, Fields, Objects, TaskGroups, Tasks }: JobDiff, path: string[]): string[] => {
    if (Type === "None") return [];
    const here = ID === undefined && Name ? [...path, Name] : path;
    return [
      ...(Fields ?? [])
        .filter((field) => field.Type !== "None")
        .map((field) => `${[...here, field.Name].join(".")} is "${field.Old}", not "${field.New}"`),
      ...[...(TaskGroups ?? []), ...(Tasks ?? []), ...(Objects ?? [])].flatMap((inner) => walk(inner, here)),
    ];
  };
  const changes = walk(diff, []);
  return changes.length > shown ? [...changes.slice(0, shown), "…"] : changes;
}

async function driftOfEntries(
  { consul }: Cluster,
  kind: (typeof ruling)[number],
  documents: readonly EntryDocument[],
  where: string,
  exec: string,
): Promise<Drift> {
  const live = ((await consul.get(`/v1/config/${kind}`)) ?? []) as (JsonObject & { readonly Name: string })[];
  const wanted = documents.filter(({ entry }) => entry.Kind === kind);
  const nameOf = ({ entry }: EntryDocument) => ("Name" in entry && entry.Name) || "mesh";
  const fix = `\`${invocation("up")}\` restores it.`;
  const changed = wanted.flatMap((document) => {
    const name = nameOf(document);
    const found = live.find((it) => (it.Name || "mesh") === name);
    if (found === undefined) return [`Consul${where} lacks the app's config entry ${kind}/${name}: ${fix}`];
    const fields = document.isOpen ? [] : differences({ ...document.entry }, found);
    return fields.length === 0
      ? []
      : [`The config entry ${kind}/${name}${where} differs from the app's in ${fields.join(", ")}: ${fix}`];
  });
  // A name that only Terraform knows may be any of them.
  if (wanted.some(({ isOpen }) => isOpen)) return { changed, foreign: [] };
  const names = new Set(wanted.map(nameOf));
  const foreign = live.filter(({ Name }) => !names.has(Name || "mesh"));
  return { changed, foreign: foreign.map((entry) => foreignEntry(kind, entry, where, exec)) };
}

function foreignEntry(
  kind: string,
  entry: JsonObject & { readonly Name: string },
  where: string,
  exec: string,
): string {
  const name = entry.Name || "mesh";
  const { Sources } = entry as { readonly Sources?: readonly Source[] | null };
  const said = kind === "service-intentions" ? `: ${(Sources ?? []).map((it) => sentenceOf(it, name)).join("; ")}` : "";
  const remove = `consul config delete -kind ${kind} -name '${name}'`;
  return `The config entry ${kind}/${name}${where} does not belong to the app${said}. To remove it: ${exec} ${remove}`;
}

interface Source {
  readonly Name: string;
  readonly Peer?: string;
  readonly Action?: string;
  readonly Permissions?: readonly unknown[] | null;
}

function sentenceOf({ Name, Peer, Action, Permissions }: Source, destination: string): string {
  const source = `${Name === "*" ? "every service" : Name}${Peer ? ` of ${Peer}` : ""}`;
  const may = Permissions?.length ? "can send some requests to" : Action === "allow" ? "may reach" : "may not reach";
  return `${source} ${may} ${destination === "*" ? "every service" : destination}`;
}

/** Fields that the app sets and Consul has otherwise. What Consul adds is no difference; the entry of the kind mesh has no name. */
function differences(wanted: JsonObject, live: JsonObject): string[] {
  return Object.keys(wanted).filter((key) => key !== "Name" && !covers(wanted[key], live[key]));
}

function covers(wanted: unknown, live: unknown): boolean {
  if (isEmpty(wanted) && isEmpty(live)) return true;
  if (Array.isArray(wanted) && Array.isArray(live)) {
    return wanted.length === live.length && wanted.every((item, index) => covers(item, live[index]));
  }
  if (isObject(wanted) && isObject(live)) return Object.keys(wanted).every((key) => covers(wanted[key], live[key]));
  return wanted === live || isSameDuration(wanted, live);
}

/** Consul answers with nanoseconds, or with `1m0s` where `60s` was written. */
function isSameDuration(wanted: unknown, live: unknown): boolean {
  const ms = typeof wanted === "string" ? goDurationMs(wanted) : undefined;
  return ms !== undefined && ms === (typeof live === "number" ? live / 1e6 : goDurationMs(String(live)));
}

/** What Go leaves out, or fills in, as it likes. */
function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isObject(value) ? Object.values(value).every(isEmpty) : !value;
}
