import { HttpPermission } from "../constructs/consul/http-permission";
import { JobKind } from "../constructs/nomad/job-kind";
import { HealthCheck } from "../constructs/nomad/health-check";
import { Affinity, Constraint, Spread } from "../constructs/nomad/placement";
import { Port } from "../constructs/nomad/port";
import { Sidecar } from "../constructs/nomad/sidecar";
import { Template } from "../constructs/nomad/template";
import { Volume } from "../constructs/nomad/volume";
import { Workload } from "../constructs/nomad/workload";

/** The longest line, as far as strings allow. */
const WIDTH = 120;
const INDENT = "  ";

/** An expression of TypeScript that can be printed and, as far as it is made of values and factories, evaluated. */
export type Code =
  string | number | boolean | null | undefined | Call | Name | Returning | Commented | readonly Code[] | Fields;

/** An object literal. Fields that are `undefined` are omitted. */
export interface Fields {
  readonly [field: string]: Code;
}

/** The call of a factory of the library. */
export class Call {
  constructor(
    readonly factory: Factory,
    readonly args: readonly Code[],
  ) {}
}

/** A constant, such as `Protocol.HTTP`, or a variable. */
export class Name {
  constructor(readonly text: string) {}
}

/** A function without parameters that returns an object. */
export class Returning {
  constructor(readonly fields: Fields) {}
}

/** An expression with a comment before it. */
export class Commented {
  constructor(
    readonly comment: string,
    readonly code: Code,
  ) {}
}

/** A function that takes what the code says, whose types the compiler checks once the code is printed. */
type AnyFactory = (...args: never[]) => unknown;

const FACTORIES = {
  "Affinity.of": (...args: Parameters<typeof Affinity.of>) => Affinity.of(...args),
  "Constraint.distinctHosts": () => Constraint.distinctHosts(),
  "Constraint.isSet": (...args: Parameters<typeof Constraint.isSet>) => Constraint.isSet(...args),
  "Constraint.of": (...args: Parameters<typeof Constraint.of>) => Constraint.of(...args),
  "HealthCheck.grpc": (...args: Parameters<typeof HealthCheck.grpc>) => HealthCheck.grpc(...args),
  "HealthCheck.http": (...args: Parameters<typeof HealthCheck.http>) => HealthCheck.http(...args),
  "HealthCheck.script": (...args: Parameters<typeof HealthCheck.script>) => HealthCheck.script(...args),
  "HealthCheck.tcp": (...args: Parameters<typeof HealthCheck.tcp>) => HealthCheck.tcp(...args),
  "HttpPermission.allow": (...args: Parameters<typeof HttpPermission.allow>) => HttpPermission.allow(...args),
  "HttpPermission.deny": (...args: Parameters<typeof HttpPermission.deny>) => HttpPermission.deny(...args),
  "JSON.stringify": (value: unknown) => JSON.stringify(value),
  "JobKind.batch": () => JobKind.batch(),
  "JobKind.parameterized": (...args: Parameters<typeof JobKind.parameterized>) => JobKind.parameterized(...args),
  "JobKind.periodic": (...args: Parameters<typeof JobKind.periodic>) => JobKind.periodic(...args),
  "JobKind.sysbatch": () => JobKind.sysbatch(),
  "JobKind.system": () => JobKind.system(),
  "Port.dynamic": (...args: Parameters<typeof Port.dynamic>) => Port.dynamic(...args),
  "Port.static": (...args: Parameters<typeof Port.static>) => Port.static(...args),
  "Sidecar.docker": (...args: Parameters<typeof Sidecar.docker>) => Sidecar.docker(...args),
  "Sidecar.exec": (...args: Parameters<typeof Sidecar.exec>) => Sidecar.exec(...args),
  "Spread.over": (...args: Parameters<typeof Spread.over>) => Spread.over(...args),
  "Template.source": (...args: Parameters<typeof Template.source>) => Template.source(...args),
  "Template.text": (...args: Parameters<typeof Template.text>) => Template.text(...args),
  "Volume.csi": (...args: Parameters<typeof Volume.csi>) => Volume.csi(...args),
  "Volume.host": (...args: Parameters<typeof Volume.host>) => Volume.host(...args),
  "Workload.docker": (...args: Parameters<typeof Workload.docker>) => Workload.docker(...args),
  "Workload.driver": (...args: Parameters<typeof Workload.driver>) => Workload.driver(...args),
  "Workload.exec": (...args: Parameters<typeof Workload.exec>) => Workload.exec(...args),
} satisfies Readonly<Record<string, AnyFactory>>;

/** A factory that generated code can call. */
export type Factory = keyof typeof FACTORIES;

/** A call of a factory. Empty options at the end are omitted. */
export function call(factory: Factory, ...args: readonly Code[]): Call {
  const last = args.at(-1);
  return new Call(factory, isFields(last) && fieldsOf(last).length === 0 ? args.slice(0, -1) : args);
}

/** The fields that are not `undefined`; `undefined` if all are. */
export function block(fields: Fields): Fields | undefined {
  const given = fieldsOf(fields);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** What the code yields, as far as it is known without the app: names are `undefined`. */
export function evaluate(code: Code): unknown {
  if (code instanceof Call) {
    const factory = FACTORIES[code.factory] as (...args: unknown[]) => unknown;
    return factory(...code.args.map(evaluate));
  }
  if (code instanceof Commented) return evaluate(code.code);
  if (code instanceof Name || code instanceof Returning) return undefined;
  if (isList(code)) return code.map(evaluate);
  return isFields(code) ? Object.fromEntries(fieldsOf(code).map(([field, value]) => [field, evaluate(value)])) : code;
}

/** All names of the library that the code uses. */
export function importsOf(code: Code): readonly string[] {
  if (code instanceof Call) return [code.factory.split(".")[0], ...code.args.flatMap(importsOf)];
  if (code instanceof Name) return code.text.includes(".") ? [code.text.split(".")[0]] : [];
  if (code instanceof Commented) return importsOf(code.code);
  if (code instanceof Returning) return importsOf(code.fields);
  if (isList(code)) return code.flatMap(importsOf);
  return isFields(code) ? fieldsOf(code).flatMap(([, value]) => importsOf(value)) : [];
}

/** The source text of an expression. @param before text of the line before it @param after text of the line after it */
export function print(code: Code, indent: string, before = "", after = ""): string {
  const flat = printFlat(code);
  if (flat !== undefined && indent.length + before.length + flat.length + after.length <= WIDTH) return flat;
  const deeper = indent + INDENT;
  if (code instanceof Commented) return print(code.code, indent, before, after);
  if (code instanceof Name) return code.text;
  if (code instanceof Returning) return `() => (${print(code.fields, indent, `${before}() => (`, `)${after}`)})`;
  if (code instanceof Call) return `${code.factory}(${printArguments(code.args, indent, `${before}${code.factory}(`)})`;
  if (isList(code)) {
    return `[\n${code.map((item) => `${commentOf(item, deeper)}${deeper}${print(item, deeper, "", ",")},\n`).join("")}${indent}]`;
  }
  if (isFields(code)) {
    const lines = fieldsOf(code).map(([field, value]) => {
      const key = `${printKey(field)}: `;
      return `${commentOf(value, deeper)}${deeper}${key}${print(value, deeper, key, ",")},\n`;
    });
    return `{\n${lines.join("")}${indent}}`;
  }
  return typeof code === "string" ? printText(code) : JSON.stringify(code);
}

/** Arguments of a call, of which only the last one is broken into lines. */
export function printArguments(args: readonly Code[], indent: string, before: string): string {
  const flat = joinFlat(args.map(printFlat));
  if (
    typeof args.at(-1) === "string" &&
    flat !== undefined &&
    indent.length + before.length + flat.length + 2 > WIDTH
  ) {
    const deeper = indent + INDENT;
    return `\n${args.map((arg) => `${deeper}${print(arg, deeper, "", ",")},\n`).join("")}${indent}`;
  }
  const first = args.slice(0, -1).map((arg) => print(arg, indent, before, ","));
  return [...first, print(args.at(-1), indent, before + first.join(", "), ");")].join(", ");
}

/** In one line; `undefined` for what has a comment or a text of several lines. */
function printFlat(code: Code): string | undefined {
  if (code instanceof Commented) return undefined;
  if (code instanceof Name) return code.text;
  if (code instanceof Returning) {
    const flat = printFlat(code.fields);
    return flat === undefined ? undefined : `() => (${flat})`;
  }
  if (code instanceof Call) {
    const args = joinFlat(code.args.map(printFlat));
    return args === undefined ? undefined : `${code.factory}(${args})`;
  }
  if (isList(code)) {
    const items = joinFlat(code.map(printFlat));
    return items === undefined ? undefined : `[${items}]`;
  }
  if (isFields(code)) {
    const fields = joinFlat(
      fieldsOf(code).map(([field, value]) => {
        const flat = printFlat(value);
        return flat === undefined ? undefined : `${printKey(field)}: ${flat}`;
      }),
    );
    return fields === undefined ? undefined : fields === "" ? "{}" : `{ ${fields} }`;
  }
  return typeof code === "string" ? (isLongText(code) ? undefined : quoted(code)) : JSON.stringify(code);
}

function joinFlat(parts: readonly (string | undefined)[]): string | undefined {
  return parts.includes(undefined) ? undefined : parts.join(", ");
}

function commentOf(code: Code, indent: string): string {
  return code instanceof Commented ? `${indent}// ${code.comment}\n` : "";
}

function printKey(field: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(field) ? field : JSON.stringify(field);
}

function isLongText(text: string): boolean {
  return /\n[^]/.test(text);
}

/** A text of several lines becomes a template literal, which is read more easily. */
function printText(text: string): string {
  return isLongText(text) && !text.includes("\r") ? `\`${text.replace(/[\\`]|\$(?=\{)/g, "\\$&")}\`` : quoted(text);
}

/** In the quotes that need fewer backslashes. */
function quoted(text: string): string {
  return text.includes('"') && !/['\\\n]/.test(text) ? `'${text}'` : JSON.stringify(text);
}

function fieldsOf(fields: Fields): readonly [string, Code][] {
  return Object.entries(fields).filter(([, value]) => value !== undefined);
}

function isList(code: Code): code is readonly Code[] {
  return Array.isArray(code);
}

/** Whether the code is an object literal. */
export function isFields(code: Code): code is Fields {
  return (
    typeof code === "object" &&
    code !== null &&
    !isList(code) &&
    !(code instanceof Call || code instanceof Name || code instanceof Returning || code instanceof Commented)
  );
}
