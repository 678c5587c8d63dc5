import { TerraformProvider } from "cdktf";
import type { IConstruct } from "constructs";
import { isToken } from "../core/token";

/** The clusters of a stack, according to its providers. */
export interface Place {
  /** Of the Consul provider. */
  readonly consul: ProviderPlace;
  /** Of the Nomad provider. */
  readonly nomad: ProviderPlace;
}

/** Fields are undefined if the provider reads them from its environment. */
export interface ProviderPlace {
  /** Address of the API. */
  readonly address?: string;
  /** Datacenter of Consul. */
  readonly datacenter?: string;
  /** Region of Nomad. */
  readonly region?: string;
}

/** Returns the clusters of a stack's resources, according to its providers of Consul and Nomad without an alias. */
export function placeOf(stack: IConstruct): Place {
  const providers = stack.node.children.filter((node): node is TerraformProvider & ProviderInputs =>
    TerraformProvider.isTerraformProvider(node),
  );
  const find = (type: string): ProviderPlace => {
    const provider = providers.find((it) => it.terraformResourceType === type && it.alias === undefined);
    return {
      /** Address of the API. */
      address: literal(provider?.addressInput),
      /** Datacenter of Consul. */
      datacenter: literal(provider?.datacenterInput),
      /** Region of Nomad. */
      region: literal(provider?.regionInput),
    };
  };
  return { consul: find("consul"), nomad: find("nomad") };
}

/** Equal tokens are treated as equal values. */
function literal(value: string | undefined): string | undefined {
  return isToken(value) ? JSON.stringify(value) : value;
}

interface ProviderInputs extends IConstruct {
  readonly addressInput?: string;
  readonly datacenterInput?: string;
  readonly regionInput?: string;
}
