import * as is from "../core/shape";
import type * as consul from "./generated/config-entries";
import { HEADER_CHANGES_SHAPE, renderHeaderChanges, type HeaderChanges } from "./header-changes";

/** Additional settings of a split, besides its weight and its destination. */
export interface SplitChanges {
  /** Changes of the request's headers. @default none */
  readonly requestHeaders?: HeaderChanges;
  /** Changes of the response's headers. @default none */
  readonly responseHeaders?: HeaderChanges;
}

/** @internal */
export const SPLIT_CHANGES_SHAPE: is.Shape<SplitChanges> = {
  requestHeaders: is.block(HEADER_CHANGES_SHAPE),
  responseHeaders: is.block(HEADER_CHANGES_SHAPE),
};

/** @internal A split in the format of a service-splitter, without its weight and its destination. */
export function renderSplitChanges({
  requestHeaders,
  responseHeaders,
}: SplitChanges): Pick<consul.ServiceSplit, "RequestHeaders" | "ResponseHeaders"> {
  return {
    RequestHeaders: renderHeaderChanges(requestHeaders),
    ResponseHeaders: renderHeaderChanges(responseHeaders),
  };
}
