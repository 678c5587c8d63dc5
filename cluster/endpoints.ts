import { blocksOf, type JsonObject } from "../lab/apply/json";
import type { SynthesizedStack } from "../lab/apply/synthesized";

/** The stacks of one cluster, with the variables by which it is reached. */
export interface Target {
  readonly environment: NodeJS.ProcessEnv;
  readonly stacks: readonly SynthesizedStack[];
}

/**
 * The clusters of an app: those whose addresses its providers name, as Terraform would use them, and else that of the environment.
 * Stacks with the same addresses are one cluster.
 */
export function targetsOf(stacks: readonly SynthesizedStack[], environment: NodeJS.ProcessEnv): Target[] {
  const targets = new Map<string, { environment: NodeJS.ProcessEnv; stacks: SynthesizedStack[] }>();
  for (const stack of stacks) {
    const [consul, nomad] = ["consul", "nomad"].map((name) => addressIn(stack, name));
    // A stack with access rules only, for example, has no address of its own.
    const key = JSON.stringify([consul, nomad]);
    const target = targets.get(key) ?? {
      environment: {
        ...environment,
        ...(consul !== undefined && { CONSUL_HTTP_ADDR: consul }),
        ...(nomad !== undefined && { NOMAD_ADDR: nomad }),
      },
      stacks: [],
    };
    target.stacks.push(stack);
    targets.set(key, target);
  }
  return targets.size === 0 ? [{ environment, stacks }] : [...targets.values()];
}

/** The literal address of a provider's default configuration. */
function addressIn({ config }: SynthesizedStack, provider: string): string | undefined {
  const { [provider]: blocks } = (config.provider ?? {}) as JsonObject;
  const address = blocksOf(blocks).find(({ alias }) => alias === undefined)?.address;
  return typeof address === "string" && address !== "" && !address.includes("${") ? address : undefined;
}
