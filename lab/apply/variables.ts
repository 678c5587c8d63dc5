import { LabError } from "../core/errors";
import { isObject, type JsonObject } from "./json";
import type { SynthesizedStack } from "./synthesized";

/** Values of variables by name, as text: what Terraform would be given as `TF_VAR_<name>`. */
export type VariableValues = Readonly<Record<string, string>>;

/** The environment variables that hand values to Terraform, so that none is ever on a command line. */
export function variableEnvironment(values: VariableValues): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, text]) => [`TF_VAR_${name}`, text]));
}

/** What a variable may say of itself. `//` is a comment of the toolkit. */
const variableArguments = new Set(["//", "type", "default", "description", "sensitive", "nullable"]);

/**
 * What the stacks' `variable` blocks stand for. A value comes from who applies, else from `TF_VAR_<name>` in the environment,
 * else from the block's own default.
 *
 * @see https://developer.hashicorp.com/terraform/language/values/variables
 */
export class Variables {
  private readonly values = new Map<string, unknown>();
  private readonly secrets = new Set<string>();

  /** @throws LabError that names each variable which has no value, or not one of its type */
  constructor(stacks: readonly SynthesizedStack[], given: VariableValues) {
    const environment: Readonly<Partial<Record<string, string>>> = { ...process.env, ...variableEnvironment(given) };
    const missing: string[] = [];
    const wrong: string[] = [];
    for (const { name: stack, config } of stacks) {
      for (const [name, block] of Object.entries((config.variable ?? {}) as Record<string, JsonObject>)) {
        const text = environment[`TF_VAR_${name}`];
        if (text === undefined && block.default === undefined) missing.push(name);
        try {
          const value = text === undefined ? block.default : parse(text, block.type as string | undefined);
          this.values.set(`${stack}/${name}`, value);
          if (block.sensitive === true) textsIn(value).forEach((secret) => this.secrets.add(secret));
        } catch (error) {
          wrong.push(`The variable ${name} of the stack ${stack} ${(error as Error).message}.`);
        }
      }
    }
    if (missing.length > 0) throw withoutValue([...new Set(missing)]);
    if (wrong.length > 0) throw new LabError(wrong.join(" "), "Correct the value, then apply again.");
  }

  /** @throws Error if the stack declares no such variable */
  valueOf(stack: string, name: string): unknown {
    const address = `${stack}/${name}`;
    if (!this.values.has(address)) throw new Error(`the variable ${name} is not declared`);
    return this.values.get(address);
  }

  /** The text without the values of sensitive variables. */
  redact(text: string): string {
    return [...this.secrets].reduce((rest, secret) => rest.replaceAll(secret, "(sensitive value)"), text);
  }

  /** The error as it may be shown. */
  redacted(error: unknown): unknown {
    if (!(error instanceof LabError) || this.redact(error.message) === error.message) return error;
    return new LabError(this.redact(error.problem), this.redact(error.fix));
  }
}

/** What the blocks say that only Terraform itself understands, as `<stack>/var.<name>` and a reason. */
export function refusedVariableArguments({ name: stack, config }: SynthesizedStack): [address: string, why: string][] {
  return Object.entries((config.variable ?? {}) as Record<string, JsonObject>).flatMap(([name, block]) =>
    Object.keys(block)
      .filter((argument) => !variableArguments.has(argument))
      .map((argument): [string, string] => [`${stack}/var.${name}`, `its argument ${argument} is not supported`]),
  );
}

function withoutValue(names: readonly string[]): LabError {
  const [what, it] = names.length === 1 ? ["The variable", "it"] : ["The variables", "them"];
  const environment = names.map((name) => `TF_VAR_${name}`).join(" and ");
  return new LabError(`${what} ${names.join(" and ")} must have a value.`, `Set ${it} as ${environment}.`);
}

/** What a text stands for, given the type that the block asks for. */
function parse(text: string, type: string | undefined): unknown {
  if (type === undefined || type === "string") return text;
  if (type === "bool" && (text === "true" || text === "false")) return text === "true";
  if (type === "number" && text.trim() !== "" && Number.isFinite(Number(text))) return Number(text);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && type !== "bool" && type !== "number") return value;
  } catch {
    // What it says is not repeated: it may be a secret.
  }
  throw new Error(`must be ${type} (write lists and maps as JSON)`);
}

/** All that a message could repeat of a value, the longest first, also as it looks inside JSON. */
function textsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (isObject(value)) return Object.values(value).flatMap(textsIn);
  const text = typeof value === "string" ? value : "";
  return [text, JSON.stringify(text).slice(1, -1)].filter((form) => form !== "");
}
