/** What processors machines have: AWS's own Graviton (`arm64`), or those of Intel and AMD. */
export type Architecture = "arm64" | "amd64";

/**
 * The architecture of an instance type, by its name: those with a `g` behind the generation have Graviton.
 *
 * @see https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html
 */
export function architectureOf(instanceType: string): Architecture {
  return /^(a1|[a-z]+\d+g[a-z]*)(-\w+)?\./.test(instanceType) ? "arm64" : "amd64";
}
