import type { Construct } from "constructs";
import { MeshError } from "../constructs";

/** What runs the services: containers, or programs of the nodes themselves. */
export type Runtime = "docker" | "exec";

/** How an app fits into the clusters that it meets. */
export interface Settings {
  /** @default "docker" */
  readonly runtime: Runtime;
  /** Whether the clusters have access control and TLS, as this library's hosts have them. @default false */
  readonly secure?: boolean;
  /** Whether the app applies the access rules of a secure cluster, before its workloads. @default false */
  readonly accessRules?: boolean;
  /** @default CONSUL_HTTP_ADDR, when the stack is applied */
  readonly consulAddress?: string;
  /** @default the agent's own */
  readonly consulDatacenter?: string;
  /** @default NOMAD_ADDR, when the stack is applied */
  readonly nomadAddress?: string;
  /** @default the agent's own */
  readonly nomadRegion?: string;
  /** @default "default" */
  readonly nomadNamespace?: string;
  /** @default "default" */
  readonly nomadNodePool?: string;
}

/**
 * Reads the settings from the app's context (`context` in cdktf.json), each overruled by its environment variable:
 * `runtime` by `MESHFORM_RUNTIME`, `nomadNamespace` by `MESHFORM_NOMAD_NAMESPACE`, and so on.
 *
 * @throws MeshError for a runtime that is none
 */
export function readSettings(scope: Construct): Settings {
  const runtime = read(scope, "runtime") ?? "docker";
  if (runtime !== "docker" && runtime !== "exec") {
    throw new MeshError(scope, `The runtime "${runtime}" is none.`, 'Set MESHFORM_RUNTIME to "docker" or "exec".');
  }
  return {
    runtime,
    secure: read(scope, "secure") === "true" ? true : undefined,
    accessRules: read(scope, "accessRules") === "true" ? true : undefined,
    consulAddress: read(scope, "consulAddress"),
    consulDatacenter: read(scope, "consulDatacenter"),
    nomadAddress: read(scope, "nomadAddress"),
    nomadRegion: read(scope, "nomadRegion"),
    nomadNamespace: read(scope, "nomadNamespace"),
    nomadNodePool: read(scope, "nomadNodePool"),
  };
}

function read(scope: Construct, key: string): string | undefined {
  const variable = `MESHFORM_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
  const fromContext: unknown = scope.node.tryGetContext(key);
  return process.env[variable] ?? (typeof fromContext === "string" ? fromContext : undefined);
}
