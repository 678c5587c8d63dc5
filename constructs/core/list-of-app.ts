import type { IConstruct } from "constructs";

/**
 * A list that belongs to an app. All copies of this package that the app may have share it.
 *
 * @param name name of the list, the same in every copy
 */
export function listOfApp<Item>(scope: IConstruct, name: string): Item[] {
  const key = Symbol.for(`meshform.${name}`);
  const root: IConstruct & { [key]?: Item[] } = scope.node.root;
  return (root[key] ??= []);
}
