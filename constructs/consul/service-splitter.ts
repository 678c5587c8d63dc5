import type * as consul from "./generated/config-entries";
import { renderHeaderChanges, type HeaderChanges } from "./header-changes";

/** What a share of the requests takes beside its weight and its destination. */
export interface SplitChanges {
  /** Changes of the request's headers. @default none */
  readonly requestHeaders?: HeaderChanges;
  /** Changes of the response's headers. @default none */
  readonly responseHeaders?: HeaderChanges;
}

/** A share of the requests, by names. */
export interface ServiceSplitProps extends SplitChanges {
  /** In percent. */
  readonly weight: number;
  readonly service?: string;
  readonly subset?: string;
}

/** Renders a service-splitter. */
export function renderServiceSplitter(
  splits: readonly ServiceSplitProps[],
): Omit<consul.ServiceSplitterConfigEntry, "Kind" | "Name"> {
  return {
    Splits: splits.map(({ weight, service, subset, requestHeaders, responseHeaders }) => ({
      Weight: weight,
      Service: service,
      ServiceSubset: subset,
      RequestHeaders: renderHeaderChanges(requestHeaders),
      ResponseHeaders: renderHeaderChanges(responseHeaders),
    })),
  };
}
