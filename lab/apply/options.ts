import type { ClusterEndpoints } from "../cluster/engine-api";
import type { SynthesizedStack } from "./synthesized";
import type { VariableValues } from "./variables";

export interface ApplyOptions {
  /** A `cdktf.out` folder. It is only read. */
  readonly outDir: string;
  /** Folder in which the apply remembers what it did. Created when needed, for its owner only. */
  readonly stateDir: string;
  readonly endpoints: ClusterEndpoints;
  /**
   * Clusters by datacenter, `endpoints` among them: a stack goes where its Consul provider says.
   *
   * @default all stacks go to `endpoints`
   */
  readonly datacenters?: Readonly<Record<string, ClusterEndpoints>>;
  /** `auto` takes Terraform or OpenTofu where they can install the providers, and the offline apply otherwise. */
  readonly engine: "auto" | "terraform" | "offline";
  /**
   * Called before each stack is applied, and waited for. The clusters other than that of `endpoints` need not run before.
   * @default all clusters run
   */
  readonly beforeStack?: (stack: SynthesizedStack) => Promise<void>;
  readonly onProgress: (line: string) => void;
  /**
   * Values of the stacks' variables by name, written as in `TF_VAR_<name>`. What no stack asks for is left aside.
   *
   * @default those of `TF_VAR_<name>` in the environment, then each variable's own default
   */
  readonly variables?: VariableValues;
  /** Stops the apply after the step that is under way; its reason is thrown. @default never */
  readonly signal?: AbortSignal;
}

/** Resources are named `<stack>/<type>.<name>`. */
export interface ApplyResult {
  readonly engine: "terraform" | "offline";
  /** Why not the other engine, as a sentence, where nobody chose it. */
  readonly reason?: string;
  readonly created: string[];
  /** Those that were replaced too. */
  readonly updated: string[];
  readonly unchanged: string[];
  readonly deleted: string[];
}
