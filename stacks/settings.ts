import type { Construct } from "constructs";
import * as v from "valibot";
import * as is from "../constructs/core/shape";
import { flag, readAll, text } from "./read-all";

/** What runs the services: containers, or programs of the nodes themselves. */
export type Runtime = "docker" | "exec";

/** Settings that adapt an app to its clusters. */
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
  /** The primary datacenter of the WAN federation, of which consulDatacenter is a part. @default none */
  readonly consulPrimaryDatacenter?: string;
  /** @default NOMAD_ADDR, when the stack is applied */
  readonly nomadAddress?: string;
  /** @default the agent's own */
  readonly nomadRegion?: string;
  /** @default "default" */
  readonly nomadNamespace?: string;
  /** @default "default" */
  readonly nomadNodePool?: string;
}

/** @internal */
export const SETTINGS_SHAPE: is.Shape<Settings> = {
  runtime: is.required(is.oneOf(["docker", "exec"])),
  secure: is.flag,
  accessRules: is.flag,
  consulAddress: is.text,
  consulDatacenter: is.text,
  consulPrimaryDatacenter: is.text,
  nomadAddress: is.text,
  nomadRegion: is.text,
  nomadNamespace: is.text,
  nomadNodePool: is.text,
};

/** @internal For stacks that need a part of them: all of them may be given, as `readSettings` returns them. */
export const ANY_SETTINGS_SHAPE: is.Shape<Settings> = { ...SETTINGS_SHAPE, runtime: is.oneOf(["docker", "exec"]) };

const name = text("a name without spaces");
const address = text('an address such as "http://127.0.0.1:8500"');

/** What each setting may be; a schema's message says what it must be. */
const schema = {
  runtime: v.pipe(
    v.string('"docker" or "exec"'),
    v.picklist(["docker", "exec"] satisfies Runtime[], '"docker" or "exec"'),
  ),
  secure: flag,
  accessRules: flag,
  consulAddress: address,
  consulDatacenter: name,
  consulPrimaryDatacenter: name,
  nomadAddress: address,
  nomadRegion: name,
  nomadNamespace: name,
  nomadNodePool: name,
};

/** Variables of this prefix that are no settings. */
const otherVariables = ["MESHFORM_STACK_TRACES", "MESHFORM_LAB_PROCESS", "MESHFORM_TEST_VARIANT"];

/**
 * Reads the settings from the app's context (`context` in cdktf.json), each overruled by its environment variable:
 * `runtime` by `MESHFORM_RUNTIME`, `nomadNamespace` by `MESHFORM_NOMAD_NAMESPACE`, and so on. Booleans may be JSON's own, or
 * `true`, `yes`, `on`, `1` and their opposites in any case.
 *
 * @throws MeshError that lists every value that a setting cannot have and every misspelled setting, with where it was given
 */
export function readSettings(scope: Construct): Settings {
  const settings = readAll(scope, {
    schema,
    contextName: (key) => key,
    isContextName: () => true,
    isVariable: (name) => /^MESHFORM_(?!AWS_)/i.test(name) && !otherVariables.includes(name),
  });
  return { runtime: "docker", ...settings };
}
