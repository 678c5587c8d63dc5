import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import type { Origin } from "./records";

/** A cache, because a construct writes several records. */
const origins = new WeakMap<IConstruct, Origin>();

/** Returns the origin of the records that a construct writes. */
export function originOf(scope: IConstruct): Origin {
  const known = origins.get(scope);
  if (known !== undefined) {
    return known;
  }
  const origin = { path: scope.node.path, stack: TerraformStack.of(scope).node.path };
  origins.set(scope, origin);
  return origin;
}

/** Returns the construct with a path. */
export function constructAt(root: IConstruct, path: string): IConstruct | undefined {
  let found: IConstruct | undefined = root;
  for (const id of path === "" ? [] : path.split("/")) {
    found = found?.node.tryFindChild(id);
  }
  return found;
}
