/**
 * Filters that select the instances of a subset. They are texts that can be combined: `${SubsetFilter.tag("eu")} and not (…)`.
 *
 * @see https://developer.hashicorp.com/consul/api-docs/features/filtering
 */
export const SubsetFilter = {
  /** Instances with this service metadata, e.g. `SubsetFilter.meta("version", "v2")`. */
  meta: (key: string, value: string): string =>
    `Service.Meta${/^[A-Za-z][A-Za-z0-9_]*$/.test(key) ? `.${key}` : `[${quote(key)}]`} == ${quote(value)}`,

  /** Instances with this tag, e.g. the tag that Nomad sets on canaries. */
  tag: (tag: string): string => `${quote(tag)} in Service.Tags`,

  /** Instances that no filter selects. */
  noneOf: (...filters: readonly string[]): string => filters.map((filter) => `not (${filter})`).join(" and "),
};

/** In Consul, a quoted text ends at the next quote of the same kind, even if it is escaped. */
function quote(text: string): string {
  return text.includes('"') ? `\`${text}\`` : JSON.stringify(text);
}
