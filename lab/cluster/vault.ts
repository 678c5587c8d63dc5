import { existsSync, readFileSync } from "node:fs";
import type { LabFiles } from "../core/lab-files";
import type { Listener } from "../hosts/state";
import { urlOf } from "./cluster";
import { EngineApi, type EngineEndpoint } from "./engine-api";

/** What the lab keeps of its Vault. */
export interface VaultCredentials {
  /** What the forwarder trusts. */
  readonly vault: { readonly ca: string };
  /** Missing before Vault is initialized. */
  readonly rootToken?: string;
}

/** @returns undefined if the lab has no Vault */
export function readVaultCredentials({ vaultCredentials }: LabFiles): VaultCredentials | undefined {
  if (!existsSync(vaultCredentials)) return undefined;
  return JSON.parse(readFileSync(vaultCredentials, "utf8")) as VaultCredentials;
}

/** A lab, as far as it leads to its Vault. */
interface Reachable {
  readonly files: LabFiles;
  readonly listeners: readonly Listener[];
}

/** How the Vault of a lab is reached from the machine; undefined if the lab has none, or its forwarder does not lead there. */
export function vaultEndpoint({ files, listeners }: Reachable): EngineEndpoint | undefined {
  const listener = listeners.find(({ name }) => name === "vault");
  return listener && { address: urlOf(listener), token: readVaultCredentials(files)?.rootToken };
}

/** `ready`, `sealed`, `not initialized`, or `absent` if it does not answer. */
export type VaultState = "ready" | "sealed" | "not initialized" | "absent";

/** How a Vault is. It says so without a token. */
export async function vaultState(lab: Reachable): Promise<VaultState> {
  const endpoint = vaultEndpoint(lab);
  if (endpoint === undefined) return "absent";
  try {
    const health = await new EngineApi("Vault", endpoint).get("/v1/sys/seal-status");
    const { initialized, sealed } = health as { initialized: boolean; sealed: boolean };
    return !initialized ? "not initialized" : sealed ? "sealed" : "ready";
  } catch {
    return "absent";
  }
}
