import { layOver, type NamesOfItems, type Override } from "../core/override";

/** The field that identifies the items of a list in a config entry. Routes and splits have no such field. */
const NAMES: NamesOfItems = Object.fromEntries(
  ["Listeners", "Overrides", "Services", "Sources"].map((list) => [
    list,
    ({ Name }) => (typeof Name === "string" ? Name : undefined),
  ]),
);

/** @internal Applies an override of the user to a part of a config entry. */
export function overridden<T extends object>(rendered: T, override: Override<T> | undefined): T {
  return layOver(rendered, override, NAMES, "a config entry");
}
