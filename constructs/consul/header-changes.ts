import type * as consul from "./generated/config-entries";

/** What happens to the headers of a request or a response on its way. */
export interface HeaderChanges {
  /** Headers beside those that are there. @default none */
  readonly add?: Readonly<Record<string, string>>;
  /** Headers instead of those that are there. @default none */
  readonly set?: Readonly<Record<string, string>>;
  /** Headers that are taken away. @default none */
  readonly remove?: readonly string[];
}

/** @internal */
export function renderHeaderChanges(changes: HeaderChanges | undefined): consul.HTTPHeaderModifiers | undefined {
  return changes && { Add: changes.add, Set: changes.set, Remove: changes.remove };
}
