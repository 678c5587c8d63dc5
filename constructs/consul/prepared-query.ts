/** What determines which names a prepared query answers, and with which service. */
export interface NamedQuery {
  /** Its name; of a template, the prefix of the names that it answers. */
  readonly name: string;
  /** The service that it looks up; of a template, with variables. */
  readonly service: string;
  /** How the service depends on the name that is asked. @default it is no template, and answers only its own name */
  readonly template?: {
    /** Regular expression for the whole name. @default none */
    readonly regexp?: string;
  };
}

/** Which instances a prepared query finds, with the fields of Consul's API. */
export interface QueryLookup {
  readonly OnlyPassing?: boolean;
  readonly Tags?: readonly string[] | null;
  readonly IgnoreCheckIDs?: readonly string[] | null;
  readonly NodeMeta?: Readonly<Record<string, string>> | null;
  readonly ServiceMeta?: Readonly<Record<string, string>> | null;
  readonly Failover?: {
    readonly NearestN?: number;
    readonly Datacenters?: readonly string[] | null;
    readonly Targets?: readonly { readonly Peer?: string; readonly Datacenter?: string }[] | null;
  };
}

/** Describes the instances that a prepared query finds: `instances whose checks pass, with the tag v2`. */
export function lookupText({ OnlyPassing, Tags, IgnoreCheckIDs, NodeMeta, ServiceMeta }: QueryLookup): string {
  const [without, own] = [true, false].map((isNot) => (Tags ?? []).filter((tag) => tag.startsWith("!") === isNot));
  const fields = (meta: QueryLookup["NodeMeta"]) => Object.entries(meta ?? {}).map(([key, value]) => `${key}=${value}`);
  const conditions = [
    ...own.map((tag) => `with the tag ${tag}`),
    ...without.map((tag) => `without the tag ${tag.slice(1)}`),
    ...fields(ServiceMeta).map((it) => `with the metadata ${it}`),
    ...fields(NodeMeta).map((it) => `on nodes with the metadata ${it}`),
    ...(IgnoreCheckIDs ?? []).map((it) => `whatever the check ${it} says`),
  ];
  return [OnlyPassing ? "instances whose checks pass" : "instances without a critical check", ...conditions].join(", ");
}

/**
 * Returns the query that answers a name: the one with this name or, of the templates, the one with the longest prefix. `service` is the one
 * that it looks up for this name.
 *
 * @returns `undefined` if none answers it, or if the service depends on more than the name
 * @see https://developer.hashicorp.com/consul/api-docs/query#prepared-query-templates
 */
export function queryFor<Query extends NamedQuery>(queries: readonly Query[], asked: string): Query | undefined {
  const [query] = queries
    .filter(({ name, template }) => (template === undefined ? name === asked : asked.startsWith(name)))
    .sort((left, right) => rankOf(right) - rankOf(left));
  if ((query as Query | undefined)?.template === undefined) return query;
  const service = renderedService(query, asked);
  return service === undefined ? undefined : { ...query, service };
}

function rankOf({ name, template }: NamedQuery): number {
  return template === undefined ? Infinity : name.length;
}

function renderedService({ name, service, template }: NamedQuery, asked: string): string | undefined {
  const matches = matchesOf(template?.regexp, asked);
  if (matches === undefined) return undefined;
  const values: Readonly<Partial<Record<string, string>>> = {
    "name.full": asked,
    "name.prefix": name,
    "name.suffix": asked.slice(name.length),
  };
  const rendered = service.replace(/\$\{\s*(?:match\((\d+)\)|([\w.]+))\s*\}/g, (variable, group?: string, key = "") =>
    group === undefined ? (values[String(key)] ?? variable) : (matches[Number(group)] ?? ""),
  );
  return rendered === "" || rendered.includes("${") ? undefined : rendered;
}

/** @returns `undefined` for what only Consul's regular expressions (RE2) can express */
function matchesOf(regexp: string | undefined, asked: string): readonly (string | undefined)[] | undefined {
  try {
    return regexp === undefined ? [] : (new RegExp(regexp).exec(asked) ?? []);
  } catch {
    return undefined;
  }
}
