import { AwsProvider } from "@cdktf/provider-aws/lib/provider";
import type { Construct } from "constructs";
import { ClusterConnection, type AwsCluster } from "../../constructs/aws";
import { AwsStack } from "./aws-stack";
import type { AwsSettings } from "./settings";

/** Props of {@link AwsConnectionStack}. */
export interface AwsConnectionStackProps extends AwsSettings {
  /** The cluster in `region`. */
  readonly cluster: AwsCluster;
  /** The cluster in `peerRegion`. */
  readonly peer: AwsCluster;
}

/** The connection between the mesh gateways of two clusters, with a provider for each region. */
export class AwsConnectionStack extends AwsStack {
  constructor(scope: Construct, id: string, props: AwsConnectionStackProps) {
    super(scope, id, { settings: props, hasRemoteState: true });
    const { cluster, peer, peerRegion } = props;
    const peerProvider = new AwsProvider(this, "peer", { alias: "peer", region: peerRegion });
    new ClusterConnection(this, "connection", { cluster, peer, peerProvider });
  }
}
