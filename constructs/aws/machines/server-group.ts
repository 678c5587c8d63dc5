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
  /** The servers, with all of their parts: `ConsulServers`, or `hosts` of `NomadServers`. `lifecycleNotices` must be true. */
  readonly hosts: HostGroup;
  /** The servers' instance type. @default "t4g.medium" */
  readonly instanceType?: string;
  /** Whether a plan fails that would destroy or replace the group. @default true */
  readonly deletionProtection?: boolean;
}

const SERVER_GROUP_SHAPE: is.Shape<ServerGroupProps> = {
  ...MACHINES_SHAPE,
  hosts: is.required(is.like("a group of hosts such as ConsulServers", "cloudInit")),
  instanceType: is.literal(is.name, "Use a literal type."),
  deletionProtection: is.literal(is.flag, "Use a literal value."),
};

/**
 * The servers of a cluster as one Auto Scaling group over the private subnets of a network. A changed launch template replaces them one at a time,
 * by adding first: a server is terminated when a new one has become a voter, and has left before that. One that does not become ready is given up
 * after 15 minutes, and the group goes back to the version before. Only EC2's own health checks count, and zones are not evened out.
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
      // For the others to notice who is there now.
      pauseSeconds: 60,
      evensOutZones: false,
    });
  }
}
