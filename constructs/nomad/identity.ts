import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import type * as nomad from "./generated/job";

/**
 * A signed token (JWT) by which others know a workload. Nomad renews it.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/identity
 */
export interface IdentityOptions {
  /** Who is to trust it. @default none; required of one that is not the task's default identity */
  readonly audience?: readonly string[];
  /** Whether it is in the environment, as `NOMAD_TOKEN`, or `NOMAD_TOKEN_<name>`. @default false */
  readonly env?: boolean;
  /** Whether it is a file, `secrets/nomad_token`, or `secrets/nomad_<name>.jwt`. @default false */
  readonly file?: boolean;
  /** Path of that file, below the task's folder. @default as `file` says */
  readonly filepath?: string;
  /** What to do when it is renewed. @default "noop" */
  readonly changeMode?: "noop" | "restart" | "signal";
  /** The signal of change mode `signal`. @default none */
  readonly changeSignal?: Signal;
  /** How long it is good for; not of the default identity. @default for as long as the allocation runs */
  readonly ttl?: DurationLike;
}

/** @internal */
export const IDENTITY_SHAPE: is.Shape<IdentityOptions> = {
  audience: is.list(is.text),
  env: is.flag,
  file: is.flag,
  filepath: is.text,
  changeMode: is.oneOf(["noop", "restart", "signal"]),
  changeSignal: signal,
  ttl: is.duration,
};

/** The identity that every task has. */
const DEFAULT = "default";

/** @internal */
export function renderIdentity(options: IdentityOptions, name?: string): nomad.WorkloadIdentity {
  return {
    Name: name,
    Audience: options.audience,
    Env: options.env,
    File: options.file,
    Filepath: options.filepath,
    ChangeMode: options.changeMode,
    ChangeSignal: options.changeSignal,
    TTL: optionalNanoseconds(options.ttl),
  };
}

/** @internal The identities of a task, by name. */
export function renderIdentities(
  identities: Readonly<Record<string, IdentityOptions>>,
): Pick<nomad.Task, "Identity" | "Identities"> {
  const named = Object.entries(identities).filter(([name]) => name !== DEFAULT);
  return {
    Identity: Object.hasOwn(identities, DEFAULT) ? renderIdentity(identities[DEFAULT], DEFAULT) : undefined,
    Identities: named.length > 0 ? named.map(([name, identity]) => renderIdentity(identity, name)) : undefined,
  };
}
