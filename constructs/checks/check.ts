import type { IConstruct } from "constructs";
import type { Snapshot } from "../model/snapshot";

/** The input of a check: the complete app. */
export interface CheckedApp {
  /** The app, which contains all other constructs. */
  readonly root: IConstruct;
  /**
   * The complete graph of the app: its records (`data`), the same per Consul datacenter (`clusters`), and the complete jobs and
   * config entries (`jobOf`, `entryOf`).
   *
   * @see https://github.com/meshform/meshform/blob/main/docs/checks.md
   */
  readonly graph: Snapshot;
}

/** A problem, and how to fix it. */
export interface Finding {
  /** The construct with the problem, or its path. */
  readonly at: IConstruct | string;
  /** The problem in one sentence, with the value that was given. */
  readonly problem: string;
  /** The fix in one sentence. */
  readonly fix: string;
  /**
   * Id of a check that reports the same problem more plainly. This finding is omitted if the other check has a finding at, above
   * or below the construct that is not silenced.
   *
   * @default none
   */
  readonly saidBy?: string;
  /** Paths of other constructs with this problem, for findings whose `saidBy` is this check. @default none */
  readonly alsoAbout?: readonly string[];
}

/** A rule that is checked for the complete app. */
export interface Check {
  /** Identifies it in messages and silences. */
  readonly id: string;
  /** The reason for the rule. */
  readonly reason: string;
  /** An error makes the synthesis fail; a warning is printed. */
  readonly level: "error" | "warning";
  /** Runs once per synthesis, when the graph is complete. If it throws an error, this is reported as an error, independent of `level`. */
  find(app: CheckedApp): Iterable<Finding>;
}
