/** What is read of `/v1/query`. */
export interface PreparedQuery {
  readonly Name: string;
  readonly Service: { readonly Service: string };
  /** Whose type is empty for a query that is none. */
  readonly Template?: { readonly Type: string };
}

/** The service that a query looks up; undefined for a template, whose service depends on the name that is asked. */
export function serviceOfQuery({ Service, Template }: PreparedQuery): string | undefined {
  return Template?.Type ? undefined : Service.Service;
}
