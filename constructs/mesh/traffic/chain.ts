import type { ConfigEntries, ConfigEntryKind, ConfigEntryOf, World } from "../../model/config-entries";
import { discoveryChain, type ChainEnd } from "../../model/discovery-chain";
import type { ServiceMesh } from "../service-mesh";
import { isTrafficOwner, type TrafficOwner } from "./service-traffic";

/** A service at which requests end, in a mesh of this app. */
export interface ChainDestination extends Pick<ChainEnd, "service" | "isRewritten"> {
  /** The mesh of the service: the one where requests began, or that of a peered cluster. */
  readonly mesh: ServiceMesh;
}

/** The services of this app at which requests for a service end. */
export function destinationsOf({ mesh, serviceName }: TrafficOwner): readonly ChainDestination[] {
  const meshes = new Map([mesh, ...mesh.peers].map((it) => [datacenterOf(it), it]));
  const world = { entries: new Map([...meshes].map(([name, it]) => [name, trafficRulesOf(it)])) } satisfies World;
  return discoveryChain(world, { datacenter: datacenterOf(mesh), service: serviceName }).flatMap((end) => {
    const home = meshes.get(end.datacenter);
    return home === undefined ? [] : [{ mesh: home, service: end.service, isRewritten: end.isRewritten }];
  });
}

function datacenterOf({ props }: ServiceMesh): string {
  return props.datacenter ?? "";
}

function trafficRulesOf(mesh: ServiceMesh): ConfigEntries {
  return {
    find: <Kind extends ConfigEntryKind>(kind: Kind, name: string) => {
      const member = mesh.find(name);
      if (member === undefined || !isTrafficOwner(member)) {
        return undefined;
      }
      const { resolver, splitter, router } = member.traffic;
      const entry = [resolver, splitter, router].find((it) => it?.kind === kind);
      return entry?.content as ConfigEntryOf<Kind> | undefined;
    },
  };
}
