import { Annotations } from "cdktf";
import type { Construct } from "constructs";
import { AwsCluster, MachineImage, Scaling, type NetworkLike } from "../../constructs/aws";
import { AwsStack } from "./aws-stack";
import { gatewayCount, GATEWAYS } from "./gateways";
import { estimateOf, PRICES_OF } from "./prices";
import type { AwsSettings } from "./settings";

/** Props of {@link AwsClusterStack}. */
export interface AwsClusterStackProps extends AwsSettings {
  /** The network in which the machines run. */
  readonly network: NetworkLike;
  /** @default "dc1" */
  readonly datacenter?: string;
}

/** A cluster of Consul and Nomad with one pool of clients, and with one for mesh gateways if there is a second region. */
export class AwsClusterStack extends AwsStack {
  /** Add further pools here. */
  readonly cluster: AwsCluster;

  constructor(scope: Construct, id: string, props: AwsClusterStackProps) {
    super(scope, id, { settings: props, hasRemoteState: true });
    const { network, name, datacenter, imageId, minClients, maxClients, preset, clientType } = props;
    this.cluster = new AwsCluster(this, "cluster", {
      ...{ network, name, datacenter },
      serverCount: props.serverCount,
      serverType: props.serverType,
      image: imageId === undefined ? undefined : MachineImage.id(imageId, { distribution: "ubuntu-24.04" }),
      deletionProtection: props.deletionProtection,
      alarmTopicArn: props.alarmTopicArn,
      hostLogs: props.hostLogs === true ? {} : undefined,
      uis: props.uiDomain !== undefined,
      snapshots: preset === "production" ? { everySeconds: 900, retain: 96 } : {},
    });
    this.cluster.addClientPool("general", {
      instanceTypes: [clientType],
      scaling:
        minClients === maxClients ? Scaling.fixed(minClients) : Scaling.cpu({ min: minClients, max: maxClients }),
    });
    const gateways = gatewayCount(props);
    if (gateways > 0) {
      this.cluster.addClientPool(GATEWAYS, {
        ...{ subnets: "gateway", nodePool: GATEWAYS, instanceTypes: [clientType], scaling: Scaling.fixed(gateways) },
      });
    }
    Annotations.of(this).addInfo(sayCosts(props));
  }
}

function sayCosts(settings: AwsSettings): string {
  const { usd, unknown } = estimateOf(settings);
  const without = unknown.length === 0 ? "" : `, without ${unknown.join(" and ")}, whose prices are not known`;
  const elsewhere =
    settings.region === PRICES_OF.region ? "" : ` The prices of ${settings.region} differ, and are not known.`;
  return `It costs at least ${usd.toFixed(0)} USD a month in ${PRICES_OF.region} at on-demand prices of ${PRICES_OF.date}, without traffic${without}.${elsewhere} Compare it with AWS's price list.`;
}
