import { TerraformStack } from "cdktf";
import type { IConstruct } from "constructs";
import type { Origin } from "./records";

/** Where a construct states something. */
export function originOf(scope: IConstruct): Origin {
  return { path: scope.node.path, stack: TerraformStack.of(scope).node.path };
}

/** The construct of a path. */
export function constructAt(root: IConstruct, path: string): IConstruct | undefined {
  let found: IConstruct | undefined = root;
  for (const id of path === "" ? [] : path.split("/")) {
    found = found?.node.tryFindChild(id);
  }
  return found;
}
