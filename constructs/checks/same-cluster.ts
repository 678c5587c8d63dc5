import { TerraformProvider, TerraformStack, Token } from "cdktf";
import type { IConstruct } from "constructs";
import type { ServiceMesh } from "../mesh/service-mesh";

/** The meshes of an app that share a Consul datacenter, in whatever stacks: names are taken once there. */
export interface ConsulCluster {
  readonly meshes: readonly ServiceMesh[];
}

/**
 * Sorts meshes by the datacenter that they are for: the one that they name, else the one that the Consul provider of their stack
 * has. Where neither says anything, there is one.
 */
export function consulClusters(meshes: readonly ServiceMesh[]): readonly ConsulCluster[] {
  const clusters = new Map<string, ServiceMesh[]>();
  for (const mesh of meshes) {
    const key = consulClusterOf(mesh);
    const known = clusters.get(key);
    if (known === undefined) {
      clusters.set(key, [mesh]);
    } else {
      known.push(mesh);
    }
  }
  return [...clusters.values()].map((meshes) => ({ meshes }));
}

/** What two meshes have in common whose jobs go to the same Nomad: address, region and Consul datacenter. */
export function nomadClusterOf(mesh: ServiceMesh): string {
  const { address, region } = providerOf(mesh, "nomad");
  return JSON.stringify([consulClusterOf(mesh), address, mesh.props.region ?? region]);
}

function consulClusterOf(mesh: ServiceMesh): string {
  const { address, datacenter } = providerOf(mesh, "consul");
  return JSON.stringify([address, mesh.props.datacenter ?? datacenter]);
}

interface ProviderPlace {
  readonly address?: string;
  readonly datacenter?: string;
  readonly region?: string;
}

/** What the provider of the mesh's stack says about where it goes. */
function providerOf(mesh: ServiceMesh, type: string): ProviderPlace {
  const stack = TerraformStack.of(mesh);
  const provider = stack.node.children.find(
    (node): node is TerraformProvider & ProviderInputs =>
      TerraformProvider.isTerraformProvider(node) && node.terraformResourceType === type && node.alias === undefined,
  );
  const literal = (value: string | undefined) => (Token.isUnresolved(value) ? JSON.stringify(value) : value);
  return {
    address: literal(provider?.addressInput),
    datacenter: literal(provider?.datacenterInput),
    region: literal(provider?.regionInput),
  };
}

interface ProviderInputs extends IConstruct {
  readonly addressInput?: string;
  readonly datacenterInput?: string;
  readonly regionInput?: string;
}
