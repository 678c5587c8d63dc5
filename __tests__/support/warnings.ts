import type { IConstruct } from "constructs";

/** The warnings below a construct, as synthesis prints them. */
export function warningsOf(scope: IConstruct): string[] {
  return scope.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === "@cdktf/warn")
    .map(({ data }) => data as string);
}
