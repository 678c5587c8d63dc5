/**
 * Filters that pick the instances of a subset, as text that combines: `${SubsetFilter.tag("eu")} and not (…)`.
 *
 * @see https://developer.hashicorp.com/consul/api-docs/features/filtering
 */
export const SubsetFilter = {
  /** Instances whose registration has this metadata, e.g. `SubsetFilter.meta("version", "v2")`. */
  meta: (key: string, value: string): string =>
    `Service.Meta${/^[A-Za-z][A-Za-z0-9_]*$/.test(key) ? `.${key}` : `[${quote(key)}]`} == ${quote(value)}`,

  /** Instances with this tag, e.g. the tag that Nomad gives to canaries. */
  tag: (tag: string): string => `${quote(tag)} in Service.Tags`,

  /** Instances that none of the filters picks. */
  noneOf: (...filters: readonly string[]): string => filters.map((filter) => `not (${filter})`).join(" and "),
};

/** Consul ends a text at the next quote of its kind, even at an escaped one. */
function quote(text: string): string {
  return text.includes('"') ? `\`${text}\`` : JSON.stringify(text);
}
