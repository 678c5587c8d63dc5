import type { IConstruct } from "constructs";
import { MeshError } from "./errors";
import { isToken } from "./token";

/** What stands between the braces of a block, or in a whole document. */
export interface HclBody {
  /** Fields that are undefined are omitted. @default none */
  readonly attributes?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** @default none */
  readonly blocks?: readonly HclBlock[];
}

/** `type "label" { … }`, or `type { … }` where there is no label. */
export interface HclBlock extends HclBody {
  readonly type: string;
  readonly label?: string;
}

/**
 * Renders HCL that says exactly these values, whatever is in them: the engines would read `${…}` in a string as an
 * expression, and a quote as its end.
 *
 * @throws MeshError for a value that only Terraform will know
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
