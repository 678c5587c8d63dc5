// Functions and matchers for tests of apps: the resources of an app, and which service can reach which.

export type { ConfigEntryKind, ConfigEntryOf } from "../constructs/model/config-entries";
export type { Allowed } from "../constructs/model/intentions";
export type { HttpRequest } from "../constructs/model/http-request";
export type { Report, ReportedFinding, ReportedSilence } from "../constructs/checks/report";
export { meshMatchers } from "./matchers";
export type { MatcherResult, MeshMatchers } from "./matchers";
export {
  entryOf,
  findingsOf,
  intentionsOf,
  jobOf,
  reachOf,
  synthesizeForTest,
  type Reachability,
  type ReachedService,
  type ReachOptions,
} from "./synthesized";
