import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * Logs a task in to Vault by its identity, so that its templates, and the task itself, can read secrets.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/vault
 */
export interface VaultOptions {
  /** Role of Vault's auth method. @default the one in the configuration of Nomad's clients */
  readonly role?: string;
  /** Policies of the token, where Nomad has a Vault token of its own; not with workload identities. @default none */
  readonly policies?: readonly string[];
  /** Namespace of Vault. @default the one in the configuration of Nomad's agents */
  readonly namespace?: string;
  /** Name of the Vault cluster, where Nomad's agents know several (Enterprise). @default "default" */
  readonly cluster?: string;
  /** Whether the task has the token in its environment, as `VAULT_TOKEN`. @default true */
  readonly env?: boolean;
  /** Whether Nomad does without the file `secrets/vault_token`. @default false */
  readonly disableFile?: boolean;
  /** What to do when the token had to be replaced. @default "restart" */
  readonly changeMode?: "noop" | "restart" | "signal";
  /** The signal of change mode `signal`. @default "SIGHUP" */
  readonly changeSignal?: Signal;
  /** Whether the token may end before the task does, and is not renewed. For short batch tasks. @default false */
  readonly allowTokenExpiration?: boolean;
}

/** @internal */
export const VAULT_SHAPE: is.Shape<VaultOptions> = {
  role: is.text,
  policies: is.list(is.text),
  namespace: is.text,
  cluster: is.text,
  env: is.flag,
  disableFile: is.flag,
  changeMode: is.oneOf(["noop", "restart", "signal"]),
  changeSignal: signal,
  allowTokenExpiration: is.flag,
};

/**
 * A secret that Nomad fetches before a task starts. Environment, templates and the driver's configuration name its fields as
 * `${secret.<name>.<key>}`.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/secret
 */
export interface SecretOptions {
  /** `"nomad"` (its variables), `"vault"`, or a plugin of the clients. */
  readonly provider: string;
  /** Where the provider has it. */
  readonly path: string;
  /** Configuration of `"nomad"` or `"vault"`, such as `{ namespace: "shop" }`. @default none */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Environment of a plugin. @default none */
  readonly env?: Readonly<Record<string, string>>;
}

/** @internal */
export const SECRET_SHAPE: is.Shape<SecretOptions> = {
  provider: is.required(is.text),
  path: is.required(is.text),
  config: is.fields,
  env: is.map(is.text),
};

/** @internal */
export function renderVault(options: VaultOptions): nomad.Vault {
  return {
    Role: options.role,
    Policies: options.policies,
    Namespace: options.namespace,
    Cluster: options.cluster,
    Env: options.env,
    DisableFile: options.disableFile,
    ChangeMode: options.changeMode,
    ChangeSignal: options.changeSignal,
    AllowTokenExpiration: options.allowTokenExpiration,
  };
}

/** @internal */
export function renderSecret(name: string, options: SecretOptions): nomad.Secret {
  const { provider, path, config, env } = options;
  return { Name: name, Provider: provider, Path: path, Config: config, Env: env };
}
