/** The programs that every lab is made of. `cni` are the plugins of Nomad's bridge mode, `supervisor` the init of a host. */
type NeededEngine = "consul" | "nomad" | "envoy" | "cni" | "supervisor";
/** Programs that only some labs have. */
export type OptionalEngine = "vault";
export type EngineName = NeededEngine | OptionalEngine;

/** An engine that is there to be run. */
export interface Engine {
  readonly name: EngineName;
  /** As the program itself says it, without a leading `v`. */
  readonly version: string;
  /** Absolute path of the program; for `cni` and `supervisor` of the folder that holds their programs. */
  readonly path: string;
  /** Whether the user brought it, or Meshform's cache holds it. */
  readonly origin: "PATH" | "cache";
}

export type Engines = Readonly<Record<NeededEngine, Engine> & Partial<Record<OptionalEngine, Engine>>>;
