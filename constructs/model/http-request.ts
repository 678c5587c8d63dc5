/** The parts of an HTTP request that permissions and routes evaluate. */
export interface HttpRequest {
  /** @default "GET" */
  readonly method?: string;
  /** The path without the query, e.g. `/v1/orders`. @default "/" */
  readonly path?: string;
  /** Header values by name. Names are not case-sensitive. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Values of query parameters. @default none */
  readonly query?: Readonly<Record<string, string>>;
}

/** Conditions of permissions and routes on paths. At most one of the three is set. */
interface PathMatch {
  readonly PathExact?: string;
  readonly PathPrefix?: string;
  readonly PathRegex?: string;
  readonly CaseInsensitive?: boolean;
}

/** A condition on a header. */
interface HeaderCondition extends ValueMatch {
  readonly Invert?: boolean;
  readonly IgnoreCase?: boolean;
}

interface ValueMatch {
  readonly Name?: string;
  readonly Present?: boolean;
  readonly Exact?: string;
  readonly Prefix?: string;
  readonly Suffix?: string;
  readonly Contains?: string;
  readonly Regex?: string;
}

/** The match of a permission or a route. All conditions that are set must be met. */
export interface RequestMatch extends PathMatch {
  readonly Methods?: readonly string[] | null;
  readonly Header?: readonly HeaderCondition[] | null;
  readonly QueryParam?: readonly ValueMatch[] | null;
}

/** Whether a request matches, as Envoy evaluates it after Consul has translated the match. */
export function fitsRequest(match: RequestMatch | undefined, request: HttpRequest): boolean {
  if (match === undefined) {
    return true;
  }
  const { method = "GET", path = "/", headers = {}, query = {} } = request;
  const valueOf = (name: string) =>
    Object.entries(headers).find(([header]) => header.toLowerCase() === name.toLowerCase())?.[1];
  return (
    fitsPath(match, path) &&
    (!match.Methods?.length || match.Methods.some((it) => it.toUpperCase() === method.toUpperCase())) &&
    (match.Header ?? []).every((condition) => fitsHeader(condition, valueOf(condition.Name ?? ""))) &&
    (match.QueryParam ?? []).every((condition) => fitsValue(condition, query[condition.Name ?? ""]))
  );
}

function fitsPath({ PathExact, PathPrefix, PathRegex, CaseInsensitive = false }: PathMatch, path: string): boolean {
  const folded = (text: string) => (CaseInsensitive ? text.toLowerCase() : text);
  if (PathExact) {
    return folded(path) === folded(PathExact);
  }
  if (PathPrefix) {
    return folded(path).startsWith(folded(PathPrefix));
  }
  return !PathRegex || fitsWholly(PathRegex, path);
}

/** A condition on the value of a header does not match a request without the header, not even if it is inverted. */
function fitsHeader(condition: HeaderCondition, value: string | undefined): boolean {
  const isInverted = condition.Invert === true;
  return value === undefined ? isInverted && condition.Present === true : fitsValue(condition, value) !== isInverted;
}

function fitsValue(condition: ValueMatch & { readonly IgnoreCase?: boolean }, value: string | undefined): boolean {
  if (value === undefined) {
    return false;
  }
  const { Exact, Prefix, Suffix, Contains, Regex, IgnoreCase = false } = condition;
  const folded = (text: string) => (IgnoreCase ? text.toLowerCase() : text);
  const own = folded(value);
  return (
    (!Exact || own === folded(Exact)) &&
    (!Prefix || own.startsWith(folded(Prefix))) &&
    (!Suffix || own.endsWith(folded(Suffix))) &&
    (!Contains || own.includes(folded(Contains))) &&
    (!Regex || fitsWholly(Regex, value))
  );
}

/** Envoy's regular expressions must match the whole text. RE2 is a subset of JavaScript's syntax, except for its flags. */
function fitsWholly(pattern: string, text: string): boolean {
  const [, flags = "", rest = pattern] = /^\(\?([is]+)\)([\s\S]*)$/.exec(pattern) ?? [];
  return new RegExp(`^(?:${rest})$`, flags).test(text);
}
