import { LabError } from "../core/errors";
import type { ClusterEndpoints } from "../cluster/engine-api";
import { datacenterOf, type SynthesizedStack } from "./synthesized";

/** Which cluster each stack is for. */
export class Clusters {
  /** @param byName of each datacenter, `first` among them; where there is but one, it is meant by whatever name */
  constructor(
    private readonly first: ClusterEndpoints,
    private readonly byName: Readonly<Record<string, ClusterEndpoints>> = {},
  ) {}

  /** @throws LabError that names the stacks whose datacenter is not there */
  check(stacks: readonly SynthesizedStack[]): void {
    const known = Object.keys(this.byName);
    const named = stacks.flatMap((stack) => {
      const datacenter = datacenterOf(stack);
      return datacenter === undefined ? [] : [{ name: stack.name, datacenter }];
    });
    const lost = named.filter(({ datacenter }) => !known.includes(datacenter));
    const isOneCluster = known.length <= 1 && new Set(named.map(({ datacenter }) => datacenter)).size <= 1;
    if (lost.length === 0 || isOneCluster) return;
    const list = lost.map(({ name, datacenter }) => `\n  ${name}: ${datacenter}`).join("");
    throw new LabError(
      `The lab does not have the datacenters of these stacks:${list}\n`,
      `It has ${known.join(", ")}. Set the number of datacenters with \`--datacenters\`.`,
    );
  }

  /** @param datacenter default: the first one */
  of(datacenter: string | undefined): ClusterEndpoints {
    return (datacenter === undefined ? undefined : this.byName[datacenter]) ?? this.first;
  }
}
