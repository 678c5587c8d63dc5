import { Fn, Tokenization } from "cdktf";
import { asExpression } from "./terraform-json";
import { isToken } from "./token";

type MapOf<T> = Readonly<Record<string, T>>;

/**
 * Merges maps. For the same key, the value of a later map replaces the value of an earlier one. If one of the maps is known only to
 * Terraform, such as `Fn.merge(…)`, Terraform merges them.
 */
export function mergeMaps<T>(...maps: readonly (MapOf<T> | undefined)[]): MapOf<T> {
  const given = maps.filter((map) => map !== undefined);
  const last = given.at(-1);
  if (given.length === 1 && last !== undefined) {
    return last;
  }
  return given.some((map) => isToken(map))
    ? (Fn.merge(given.filter((map) => !isEmpty(map)).map(asExpression)) as MapOf<T>)
    : (Object.assign({}, ...given) as MapOf<T>);
}

/** {@link mergeMaps}; `undefined` if the result has no keys. */
export function mergeMapsOrNone<T>(...maps: readonly (MapOf<T> | undefined)[]): MapOf<T> | undefined {
  const merged = mergeMaps(...maps);
  return isEmpty(merged) ? undefined : merged;
}

/** The entries of a map; an empty list if the map is known only to Terraform. */
export function knownEntries<T>(map: MapOf<T> | undefined): [key: string, value: T][] {
  return map === undefined || isToken(map) ? [] : Object.entries(map);
}

function isEmpty(map: object): boolean {
  return !isToken(map) && Object.keys(map).length === 0;
}

/** Concatenates lists. If one of them is known only to Terraform, Terraform concatenates them. */
export function joinLists<T>(...lists: readonly (readonly T[] | undefined)[]): readonly T[] {
  const given = lists.filter((list) => list !== undefined).filter((list) => list.length > 0);
  if (given.length === 1) {
    return given[0];
  }
  return given.some((list) => isToken(list))
    ? (Fn.concat(given.map((list) => asExpression(list) as T[])) as readonly T[])
    : given.flatMap((list) => list);
}

/** Whether a string or number is known only to Terraform: as a token, or as the single item that represents a list token. */
export function isUnknown(value: string | number): boolean {
  return isToken(value) || isToken([value]);
}

/** The items of a list; an empty list if the list is known only to Terraform. */
export function knownItems<T>(list: readonly T[] | undefined): readonly T[] {
  return list === undefined || isToken(list) ? [] : list;
}

/** A number as a string. The number can be known only to Terraform. */
export function numberText(value: number): string {
  return isToken(value) ? Fn.join("", [Tokenization.stringifyNumber(value)]) : String(value);
}

/** Appends a value to the list of a key, and creates the list if it does not exist. */
export function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list === undefined) {
    lists.set(key, [value]);
  } else {
    list.push(value);
  }
}
