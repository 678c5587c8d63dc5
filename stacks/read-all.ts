import type { Construct } from "constructs";
import * as v from "valibot";
import { MeshError } from "../constructs";
import { misspelled } from "./misspelled";

/** Settings that belong together. */
export interface SettingsGroup<Schema extends Readonly<Record<string, v.GenericSchema>>> {
  /** What each setting may be; a schema's message says what it must be. */
  readonly schema: Schema;
  /** The name of a setting in the context of cdktf.json. */
  readonly contextName: (key: string) => string;
  /** Names in the context that may be misspelled settings. */
  readonly isContextName: (name: string) => boolean;
  /** Environment variables that may be misspelled settings. */
  readonly isVariable: (name: string) => boolean;
}

type Values<Schema extends Readonly<Record<string, v.GenericSchema>>> = {
  readonly [Key in keyof Schema]?: v.InferOutput<Schema[Key]>;
};

/**
 * Reads settings from the app's context, each overruled by its environment variable.
 *
 * @throws MeshError that lists every value that a setting cannot have and every misspelled setting, with where it was given
 */
export function readAll<Schema extends Readonly<Record<string, v.GenericSchema>>>(
  scope: Construct,
  { schema, contextName, isContextName, isVariable }: SettingsGroup<Schema>,
): Values<Schema> {
  const context = scope.node.getAllContext() as Readonly<Record<string, unknown>>;
  const keys = Object.keys(schema);
  const names = keys.map(contextName);
  const problems = [
    ...misspelled(Object.keys(context).filter(isContextName), names).map(
      ([given, meant]) => `Unknown setting "${given}" (context in cdktf.json). Did you mean "${meant}"?`,
    ),
    ...misspelled(Object.keys(process.env).filter(isVariable), names.map(variableOf)).map(
      ([given, meant]) => `Unknown setting ${given} (environment). Did you mean ${meant}?`,
    ),
  ];
  const settings: Record<string, unknown> = {};
  for (const key of keys) {
    const { value, origin } = given(contextName(key), context);
    if (value === undefined) continue;
    const result = v.safeParse(schema[key], value);
    if (result.success) {
      settings[key] = result.output;
    } else {
      problems.push(
        `The setting ${contextName(key)} is ${JSON.stringify(value)} (${origin}); it must be ${result.issues[0].message}.`,
      );
    }
  }
  refuse(scope, problems);
  return settings;
}

/** @throws MeshError that lists all problems, if there are any */
export function refuse(scope: Construct, problems: readonly string[]): void {
  if (problems.length > 0) {
    const [first] = problems;
    const fix = "Correct it, or remove it to use the default.";
    throw problems.length === 1
      ? new MeshError(scope, first, fix)
      : new MeshError(scope, `${problems.length} settings are wrong.`, problems.map((it) => `\n  - ${it}`).join(""));
  }
}

function given(name: string, context: Readonly<Record<string, unknown>>): { value: unknown; origin: string } {
  const variable = variableOf(name);
  const fromEnvironment = process.env[variable];
  return fromEnvironment === undefined
    ? { value: context[name], origin: "context in cdktf.json" }
    : { value: fromEnvironment, origin: `environment variable ${variable}` };
}

function variableOf(name: string): string {
  return `MESHFORM_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

const spellings = {
  true: ["true", "yes", "on", "1"],
  false: ["false", "no", "off", "0"],
};

/** Yes or no, as a JSON boolean or in one of the usual spellings, upper or lower case. */
export const flag = v.pipe(
  v.union([v.boolean(), v.string(), v.number()], "true or false"),
  v.transform((value) => String(value).trim().toLowerCase()),
  v.picklist([...spellings.true, ...spellings.false], "true or false (also yes, no, on, off, 1, 0)"),
  v.transform((spelling) => spellings.true.includes(spelling)),
);

/** Text without spaces. @param what it must be, for messages */
export const text = (what: string) => v.pipe(v.string(what), v.regex(/^\S+$/, what));
