import { TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import type { InboundGateway } from "../../constructs";
import { MeshError } from "../../constructs";
import { PublishedGateway, PublishedUis, type AwsCluster, type PublicName } from "../../constructs/aws";
import { AwsStack } from "./aws-stack";
import type { AwsSettings } from "./settings";

/** Props of {@link AwsEdgeStack}. */
export interface AwsEdgeStackProps extends AwsSettings {
  /** The cluster, with `uis` if `uiDomain` is set. */
  readonly cluster: AwsCluster;
  /** The gateway that is published as `domain`. @default none */
  readonly gateway?: InboundGateway;
}

/** Load balancers: an internal one in front of the UIs, and one in front of a gateway of the mesh. It is applied after the mesh. */
export class AwsEdgeStack extends AwsStack {
  /** @default none: `domain` is not set, or there is no gateway */
  readonly gateway?: PublishedGateway;
  /** @default none: `uiDomain` is not set */
  readonly uis?: PublishedUis;

  constructor(scope: Construct, id: string, props: AwsEdgeStackProps) {
    super(scope, id, { settings: props, hasRemoteState: true });
    const { cluster, gateway, domain, uiDomain, certificateArn, internetFacing, cidr, allowFrom = [cidr] } = props;
    this.addDependency(TerraformStack.of(cluster));
    if (domain !== undefined && gateway !== undefined) {
      // Until the gateway runs, no target is healthy.
      this.addDependency(TerraformStack.of(gateway));
      this.gateway = new PublishedGateway(this, "gateway", {
        ...{ cluster, gateway, certificateArn, internetFacing },
        domain: this.publicName("domain", domain, props),
        allowFrom: internetFacing ? props.allowFrom : allowFrom,
      });
    }
    if (uiDomain !== undefined) {
      const name = this.publicName("uiDomain", uiDomain, props);
      this.uis = new PublishedUis(this, "uis", { ...{ cluster, certificateArn, allowFrom }, domain: name });
    }
  }

  private publicName(setting: "domain" | "uiDomain", name: string, { zoneId }: AwsSettings): PublicName {
    if (zoneId === undefined) {
      throw new MeshError(
        this,
        `${setting} is set, and zoneId is not.`,
        "Set zoneId to the id of the hosted zone of the name in Route 53 (MESHFORM_AWS_ZONE_ID).",
      );
    }
    return { name, zoneId };
  }
}
