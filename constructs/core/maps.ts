import { Fn, Token } from "cdktf";
import { asExpression } from "./terraform-json";

type MapOf<T> = Readonly<Record<string, T>>;

/**
 * Maps laid over one another: what a later one says goes before what an earlier one says of the same key. Where one of them is known
 * only to Terraform, such as `Fn.merge(…)`, Terraform merges them.
 */
export function mergeMaps<T>(...maps: readonly (MapOf<T> | undefined)[]): MapOf<T> {
  const given = maps.filter((map) => map !== undefined);
  const last = given.at(-1);
  if (given.length === 1 && last !== undefined) {
    return last;
  }
  return given.some((map) => Token.isUnresolved(map))
    ? (Fn.merge(given.filter((map) => !isEmpty(map)).map(asExpression)) as MapOf<T>)
    : (Object.assign({}, ...given) as MapOf<T>);
}

/** {@link mergeMaps}, `undefined` for a map without keys. */
export function mergeMapsOrNone<T>(...maps: readonly (MapOf<T> | undefined)[]): MapOf<T> | undefined {
  const merged = mergeMaps(...maps);
  return isEmpty(merged) ? undefined : merged;
}

/** The entries of a map; none of one that is known only to Terraform. */
export function knownEntries<T>(map: MapOf<T> | undefined): [key: string, value: T][] {
  return map === undefined || Token.isUnresolved(map) ? [] : Object.entries(map);
}

function isEmpty(map: object): boolean {
  return !Token.isUnresolved(map) && Object.keys(map).length === 0;
}
