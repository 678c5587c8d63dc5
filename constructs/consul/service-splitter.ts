import type * as consul from "./generated/config-entries";
import { renderHeaderChanges, type HeaderChanges } from "./header-changes";

/** What a share of the requests takes beside its weight and its destination. */
export interface SplitChanges {
  /** Changes of the request's headers. @default none */
  readonly requestHeaders?: HeaderChanges;
  /** Changes of the response's headers. @default none */
  readonly responseHeaders?: HeaderChanges;
}

/** @internal A share as a service-splitter has it, without its weight and its destination. */
export function renderSplitChanges({
  requestHeaders,
  responseHeaders,
}: SplitChanges): Pick<consul.ServiceSplit, "RequestHeaders" | "ResponseHeaders"> {
  return {
    RequestHeaders: renderHeaderChanges(requestHeaders),
    ResponseHeaders: renderHeaderChanges(responseHeaders),
  };
}
