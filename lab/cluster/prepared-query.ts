import { queryFor, type NamedQuery, type QueryLookup } from "../../constructs/consul/prepared-query";

/** What is read of `/v1/query`. */
export interface PreparedQuery {
  readonly Name: string;
  readonly Service: QueryLookup & { readonly Service: string };
  /** Whose type is empty for a query that is none. */
  readonly Template?: { readonly Type: string; readonly Regexp?: string };
}

/** A query that answers a name. */
export interface AnsweringQuery extends NamedQuery {
  readonly lookup: QueryLookup;
}

/** The query that answers a name, with the service that it looks up for it. */
export function queryAnswering(queries: readonly PreparedQuery[], asked: string): AnsweringQuery | undefined {
  const known = queries.map(({ Name: name, Service, Template }): AnsweringQuery => {
    const template = Template?.Type ? { regexp: Template.Regexp || undefined } : undefined;
    return { name, service: Service.Service, template, lookup: Service };
  });
  return queryFor(known, asked);
}
