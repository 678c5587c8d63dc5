import type { Construct } from "constructs";
import * as v from "valibot";
import { MeshError } from "../constructs";
import { misspelled } from "./misspelled";
import * as is from "../constructs/core/shape";

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

/** @internal */
export const SETTINGS_SHAPE: is.Shape<Settings> = {
  runtime: is.required(is.oneOf(["docker", "exec"])),
  secure: is.flag,
  accessRules: is.flag,
  consulAddress: is.text,
  consulDatacenter: is.text,
  nomadAddress: is.text,
  nomadRegion: is.text,
  nomadNamespace: is.text,
  nomadNodePool: is.text,
};

/** @internal For stacks that need a part of them: all of them may be given, as `readSettings` returns them. */
export const ANY_SETTINGS_SHAPE: is.Shape<Settings> = { ...SETTINGS_SHAPE, runtime: is.oneOf(["docker", "exec"]) };

const spellings = {
  true: ["true", "yes", "on", "1"],
  false: ["false", "no", "off", "0"],
};

/** Yes or no, as a JSON boolean or in one of the usual spellings, upper or lower case. */
const flag = v.pipe(
  v.union([v.boolean(), v.string(), v.number()], "true or false"),
  v.transform((value) => String(value).trim().toLowerCase()),
  v.picklist([...spellings.true, ...spellings.false], "true or false (also yes, no, on, off, 1, 0)"),
  v.transform((spelling) => spellings.true.includes(spelling)),
);

const text = (what: string) => v.pipe(v.string(what), v.regex(/^\S+$/, what));
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
  nomadAddress: address,
  nomadRegion: name,
  nomadNamespace: name,
  nomadNodePool: name,
};

type Key = keyof typeof schema;
const keys = Object.keys(schema) as Key[];

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
  const context = scope.node.getAllContext() as Readonly<Record<string, unknown>>;
  const problems = [
    ...misspelled(Object.keys(context), keys).map(
      ([given, meant]) => `Unknown setting "${given}" (context in cdktf.json). Did you mean "${meant}"?`,
    ),
    ...misspelled(
      Object.keys(process.env).filter((it) => /^MESHFORM_/i.test(it) && !otherVariables.includes(it)),
      keys.map(variableOf),
    ).map(([given, meant]) => `Unknown setting ${given} (environment). Did you mean ${meant}?`),
  ];
  const settings: Partial<Settings> = {};
  for (const key of keys) {
    const { value, origin } = given(key, context);
    if (value === undefined) continue;
    const result = v.safeParse(schema[key], value);
    if (result.success) {
      Object.assign(settings, { [key]: result.output });
    } else {
      problems.push(
        `The setting ${key} is ${JSON.stringify(value)} (${origin}); it must be ${result.issues[0].message}.`,
      );
    }
  }
  if (problems.length > 0) {
    const [first] = problems;
    const fix = "Correct it, or remove it to use the default.";
    throw problems.length === 1
      ? new MeshError(scope, first, fix)
      : new MeshError(scope, `${problems.length} settings are wrong.`, problems.map((it) => `\n  - ${it}`).join(""));
  }
  return { runtime: "docker", ...settings };
}

function given(key: Key, context: Readonly<Record<string, unknown>>): { value: unknown; origin: string } {
  const variable = variableOf(key);
  const fromEnvironment = process.env[variable];
  return fromEnvironment === undefined
    ? { value: context[key], origin: "context in cdktf.json" }
    : { value: fromEnvironment, origin: `environment variable ${variable}` };
}

function variableOf(key: string): string {
  return `MESHFORM_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
