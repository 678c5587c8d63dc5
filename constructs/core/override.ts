import { mergeMaps } from "./collections";
import { isToken } from "./token";

/**
 * Fields to lay over what is rendered, at any depth.
 *
 * - A field that is omitted or `undefined` leaves what is rendered; `null` removes it.
 * - Objects and maps are merged key by key.
 * - Lists of named things (`TaskGroups`, `Tasks`, `Services`, ports and so on) are merged by name: an item with the name of a rendered one is
 *   laid over it, any other is appended. An empty list, and one
 *   in which an item has no name, replace the rendered one.
 * - Any other list, and any other value, replaces the rendered one.
 */
export type Override<T> = { readonly [Field in keyof T]?: OverrideValue<T[Field]> | null };

/** What an {@link Override} may have in the place of a value: of objects and list items, any part. */
export type OverrideValue<T> = T extends readonly (infer Item)[]
  ? readonly OverrideValue<Item>[]
  : T extends object
    ? Override<T>
    : T;

/** By field, what names an item of the list there; `undefined` for an item without a name. */
export type NamesOfItems = Readonly<Record<string, (item: Readonly<Record<string, unknown>>) => string | undefined>>;

/**
 * Lays an {@link Override} over what is rendered. Neither is changed.
 *
 * @param of whose override it is, such as `the task api`
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

/** The overrides that something was rendered with, in their order, and which of them was left out. */
interface Trace {
  readonly seen: string[];
  readonly leftOut?: number;
}

let trace: Trace | undefined;

/**
 * Finds the override that takes something out of what is rendered.
 *
 * @param isThere whether it is in what was rendered
 * @returns whose override it is; `undefined` where none does it alone
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
      // Its place stays, so that a spread does not bring back what stands below.
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

/** @returns `undefined` where something has no name */
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

/** Whether a map that only Terraform knows meets another map. */
function isMapToken(rendered: unknown, value: unknown): boolean {
  return isToken(value) && isObject(rendered);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isToken(value);
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && !isToken(value);
}
