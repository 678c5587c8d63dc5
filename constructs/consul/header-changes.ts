import * as is from "../core/shape";
import { joinLists, knownEntries, knownItems, mergeMapsOrNone } from "../core/collections";
import type * as consul from "./generated/config-entries";
import { isToken } from "../core/token";

/** Changes of the headers of a request or a response. */
export interface HeaderChanges {
  /** Headers that are added to existing ones. @default none */
  readonly add?: Readonly<Record<string, string>>;
  /** Headers that replace existing ones. @default none */
  readonly set?: Readonly<Record<string, string>>;
  /** Headers that are removed. @default none */
  readonly remove?: readonly string[];
}

/** @internal */
export const HEADER_CHANGES_SHAPE: is.Shape<HeaderChanges> = {
  add: is.map(is.text),
  set: is.map(is.text),
  remove: is.list(is.text),
};

/** @internal */
export function renderHeaderChanges(changes: HeaderChanges | undefined): consul.HTTPHeaderModifiers | undefined {
  return changes && { Add: changes.add, Set: changes.set, Remove: changes.remove };
}

/** @internal Merges both. For a header that `upper` names, only `upper` applies. */
export function layHeaderChanges(lower: HeaderChanges, upper: HeaderChanges = {}): HeaderChanges | undefined {
  const named = new Set([...namesIn(upper)].map((name) => name.toLowerCase()));
  const isFree = (name: string) => !named.has(name.toLowerCase());
  const free = (headers: HeaderChanges["set"] = {}) =>
    isToken(headers) ? headers : Object.fromEntries(Object.entries(headers).filter(([name]) => isFree(name)));
  const changes = {
    add: mergeMapsOrNone(free(lower.add), upper.add),
    set: mergeMapsOrNone(free(lower.set), upper.set),
    remove: joinLists(isToken(lower.remove) ? lower.remove : lower.remove?.filter(isFree), upper.remove),
  };
  const filled = Object.entries(changes).filter(([, value]) => value !== undefined && value.length !== 0);
  return filled.length > 0 ? Object.fromEntries(filled) : undefined;
}

function namesIn({ add, set, remove = [] }: HeaderChanges): string[] {
  return [...knownEntries(add), ...knownEntries(set)].map(([name]) => name).concat(knownItems(remove));
}
