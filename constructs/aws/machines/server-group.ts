import type { Construct } from "constructs";
import { MeshError } from "../../core/errors";
import * as is from "../../core/shape";
import type { HostGroup } from "../../linux/host-group";
import { Capacity } from "./capacity";
import { Machines } from "./machines";
import { MACHINES_SHAPE, machinesOptions, type MachinesProps } from "./machines-props";
import { Scaling } from "./scaling";

/** Props of {@link ServerGroup}. */
export interface ServerGroupProps extends MachinesProps {
  /** The servers, fully configured: `ConsulServers`, or `hosts` of `NomadServers`. `lifecycleNotices` must be true. */
  readonly hosts: HostGroup;
  /** The servers' instance type. @default "t4g.medium" */
  readonly instanceType?: string;
  /** Whether a plan that would destroy or replace the group fails. @default true */
  readonly deletionProtection?: boolean;
}

const SERVER_GROUP_SHAPE: is.Shape<ServerGroupProps> = {
  ...MACHINES_SHAPE,
  hosts: is.required(is.like("a group of hosts such as ConsulServers", "cloudInit")),
  instanceType: is.literal(is.name, "Use a literal type."),
  deletionProtection: is.literal(is.flag, "Use a literal value."),
};

/**
 * The servers of a cluster in one Auto Scaling group across the private subnets of a network. If the launch template changes,
 * servers are replaced one at a time: when a new server has become a voter, an old one leaves and is then terminated. If a new
 * server does not become ready within 15 minutes, the group rolls back to the previous version. Only EC2's own health checks
 * count, and the group does not rebalance zones.
 *
 * @example
 * const consul = new ConsulServers(stack, "servers", { platform: awsPlatform, lifecycleNotices: true, join, secretStore });
 * new ServerGroup(stack, "machines", { hosts: consul, network, securityGroupIds: [serversId], assets });
 */
export class ServerGroup extends Machines {
  constructor(scope: Construct, id: string, props: ServerGroupProps) {
    is.refuseWrongValues(scope, props, SERVER_GROUP_SHAPE, "serverGroup", id);
    const { hosts } = props;
    if (!hosts.hasServers || hosts.count === undefined) {
      throw new MeshError(
        scope,
        `The server group ${id} is given the hosts ${hosts.node.path}, which are no servers.`,
        "Give ConsulServers, or use a MachineGroup.",
      );
    }
    super(scope, id, {
      ...machinesOptions(id, props),
      hosts,
      instanceTypes: [props.instanceType ?? "t4g.medium"],
      capacity: Capacity.onDemand(),
      scaling: Scaling.fixed(hosts.count),
      isProtected: props.deletionProtection ?? true,
      // The other servers need time to notice the change of members.
      pauseSeconds: 60,
      evensOutZones: false,
    });
  }
}
