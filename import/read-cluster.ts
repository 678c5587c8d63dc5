import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type * as nomad from "../constructs/nomad/generated/job";
import type { EngineApi } from "../lab/cluster/engine-api";
import type { Cluster } from "../lab/cluster/cluster";
import { LabError } from "../lab/core/errors";
import type { JobFile } from "./app";
import { ENTRY_KINDS, entryOf, type Entry } from "./entries";
import { readJobFiles } from "./read-job-files";
import { jobAsWritten } from "./stored-job";
import { withoutNulls } from "./values";

/** What to read of a cluster. */
export interface Selection {
  /** Ids of jobs. @default all that run */
  readonly jobs: readonly string[];
  /** Nomad's namespaces. @default all that the token permits */
  readonly namespaces: readonly string[];
}

/** What a cluster has. */
export interface ClusterContent {
  readonly jobs: readonly JobFile[];
  readonly entries: readonly Entry[];
  /** Config entries that are not about services of the named jobs. */
  readonly others: readonly Entry[];
  /** Jobs that are not read, and why, as sentences. */
  readonly remarks: readonly string[];
}

interface JobStub {
  readonly ID: string;
  readonly Namespace: string;
  readonly ParentID: string;
  readonly Stop: boolean;
}

/** How long an engine may take to answer, in milliseconds. */
const ANSWER_MS = 30_000;

/**
 * Reads the jobs and config entries of a cluster. Changes nothing.
 *
 * @throws LabError if a named job does not exist, or if a token does not permit to read all
 */
export async function readCluster(
  { consul, nomad }: Pick<Cluster, "consul" | "nomad">,
  { jobs: names, namespaces }: Selection,
  signal: AbortSignal,
): Promise<ClusterContent> {
  const stubs: JobStub[] = [];
  for (const namespace of namespaces.length > 0 ? namespaces : ["*"]) {
    stubs.push(...((await ask(nomad, `/v1/jobs?namespace=${encodeURIComponent(namespace)}`)) as JobStub[]));
  }
  const own = stubs.filter(({ ParentID }) => ParentID === "");
  const missing = names.filter((name) => !own.some(({ ID }) => ID === name));
  if (missing.length > 0) {
    throw new LabError(
      `Nomad has no job ${missing.join(", ")}${namespaces.length > 0 ? ` in ${namespaces.join(", ")}` : ""}.`,
      `Its jobs: ${own.map(({ ID }) => ID).join(", ") || "none that the token in NOMAD_TOKEN permits to see"}.`,
    );
  }
  const wanted = own.filter(({ ID, Stop }) => (names.length > 0 ? names.includes(ID) : !Stop));
  const stopped = names.length > 0 ? [] : own.filter(({ Stop }) => Stop);
  const jobs: JobFile[] = [];
  for (const stub of wanted) jobs.push({ file: wordsFor(stub), job: await jobOf(nomad, stub, signal) });
  const all = await entriesOf(consul);
  const services = servicesOf(jobs);
  const isWanted = ({ name }: Entry) => names.length === 0 || services.has(name);
  return {
    jobs,
    entries: all.filter(isWanted),
    others: all.filter((entry) => !isWanted(entry)),
    remarks: stopped.map((stub) => `${wordsFor(stub)} is stopped, so it is not imported. Name it to import it.`),
  };
}

function wordsFor({ ID, Namespace }: JobStub): string {
  return `the job ${ID}${Namespace === "default" ? "" : ` in the namespace ${Namespace}`}`;
}

/** The job as it was written, if Nomad knows, else as Nomad stores it. */
async function jobOf(api: EngineApi, { ID, Namespace }: JobStub, signal: AbortSignal): Promise<nomad.Job> {
  const path = `/v1/job/${encodeURIComponent(ID)}`;
  const query = `?namespace=${encodeURIComponent(Namespace)}`;
  const stored = withoutNulls(await ask(api, `${path}${query}`)) as nomad.Job & {
    readonly Version?: number;
  };
  const submission = (await ask(api, `${path}/submission${query}&version=${stored.Version ?? 0}`)) as
    Submission | undefined;
  const written = submission && (await jobIn(submission, signal));
  // A program that registers jobs can hand in any text as what the job was written as.
  return written?.ID === ID && (written.Namespace ?? "default") === Namespace ? written : jobAsWritten(stored);
}

interface Submission {
  readonly Source: string;
  readonly Format: string;
  readonly VariableFlags?: Readonly<Record<string, string>> | null;
  readonly Variables?: string;
}

async function jobIn(submission: Submission, signal: AbortSignal): Promise<nomad.Job | undefined> {
  const { Source, Format, VariableFlags, Variables = "" } = submission;
  if (Format === "json") {
    const { Job: inside, ...job } = JSON.parse(Source) as nomad.Job & { readonly Job?: nomad.Job };
    return withoutNulls(inside ?? job) as nomad.Job;
  }
  if (Format !== "hcl2") return undefined;
  const folder = await mkdtemp(join(tmpdir(), "meshform-import-"));
  try {
    const [file, variables] = [join(folder, "job.nomad.hcl"), join(folder, "variables.hcl")];
    await writeFile(file, Source);
    await writeFile(variables, Variables);
    const values = Object.entries(VariableFlags ?? {}).map(([name, value]) => `${name}=${value}`);
    const [{ job }] = await readJobFiles([file], { values, files: Variables === "" ? [] : [variables] }, signal);
    return job;
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function entriesOf(consul: EngineApi): Promise<Entry[]> {
  const lists = await Promise.all(ENTRY_KINDS.map((kind) => ask(consul, `/v1/config/${kind}`)));
  return (lists as (Parameters<typeof entryOf>[0][] | undefined)[]).flatMap((list) => (list ?? []).map(entryOf));
}

/** What an engine answers; `undefined` if there is nothing, or if it does not know of such things. */
async function ask(api: EngineApi, path: string): Promise<unknown> {
  const { status, headers, text } = await api.ask(path, ANSWER_MS);
  const token = api.engine === "Consul" ? "CONSUL_HTTP_TOKEN" : "NOMAD_TOKEN";
  const [isFiltered, isDenied] = [headers["x-consul-results-filtered-by-acls"] === "true", status === 403];
  if (isFiltered || isDenied || status === 401) {
    throw new LabError(
      `${api.engine} does not permit to read ${isFiltered ? "all of " : ""}${path.split("?")[0]}${isFiltered ? "" : ` (${text.trim()})`}.`,
      api.engine === "Consul"
        ? `Set ${token} to a token with operator = "read", mesh = "read", and service_prefix "" with policy and intentions "read".`
        : `Set ${token} to a token with the capabilities list-jobs and read-job in the namespaces.`,
    );
  }
  if (status === 200) return JSON.parse(text) as unknown;
  // Consul does not know the kinds of its later versions, and of Consul Enterprise.
  if (status === 404 || /invalid config entry kind/i.test(text)) return undefined;
  throw new LabError(
    `${api.engine} at ${api.address} answers ${path.split("?")[0]} with status ${status}: ${text.trim().slice(0, 300)}`,
    `Check ${api.engine === "Consul" ? "CONSUL_HTTP_ADDR" : "NOMAD_ADDR"}, and read the log of ${api.engine}'s servers.`,
  );
}

/** Names of all services of jobs. */
function servicesOf(jobs: readonly JobFile[]): ReadonlySet<string> {
  const groups = jobs.flatMap(({ job }) => job.TaskGroups ?? []);
  return new Set(groups.flatMap(({ Services = [] }) => Services.map(({ Name = "" }) => Name)));
}
