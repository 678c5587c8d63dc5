import type { AppNeeds } from "./app-needs";
import type { Fact } from "./fact";
import type { Facts } from "./facts";

/** Names of facts that are asked of the engines. */
export type FactName = Exclude<keyof Facts, "app">;

type ValueOf<Name extends FactName> = Facts[Name] extends Fact<infer T> ? T : never;

/** The values of the facts that a rule needs, and the app if there is one. */
export type Known<Name extends FactName> = { readonly [N in Name]: ValueOf<N> } & {
  readonly app: AppNeeds | undefined;
};

/** A problem of a cluster, and how to fix it. */
export interface Finding {
  /** A `note` names what no API shows. @default "error" */
  readonly level?: "error" | "warning" | "note";
  /** The agent, node, job or construct with the problem. */
  readonly at: string;
  /** The problem in one sentence, with the value that was found. */
  readonly problem: string;
  /** The fix in one sentence. */
  readonly fix: string;
}

/** A cause of failures of Connect on Nomad. */
export interface Rule<Name extends FactName = FactName> {
  /** Identifies it in messages. */
  readonly id: string;
  /** Why it matters, in one sentence. */
  readonly reason: string;
  /** Whether it is about what runs already, and so means nothing before the first deployment. @default false */
  readonly needsDeployment?: boolean;
  /** Whether it is about the jobs of the app. @default false */
  readonly needsApp?: boolean;
  /** The facts without which it cannot be checked. */
  readonly needs: readonly Name[];
  find(known: Known<Name>): Iterable<Finding>;
}

/** A rule whose `find` sees just the facts that it names. */
export function rule<const Name extends FactName>(it: Rule<Name>): Rule {
  return it;
}
