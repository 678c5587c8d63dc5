import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import { optionalNanoseconds, type DurationLike } from "../core/duration";
import type * as nomad from "./generated/job";

/**
 * A workload identity: a signed token (JWT) with which a task authenticates to other systems. Nomad renews it.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/identity
 */
export interface IdentityOptions {
  /** Audience (`aud`) of the token: the systems that accept it. Required unless it is the default identity of the task. @default none */
  readonly audience?: readonly string[];
  /** Whether the task has the token in its environment, as `NOMAD_TOKEN`, or `NOMAD_TOKEN_<name>`. @default false */
  readonly env?: boolean;
  /** Whether the task has the token in a file, `secrets/nomad_token`, or `secrets/nomad_<name>.jwt`. @default false */
  readonly file?: boolean;
  /** Path of that file below the task's directory. @default see `file` */
  readonly filepath?: string;
  /** What Nomad does with the task when it renews the token. @default "noop" */
  readonly changeMode?: "noop" | "restart" | "signal";
  /** Signal for the change mode `signal`. @default none */
  readonly changeSignal?: Signal;
  /** How long the token is valid. Not for the default identity. @default as long as the allocation runs */
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

/** Name of the identity that every task has. */
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
