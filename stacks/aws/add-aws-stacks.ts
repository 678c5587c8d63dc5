import type { Construct } from "constructs";
import type { InboundGateway } from "../../constructs";
import { AwsClusterStack } from "./cluster-stack";
import { AwsConnectionStack } from "./connection-stack";
import { AwsEdgeStack } from "./edge-stack";
import { AwsNetworkStack } from "./network-stack";
import { peerSettings, type AwsSettings } from "./settings";
import { AwsStateStack } from "./state-stack";

/** The stacks of one cluster. */
export interface AwsRegionStacks {
  /** VPC, subnets and NAT gateways. */
  readonly network: AwsNetworkStack;
  /** Machines, with all that they need. */
  readonly cluster: AwsClusterStack;
}

/** The stacks of a cluster on AWS, in the order in which they are applied. */
export interface AwsStacks extends AwsRegionStacks {
  /** @default none: another app creates the bucket, or state is in local files */
  readonly state?: AwsStateStack;
  /** The second cluster. @default none: `peerRegion` is not set */
  readonly peer?: AwsRegionStacks;
  /** What lets the mesh gateways of both clusters reach each other. @default none: `peerRegion` is not set */
  readonly connection?: AwsConnectionStack;
  /** Load balancers. @default none: neither `uiDomain` is set, nor `domain` and a gateway */
  readonly edge?: AwsEdgeStack;
}

/** What {@link addAwsStacks} can use of the app. */
export interface AwsStacksOptions {
  /** The gateway of the mesh that is published as `domain` of the settings. @default none */
  readonly gateway?: InboundGateway;
}

/**
 * Adds the stacks of a cluster on AWS to an app: its network and its machines; and, if the settings ask for them, the bucket of their
 * state, a second cluster in another region with the connection to it, and load balancers.
 *
 * @example
 * const settings = readAwsSettings(app);
 * if (settings) addAwsStacks(app, settings);
 */
export function addAwsStacks(app: Construct, settings: AwsSettings, { gateway }: AwsStacksOptions = {}): AwsStacks {
  const state = settings.createStateBucket ? new AwsStateStack(app, "aws-state", settings) : undefined;
  const addRegion = (suffix: string, own: AwsSettings, datacenter?: string): AwsRegionStacks => {
    const network = new AwsNetworkStack(app, `aws-network${suffix}`, own);
    const cluster = new AwsClusterStack(app, `aws-cluster${suffix}`, { ...own, network: network.network, datacenter });
    if (state !== undefined) network.addDependency(state);
    cluster.addDependency(network);
    return { network, cluster };
  };
  const { network, cluster } = addRegion("", settings);
  const ofPeer = peerSettings(settings);
  const peer = ofPeer && addRegion("-2", ofPeer, "dc2");
  const connection =
    peer &&
    new AwsConnectionStack(app, "aws-connection", {
      ...settings,
      cluster: cluster.cluster,
      peer: peer.cluster.cluster,
    });
  const hasEdge = settings.uiDomain !== undefined || (settings.domain !== undefined && gateway !== undefined);
  const edge = hasEdge
    ? new AwsEdgeStack(app, "aws-edge", { ...settings, cluster: cluster.cluster, gateway })
    : undefined;
  return { state, network, cluster, peer, connection, edge };
}
