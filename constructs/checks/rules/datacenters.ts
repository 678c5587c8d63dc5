import { TerraformStack, Token } from "cdktf";
import type { IConstruct } from "constructs";
import { describe } from "../../core/errors";
import { isFrontGateway } from "../../mesh/gateways/front-gateway";
import { peerOf, type IMeshMember } from "../../mesh/mesh-member";
import type { ServiceMesh } from "../../mesh/service-mesh";
import type { Check, CheckedApp } from "../check";
import { closestTo } from "../closest";

const datacenterWithoutGateway: Check = {
  id: "datacenter-without-gateway",
  reason: "Between datacenters traffic goes through mesh gateways; without one, the way ends in a timeout.",
  level: "error",
  *find({ meshes }) {
    const ownGateways = meshes.flatMap(({ meshGateways }) =>
      meshGateways.flatMap(({ datacenter }) => datacenter ?? []),
    );
    for (const way of waysIn({ meshes })) {
      const { props } = way.mesh;
      // A federation's own datacenter is taken on trust: it may have a gateway that the app does not know.
      const federated = way.datacenter === props.datacenter ? [] : [way.datacenter];
      const needed = way.peer === undefined ? federated : [props.datacenter, way.peer.props.datacenter];
      for (const datacenter of needed.filter((it) => it !== undefined)) {
        const known = [...new Set([...ownGateways, ...(props.gatewayDatacenters ?? [])])];
        if (known.includes(datacenter)) {
          continue;
        }
        yield {
          construct: way.construct,
          problem:
            datacenter === props.datacenter
              ? `${way.what} leads out of the datacenter "${datacenter}", which no mesh gateway leads out of.`
              : `${way.what} leads to the datacenter "${datacenter}", which no mesh gateway reaches.`,
          fix: `${closestTo(datacenter, known)} Add a mesh gateway there; one that others run is named in the mesh's gatewayDatacenters.`,
        };
      }
    }
  },
};

const ruleAcrossDatacenters: Check = {
  id: "rule-across-datacenters",
  reason: "Consul's splits, routes and gateways name services of their own cluster only.",
  level: "error",
  *find({ meshes }) {
    for (const way of waysIn({ meshes })) {
      if (way.isDirect && way.peer !== undefined) {
        yield {
          construct: way.construct,
          problem: `${way.what} leads to ${way.destination}, which is in the datacenter "${way.peer.props.datacenter ?? ""}".`,
          fix: `Give ${describe(way.mesh)} a name for it, addVirtualService("${way.destination}-${way.peer.props.datacenter ?? ""}", { redirect: Redirect.to(…) }), and lead there.`,
        };
      }
    }
  },
};

const unnamedDatacenter: Check = {
  id: "unnamed-datacenter",
  reason: "Whether two meshes are one cluster or two is told by their datacenters.",
  level: "error",
  *find({ meshes }) {
    for (const { construct, mesh, other, what, destination } of waysIn({ meshes })) {
      const unnamed = [mesh, other].find((it) => it?.props.datacenter === undefined);
      const named = [mesh, other].find((it) => it?.props.datacenter !== undefined);
      if (other !== undefined && other !== mesh && unnamed !== undefined && named !== undefined) {
        yield {
          construct,
          problem: `${what} leads to ${destination}, and only ${describe(named)} says in which datacenter it is.`,
          fix: `Give ${describe(unnamed)} its datacenter too.`,
        };
      }
    }
  },
};

const sharedStack: Check = {
  id: "two-datacenters-in-one-stack",
  reason: "A stack has one Consul provider, so all that is in it goes to one datacenter.",
  level: "error",
  *find({ meshes }) {
    const owners = new Map<IConstruct, ServiceMesh>();
    for (const mesh of meshes) {
      for (const stack of new Set([mesh, ...mesh.members].map((construct) => TerraformStack.of(construct)))) {
        const owner = owners.get(stack);
        if (owner !== undefined && peerOf(owner, mesh) !== undefined) {
          yield {
            construct: mesh,
            problem: `It is of the datacenter "${mesh.props.datacenter ?? ""}", and ${describe(owner)} in the same stack is of "${owner.props.datacenter ?? ""}".`,
            fix: "Give each datacenter a stack of its own.",
          };
        }
        owners.set(stack, owner ?? mesh);
      }
    }
  },
};

const datacenterName: Check = {
  id: "datacenter-name",
  reason: "Consul writes its datacenters in lower case, and refuses a peer by a name that DNS would not take.",
  level: "error",
  *find({ meshes }) {
    const reported = new Set<string>();
    for (const [construct, kind, name] of placesNamedIn(meshes)) {
      const isFit = kind === "datacenter" ? /^[a-z0-9_-]{1,63}$/ : /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
      if (!Token.isUnresolved(name) && !isFit.test(name) && !reported.has(name)) {
        reported.add(name);
        yield {
          construct,
          problem: `"${name}" cannot be the name of a ${kind}.`,
          fix: "Use lower-case letters, digits and dashes, at most 63, no dash at either end.",
        };
      }
    }
  },
};

/** The datacenters and peers that are named, and where. */
function* placesNamedIn(
  meshes: readonly ServiceMesh[],
): Iterable<[construct: IConstruct, kind: "datacenter" | "peer", name: string]> {
  for (const mesh of meshes) {
    const named: readonly (readonly [IConstruct, { readonly datacenter?: string; readonly peer?: string }])[] = [
      [mesh, mesh.props],
      ...mesh.serviceJobs.flatMap((job) => job.ownUpstreams.map(({ options }) => [job, options] as const)),
      ...mesh.trafficOwners.flatMap((owner) =>
        owner.traffic.references.map((reference) => [owner, reference] as const),
      ),
      ...mesh.intentions.map(({ scope, options }) => [scope, options] as const),
    ];
    for (const [construct, { datacenter, peer }] of named) {
      yield* datacenter === undefined ? [] : ([[construct, "datacenter", datacenter]] as const);
      yield* peer === undefined ? [] : ([[construct, "peer", peer]] as const);
    }
  }
}

/** One thing that leads from a mesh to a service, to another datacenter perhaps. */
interface Way {
  readonly construct: IConstruct;
  readonly mesh: ServiceMesh;
  /** What leads there, as the beginning of a sentence. */
  readonly what: string;
  readonly destination: string;
  /** The destination's mesh, as far as it is known. */
  readonly other: ServiceMesh | undefined;
  /** The same, if it is of another datacenter that is joined by peering. */
  readonly peer: ServiceMesh | undefined;
  /** A datacenter of a WAN federation that is named. */
  readonly datacenter: string | undefined;
  /** Whether Consul has no word for a peer there. */
  readonly isDirect: boolean;
}

function* waysIn({ meshes }: Pick<CheckedApp, "meshes">): Iterable<Way> {
  for (const mesh of meshes) {
    const way = (
      construct: IConstruct,
      what: string,
      destination: string,
      given: IMeshMember | undefined,
      place: { readonly datacenter?: string; readonly isDirect?: boolean } = {},
    ): Way => ({
      ...{ construct, mesh, what, destination, other: given?.mesh, datacenter: place.datacenter },
      peer: place.datacenter === undefined && peerOf(given?.mesh, mesh) !== undefined ? given?.mesh : undefined,
      isDirect: place.isDirect ?? false,
    });
    for (const source of mesh.serviceJobs) {
      for (const { source: owner, destinationName, destination, options } of source.upstreams) {
        // In a WAN federation sidecars may reach each other by themselves.
        if (owner === source && options.datacenter === undefined) {
          yield way(source, `The upstream ${destinationName}`, destinationName, destination);
        }
      }
    }
    for (const owner of mesh.trafficOwners) {
      for (const { kind, service, given, datacenter } of owner.traffic.references) {
        const isDirect = kind === "split" || kind === "route";
        yield way(owner, `The ${kind} of ${owner.serviceName}`, service, given, { datacenter, isDirect });
      }
    }
    for (const gateway of mesh.gateways.filter(isFrontGateway)) {
      for (const [name, service] of gateway.routes.flatMap((route) => gateway.destinationsOf(route))) {
        yield way(gateway, "Its route", name, service, { isDirect: true });
      }
    }
  }
}

export const datacenterChecks: readonly Check[] = [
  datacenterWithoutGateway,
  ruleAcrossDatacenters,
  unnamedDatacenter,
  sharedStack,
  datacenterName,
];
