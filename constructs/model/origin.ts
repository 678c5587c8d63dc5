import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import type { Origin } from "./records";

/** A construct states several things, and stays where it is. */
const origins = new WeakMap<IConstruct, Origin>();

/** Where a construct states something. */
export function originOf(scope: IConstruct): Origin {
  const known = origins.get(scope);
  if (known !== undefined) {
    return known;
  }
  const origin = { path: scope.node.path, stack: TerraformStack.of(scope).node.path };
  origins.set(scope, origin);
  return origin;
}

/** The construct of a path. */
export function constructAt(root: IConstruct, path: string): IConstruct | undefined {
  let found: IConstruct | undefined = root;
  for (const id of path === "" ? [] : path.split("/")) {
    found = found?.node.tryFindChild(id);
  }
  return found;
}
