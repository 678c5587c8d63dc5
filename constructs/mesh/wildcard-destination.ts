import { Construct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import { ANY_SERVICE, renderServiceIntentions } from "../consul/service-intentions";
import * as is from "../core/shape";
import { DerivedConfigEntry } from "./config-entry";
import { allow, refuseWrongDenial, type DenialOptions, type Intention } from "./intention";
import type { Mesh } from "./mesh";
import type { IMeshMember } from "./mesh-member";
import { renderedSource } from "./service-entries";
import { MEMBER_SHAPE } from "./shapes";

/** Props of {@link WildcardDestination}. */
export interface WildcardDestinationProps {
  /** A mesh of the cluster whose services are the destination. */
  readonly mesh: Mesh;
}

const WILDCARD_DESTINATION_SHAPE: is.Shape<WildcardDestinationProps> = { mesh: MEMBER_SHAPE.mesh };

/**
 * The intentions whose destination is any service of the cluster: the config entry `service-intentions` named `*`. It is for platform teams, and
 * a cluster has one.
 *
 * Consul uses one intention for a source and a destination, and an exact destination comes before the wildcard, whatever the sources are. So
 * these intentions apply only to services whose own intentions name neither the source nor `"*"`. They have no permissions, and
 * {@link MeshService.requireJwt} does not apply to the sources that they allow.
 *
 * @example
 * mesh.addWildcardDestination("every-service").allowFrom(prober);
 * @see https://developer.hashicorp.com/consul/docs/secure-mesh/intention#precedence-and-match-order
 */
export class WildcardDestination extends Construct {
  private readonly mesh: Mesh;

  constructor(scope: Construct, id: string, props: WildcardDestinationProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, WILDCARD_DESTINATION_SHAPE);
    const { mesh } = props;
    this.mesh = mesh;
    mesh.addOwner(this);
    new DerivedConfigEntry<consul.ServiceIntentionsConfigEntry>(this, "Intentions", {
      kind: "service-intentions",
      name: ANY_SERVICE,
      entry: (graph) =>
        renderServiceIntentions(
          graph
            .clusterOf(mesh.node.path)
            .statedFor(ANY_SERVICE)
            .filter(({ isGiven }) => isGiven !== true)
            .map(renderedSource),
          { isWildcard: true },
        ),
    });
  }

  /**
   * Allows a service to reach every service of the cluster whose own intentions name neither it nor `"*"`.
   *
   * @param source the service or gateway, its name in this mesh, or `"*"` for any service
   */
  allowFrom(source: IMeshMember | string, options: DenialOptions = {}): Intention {
    refuseWrongDenial(this, options);
    return allow(this, this.mesh, source, ANY_SERVICE, options);
  }

  /**
   * Denies a service to reach those whose own intentions name neither it nor `"*"`. It does not remove what the intentions of a service allow.
   *
   * @param source the service or gateway, its name in this mesh, or `"*"` for any service
   */
  denyFrom(source: IMeshMember | string, options: DenialOptions = {}): Intention {
    refuseWrongDenial(this, options);
    return allow(this, this.mesh, source, ANY_SERVICE, options, true);
  }
}
