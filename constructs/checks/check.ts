import type { IConstruct } from "constructs";
import type { Snapshot } from "../model/snapshot";

/** What a check looks at: the finished app. */
export interface CheckedApp {
  /** The app's own construct, from which the tree of all others can be walked. */
  readonly root: IConstruct;
  /**
   * The graph of the app when it is complete: its records (`data`), the same for each Consul datacenter (`clusters`), and the finished
   * jobs and config entries (`jobOf`, `entryOf`).
   *
   * @see https://github.com/meshform/meshform/blob/main/docs/checks.md
   */
  readonly graph: Snapshot;
}

/** Something that is wrong, and what to do about it. */
export interface Finding {
  /** The construct to look at, or its path. */
  readonly at: IConstruct | string;
  /** One sentence: what is wrong, with the value that was given. */
  readonly problem: string;
  /** One sentence: what to do. */
  readonly fix: string;
  /**
   * Id of a check that finds the same in plainer words: this finding is left out where that one has found something at the construct,
   * above or below it, and was not silenced.
   *
   * @default none
   */
  readonly saidBy?: string;
  /** Paths of further constructs that it is about, for findings that are `saidBy` this check. @default none */
  readonly alsoAbout?: readonly string[];
}

/** A rule over the finished app. */
export interface Check {
  /** Names it in messages, and where it is silenced. */
  readonly id: string;
  /** Why it is there. */
  readonly reason: string;
  /** An error ends synthesis, a warning is printed. */
  readonly level: "error" | "warning";
  /** Runs once per synthesis, when the graph is complete. A check that throws is reported as an error, whatever its level. */
  find(app: CheckedApp): Iterable<Finding>;
}
