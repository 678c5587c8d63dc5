import type { HttpRequest } from "../constructs/model/http-request";

/**
 * The rules of Envoy's RBAC filters, as far as Consul writes them.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/rbac/v3/rbac.proto
 */
export interface RbacRules {
  /** @default "ALLOW" */
  readonly action?: string;
  readonly policies?: Readonly<Record<string, RbacPolicy>>;
}

export interface RbacPolicy {
  readonly permissions: readonly Node[];
  readonly principals: readonly Node[];
}

type Node = Readonly<Record<string, unknown>>;

/** `undefined`: it depends on what is not known here, such as a token, or the request if none is given. */
type Answer = boolean | undefined;

/**
 * Whether a filter lets a source through.
 *
 * @param principal the URI of the source's certificate
 */
export function isAllowed(
  { action = "ALLOW", policies = {} }: RbacRules,
  principal: string,
  request?: HttpRequest,
): Answer {
  const matched = either(
    Object.values(policies).map(({ permissions, principals }) =>
      both([
        either(principals.map((node) => fitsPrincipal(node, principal))),
        either(permissions.map((node) => fitsPermission(node, request))),
      ]),
    ),
  );
  return action === "DENY" ? not(matched) : matched;
}

function fitsPrincipal(node: Node, principal: string): Answer {
  const inner = (list: unknown) => (list as readonly Node[]).map((it) => fitsPrincipal(it, principal));
  const [[kind, value] = ["", undefined]] = Object.entries(node);
  const fields = value as Node;
  switch (kind) {
    case "any":
      return true;
    case "and_ids":
      return both(inner(fields.ids));
    case "or_ids":
      return either(inner(fields.ids));
    case "not_id":
      return not(fitsPrincipal(fields, principal));
    case "authenticated":
      return fields.principal_name === undefined ? true : fitsText(fields.principal_name as Node, principal);
    default:
      return undefined;
  }
}

function fitsPermission(node: Node, request: HttpRequest | undefined): Answer {
  const inner = (list: unknown) => (list as readonly Node[]).map((it) => fitsPermission(it, request));
  const [[kind, value] = ["", undefined]] = Object.entries(node);
  const fields = value as Node;
  switch (kind) {
    case "any":
      return true;
    case "and_rules":
      return both(inner(fields.rules));
    case "or_rules":
      return either(inner(fields.rules));
    case "not_rule":
      return not(fitsPermission(fields, request));
    case "url_path":
      return request && fitsText(fields.path as Node, request.path ?? "/");
    case "header":
      return request && fitsHeader(fields, request);
    default:
      return undefined;
  }
}

function fitsHeader(fields: Node, { method = "GET", path = "/", headers = {} }: HttpRequest): Answer {
  const name = String(fields.name).toLowerCase();
  const known = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key.toLowerCase(), value]));
  const values: Readonly<Partial<Record<string, string>>> = { ...known, ":method": method, ":path": path };
  const { [name]: value } = values;
  const found =
    fields.present_match !== undefined
      ? (value !== undefined) === fields.present_match
      : value !== undefined && fitsText((fields.string_match ?? fields) as Node, value);
  return fields.invert_match === true ? not(found) : found;
}

/** Envoy's regular expressions must match the whole text. RE2 is a subset of JavaScript's syntax, except for its flags. */
function fitsText(match: Node, text: string): Answer {
  const isFolded = match.ignore_case === true;
  const folded = (it: unknown) => (isFolded ? String(it).toLowerCase() : String(it));
  const own = folded(text);
  if (match.exact !== undefined) return own === folded(match.exact);
  if (match.prefix !== undefined) return own.startsWith(folded(match.prefix));
  if (match.suffix !== undefined) return own.endsWith(folded(match.suffix));
  if (match.contains !== undefined) return own.includes(folded(match.contains));
  const { regex } = (match.safe_regex ?? {}) as { readonly regex?: string };
  if (regex === undefined) return undefined;
  const [, flags = "", rest = regex] = /^\(\?([is]+)\)([\s\S]*)$/.exec(regex) ?? [];
  return new RegExp(`^(?:${rest})$`, flags).test(text);
}

function either(answers: readonly Answer[]): Answer {
  return answers.includes(true) ? true : answers.includes(undefined) ? undefined : false;
}

function both(answers: readonly Answer[]): Answer {
  return answers.includes(false) ? false : answers.includes(undefined) ? undefined : true;
}

function not(answer: Answer): Answer {
  return answer === undefined ? undefined : !answer;
}
