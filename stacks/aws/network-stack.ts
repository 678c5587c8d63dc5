import type { Construct } from "constructs";
import { Nat, Network } from "../../constructs/aws";
import { AwsStack } from "./aws-stack";
import type { AwsSettings } from "./settings";

/** The network of a cluster. */
export class AwsNetworkStack extends AwsStack {
  /** Put further clusters or machines here. */
  readonly network: Network;

  constructor(scope: Construct, id: string, settings: AwsSettings) {
    super(scope, id, { settings, hasRemoteState: true });
    const { name, cidr, zones, preset, peerRegion } = settings;
    this.network = new Network(this, "network", {
      ...{ name, cidr, zones },
      gateways: peerRegion !== undefined,
      nat: preset === "production" ? Nat.perZone() : Nat.single(),
    });
  }
}
