import { App, TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import type * as consul from "../constructs/consul/generated/config-entries";
import { readReport, removeReport, type Report, type ReportedFinding } from "../constructs/checks/report";
import type { ConfigEntryKind, ConfigEntryOf } from "../constructs/model/config-entries";
import type { HttpRequest } from "../constructs/model/http-request";
import type { Reach } from "../constructs/model/reach";
import type * as nomad from "../constructs/nomad/generated/job";
import { explain } from "../graph/explain";
import { missing, nameOf, requireServices } from "../graph/names";
import { readDocuments, type MeshDocuments } from "../lab/apply/documents";
import { readStacks } from "../lab/apply/synthesized";

/** The result of synthesizing an app. */
interface Synthesized {
  readonly report: Report;
  /** The error that ended the synthesis. */
  readonly error?: Error;
  /** @default nothing was synthesized */
  readonly documents?: MeshDocuments;
}

/** Each app is synthesized only once, because its graph is then closed. */
const results = new WeakMap<IConstruct, Synthesized>();

/**
 * Synthesizes an app as `cdktf synth` does, into its output directory (a temporary one for `Testing.app()`). Unlike cdktf's
 * `Testing.synth(stack)`, it orders the stacks and runs the checks over the whole app. The other functions of this module call it
 * automatically. A second synthesis of the same app returns the result of the first one.
 *
 * @returns the findings of the checks: warnings and silenced findings
 * @throws Error with all errors of the checks, as `cdktf synth` does
 */
export function synthesizeForTest(app: IConstruct): Report {
  const { error, report } = synthesized(app);
  if (error !== undefined) throw error;
  return report;
}

/**
 * Returns the findings of the checks, errors and warnings, without silenced ones.
 *
 * @param scope the app, or any construct in it
 */
export function findingsOf(scope: IConstruct): readonly ReportedFinding[] {
  return reportOf(scope).findings;
}

/** @internal */
export function reportOf(scope: IConstruct): Report {
  return synthesized(scope).report;
}

/**
 * Returns a Nomad job in the format of Nomad's API. Values that only Terraform knows are replaced with `(known to Terraform)`.
 *
 * @param scope the app, or any construct in it; for a construct, only the jobs of its stack are searched
 * @param id the job's id in Nomad
 * @throws Error with all job ids if there is no such job
 */
export function jobOf(scope: IConstruct, id: string): nomad.Job {
  const jobs = within(scope, documentsOf(scope).jobs).map(({ job }) => job);
  const found = jobs.find(({ ID }) => ID === id);
  if (found === undefined)
    throw missing(
      `job ${id}`,
      id,
      jobs.map(({ ID = "" }) => ID),
    );
  return found;
}

/**
 * Returns a config entry in the format of Consul's API.
 *
 * @param scope as for {@link jobOf}
 * @param name the entry's name: that of a service, or `global` for proxy-defaults
 * @throws Error with all names if there is no such entry
 */
export function entryOf<Kind extends ConfigEntryKind>(
  scope: IConstruct,
  kind: Kind,
  name: string,
): ConfigEntryOf<Kind> {
  const entries = entriesOf(scope, kind);
  const found = entries.find((entry) => nameOf(entry) === name);
  if (found === undefined) throw missing(`config entry ${kind}/${name}`, name, entries.map(nameOf));
  return found;
}

/**
 * Returns the sources of a service's intentions, sorted by name, without the fields that Consul computes.
 *
 * @param scope as for {@link jobOf}
 * @returns an empty list if no service can reach it
 * @throws Error if the destination is not in the app
 */
export function intentionsOf(scope: IConstruct, destination: string): readonly consul.SourceIntention[] {
  requireServices(documentsOf(scope), destination);
  return entriesOf(scope, "service-intentions")
    .filter(({ Name }) => Name === destination)
    .flatMap(({ Sources }) => Sources ?? [])
    .map((source): consul.SourceIntention =>
      Object.fromEntries(Object.entries(source).filter(([key]) => !COMPUTED.has(key))),
    )
    .sort((left, right) => (left.Name ?? "").localeCompare(right.Name ?? ""));
}

/** Fields that Consul computes from the others. */
const COMPUTED = new Set(["Precedence", "Type"]);

/** A request, and the datacenter in which its source is looked up. */
export interface ReachOptions extends HttpRequest {
  /** Consul datacenter of the source. @default that of the app, if it has only one */
  readonly datacenter?: string;
}

/** Whether one service can reach another. */
export interface Reachability {
  /**
   * `some requests` if the result depends on the request and none was given; `unknown` if config entries of another team
   * determine it.
   */
  readonly allowed: Reach["allowed"];
  /** The services that receive the requests, after routes, splits, redirects and failovers. */
  readonly ends: readonly ReachedService[];
}

/** A service that receives requests. */
export interface ReachedService {
  /** Name in Consul. */
  readonly service: string;
  /** Its datacenter. @default the only one of the app, which has no name */
  readonly datacenter?: string;
  /** The rules that send requests to it, such as `the redirect of orders-old`. */
  readonly by: readonly string[];
  /** The reason for the result, in one sentence. */
  readonly reason: string;
}

/**
 * Returns whether a service can reach another one, and why, based on all traffic rules and intentions of the app.
 *
 * @param scope the app, or any construct in it
 * @param source name of the source service
 * @param destination name of the destination service
 * @param request evaluate this request @default any request
 * @throws Error if one of the services is not in the app
 */
export function reachOf(
  scope: IConstruct,
  source: string,
  destination: string,
  { datacenter, ...request }: ReachOptions = {},
): Reachability {
  const asked = Object.keys(request).length > 0 ? request : undefined;
  const { allowed, ends } = explain(documentsOf(scope), { source, destination, datacenter, request: asked });
  return {
    allowed,
    ends: ends.map(({ service, datacenter: place, by, reason }) => ({
      service,
      ...(place !== undefined && { datacenter: place }),
      ...{ by, reason },
    })),
  };
}

function synthesized(scope: IConstruct): Synthesized {
  const app = scope.node.root;
  const known = results.get(app);
  if (known !== undefined) return known;
  if (!App.isApp(app)) {
    throw new Error("A test needs a whole app: use cdktf's `Testing.app()` or `new App()` as the root construct.");
  }
  const result = synthesize(app);
  results.set(app, result);
  return result;
}

function synthesize(app: App): Synthesized {
  let error: Error | undefined;
  // Remove the report of an earlier run of the test.
  removeReport(app.outdir);
  try {
    app.synth();
  } catch (thrown) {
    error = thrown as Error;
  }
  const report = readReport(app.outdir);
  // If no check has reported an error, the app failed for another reason, or has neither a mesh nor hosts.
  if (error !== undefined && !report?.findings.some(({ level }) => level === "error")) throw error;
  if (report === undefined) throw new Error("The app has neither a mesh nor a host: there is nothing to check.");
  return error === undefined ? { report, documents: readDocuments(readStacks(app.outdir)) } : { report, error };
}

function documentsOf(scope: IConstruct): MeshDocuments {
  const { error, documents } = synthesized(scope);
  if (documents === undefined) throw error ?? new Error("Nothing was synthesized.");
  return documents;
}

function entriesOf<Kind extends ConfigEntryKind>(scope: IConstruct, kind: Kind): ConfigEntryOf<Kind>[] {
  return within(scope, documentsOf(scope).entries).flatMap(({ entry }) =>
    entry.Kind === kind ? [entry as ConfigEntryOf<Kind>] : [],
  );
}

/** Returns the documents of the construct's stack, or all documents for the app. */
function within<Document extends { readonly stack: string }>(
  scope: IConstruct,
  documents: readonly Document[],
): readonly Document[] {
  if (App.isApp(scope)) return documents;
  const { id } = TerraformStack.of(scope).node;
  return documents.filter(({ stack }) => stack === id);
}
