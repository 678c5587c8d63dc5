import { mergeMaps } from "./collections";
import { isToken } from "./token";

/**
 * Fields that are merged into the rendered object, at any depth. They have the names of the API of Nomad or Consul.
 *
 * - A field that is omitted or `undefined` keeps the rendered value; `null` removes it.
 * - Objects and maps are merged key by key.
 * - Lists of named items (`TaskGroups`, `Tasks`, `Services`, ports and so on) are merged by name: an item with the name of a rendered
 *   item is merged into it, and any other item is appended. An empty list, or a list in which an item has no name, replaces the
 *   rendered list.
 * - Any other list, and any other value, replaces the rendered one.
 */
export type Override<T> = { readonly [Field in keyof T]?: OverrideValue<T[Field]> | null };

/** The type of a value in an {@link Override}: for objects and list items, any part of them. */
export type OverrideValue<T> = T extends readonly (infer Item)[]
  ? readonly OverrideValue<Item>[]
  : T extends object
    ? Override<T>
    : T;

/** Functions that return the name of an item, by field of the list; `undefined` for an item without a name. */
export type NamesOfItems = Readonly<Record<string, (item: Readonly<Record<string, unknown>>) => string | undefined>>;

/**
 * Merges an {@link Override} into a rendered object, and returns the result. It changes neither of them.
 *
 * @param of the part to which the override belongs, such as `the task api`
 */
export function layOver<T extends object>(
  rendered: T,
  override: Override<T> | undefined,
  names: NamesOfItems,
  of: string,
): T {
  const isOut = override === undefined || (trace !== undefined && trace.seen.push(of) - 1 === trace.leftOut);
  return isOut ? rendered : (layOverObject(rendered as Fields, override, names) as T);
}

/** The overrides that were used during a rendering, in order, and the index of the one that was skipped. */
interface Trace {
  readonly seen: string[];
  readonly leftOut?: number;
}

let trace: Trace | undefined;

/**
 * Finds the override that removes something from the rendered object.
 *
 * @param isThere whether the rendered object contains it
 * @returns the part to which the override belongs; `undefined` if no single override removes it
 */
export function culpritAmongOverrides<T>(render: () => T, isThere: (rendered: T) => boolean): string | undefined {
  const renderWithout = (leftOut?: number): Trace & { readonly rendered: T } => {
    const own: Trace = { seen: [], leftOut };
    trace = own;
    try {
      return { ...own, rendered: render() };
    } finally {
      trace = undefined;
    }
  };
  return renderWithout().seen.find((_, index) => isThere(renderWithout(index).rendered));
}

type Fields = Readonly<Record<string, unknown>>;

function layOverObject(rendered: Fields, override: Fields, names: NamesOfItems): unknown {
  if (isToken(rendered) || isToken(override)) {
    return mergeMaps(rendered, override);
  }
  const result: Record<string, unknown> = { ...rendered };
  for (const [field, value] of Object.entries(override)) {
    if (value === null) {
      // The key is kept, with the value undefined: a later spread over other fields then also removes the value there.
      result[field] = undefined;
    } else if (value !== undefined) {
      result[field] = layOverValue(result[field], value, names, field);
    }
  }
  return result;
}

function layOverValue(rendered: unknown, value: unknown, names: NamesOfItems, field: string): unknown {
  if (isObject(value) || isMapToken(rendered, value)) {
    const below = isObject(rendered) || isToken(rendered) ? rendered : {};
    return layOverObject(below as Fields, value as Fields, names);
  }
  if (isList(value) && value.length > 0 && isList(rendered) && Object.hasOwn(names, field)) {
    return layOverList(rendered, value, names, names[field]) ?? value;
  }
  return value;
}

/** @returns `undefined` if an item has no name */
function layOverList(
  rendered: readonly unknown[],
  override: readonly unknown[],
  names: NamesOfItems,
  nameOf: NamesOfItems[string],
): readonly unknown[] | undefined {
  const result = [...rendered];
  const places = new Map(rendered.map((item, index) => [isObject(item) ? nameOf(item) : undefined, index]));
  for (const item of override) {
    const name = isObject(item) ? nameOf(item) : undefined;
    if (name === undefined) {
      return undefined;
    }
    const place = places.get(name);
    if (place === undefined) {
      places.set(name, result.push(layOverObject({}, item as Fields, names)) - 1);
    } else {
      result[place] = layOverObject(result[place] as Fields, item as Fields, names);
    }
  }
  return result;
}

/** Whether a map that is known only to Terraform overrides another map. */
function isMapToken(rendered: unknown, value: unknown): boolean {
  return isToken(value) && isObject(rendered);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isToken(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && !isToken(value);
}
