import type { IConstruct } from "constructs";
import { MeshError } from "./errors";
import { isToken } from "./token";

/** The body of a block, or a whole document. */
export interface HclBody {
  /** Attributes by name. Attributes that are `undefined` are omitted. @default none */
  readonly attributes?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Nested blocks, after the attributes. @default none */
  readonly blocks?: readonly HclBlock[];
}

/** `type "label" { … }`, or `type { … }` without a label. */
export interface HclBlock extends HclBody {
  readonly type: string;
  readonly label?: string;
}

/**
 * Renders HCL with exactly these values. `${…}` and quotes in strings are escaped, since Consul and Nomad would otherwise read `${…}` as an
 * expression, and a quote as the end of the string.
 *
 * @throws MeshError for a value that is known only to Terraform
 * @see https://github.com/hashicorp/hcl/tree/hcl1#syntax
 */
export function renderHcl(scope: IConstruct, body: HclBody): string {
  return `${linesOf(scope, body).join("\n")}\n`;
}

function linesOf(scope: IConstruct, { attributes = {}, blocks = [] }: HclBody): string[] {
  return [
    ...Object.entries(attributes).flatMap(([name, value]) =>
      value === undefined ? [] : `${name} = ${literal(scope, value)}`,
    ),
    ...blocks.flatMap(({ type, label, ...body }) => [
      `${label === undefined ? type : `${type} ${literal(scope, label)}`} {`,
      ...linesOf(scope, body).map((line) => `  ${line}`),
      "}",
    ]),
  ];
}

function literal(scope: IConstruct, value: string | readonly string[]): string {
  if (typeof value !== "string") {
    return `[${value.map((item) => literal(scope, item)).join(", ")}]`;
  }
  if (isToken(value)) {
    throw new MeshError(
      scope,
      "A rule contains a name that is known only when the stack is applied.",
      "Use a literal name. Rules can refer to objects that do not exist yet.",
    );
  }
  return JSON.stringify(value).replace(/\$\{/g, () => "\\u0024{");
}
