import { type Signal, signal } from "./signal";
import * as is from "../core/shape";
import type * as nomad from "./generated/job";

/**
 * Access of a task to Vault. The task logs in with its workload identity, and its templates and its program can read secrets.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/vault
 */
export interface VaultOptions {
  /** Role of Vault's auth method. @default the role in the configuration of Nomad's clients */
  readonly role?: string;
  /** Vault policies of the token, if Nomad has its own Vault token. Not with workload identities. @default none */
  readonly policies?: readonly string[];
  /** Vault namespace. @default the namespace in the configuration of Nomad's agents */
  readonly namespace?: string;
  /** Name of the Vault cluster, if Nomad's agents have several (Enterprise). @default "default" */
  readonly cluster?: string;
  /** Whether the task has the token in its environment, as `VAULT_TOKEN`. @default true */
  readonly env?: boolean;
  /** Whether Nomad does not write the token to the file `secrets/vault_token`. @default false */
  readonly disableFile?: boolean;
  /** What Nomad does with the task when it has replaced the token. @default "restart" */
  readonly changeMode?: "noop" | "restart" | "signal";
  /** Signal for the change mode `signal`. @default "SIGHUP" */
  readonly changeSignal?: Signal;
  /** Whether the token can expire before the task ends, and is not renewed. For short batch tasks. @default false */
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
 * A secret that Nomad fetches before a task starts. Environment variables, templates and the driver's configuration can contain its fields,
 * as `${secret.<name>.<key>}`.
 *
 * @see https://developer.hashicorp.com/nomad/docs/job-specification/secret
 */
export interface SecretOptions {
  /** Provider of the secret: `"nomad"` (Nomad variables), `"vault"`, or the name of a plugin of the clients. */
  readonly provider: string;
  /** Path of the secret in the provider. */
  readonly path: string;
  /** Configuration of the provider `"nomad"` or `"vault"`, such as `{ namespace: "shop" }`. @default none */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Environment variables of a plugin. @default none */
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
