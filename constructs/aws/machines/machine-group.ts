import type { Construct } from "constructs";
import * as is from "../../core/shape";
import type { HostGroup } from "../../linux/host-group";
import { Capacity } from "./capacity";
import { INSTANCE_TYPES, type InstanceRequirements } from "./instance-requirements";
import { Machines } from "./machines";
import { MACHINES_SHAPE, machinesOptions, type MachinesProps } from "./machines-props";
import { Scaling } from "./scaling";

/** Props of {@link MachineGroup}. */
export interface MachineGroupProps extends MachinesProps {
  /** The hosts that run on the machines, fully configured. `lifecycleNotices` must be true. */
  readonly hosts: HostGroup;
  /** The number of machines. @default Scaling.fixed(2) */
  readonly scaling?: Scaling;
  /**
   * Instance types of one architecture, the preferred one first, or what they must have, from which AWS chooses.
   * @default ["t4g.medium"]
   */
  readonly instanceTypes?: readonly string[] | InstanceRequirements;
  /** On-demand or spot instances. @default Capacity.onDemand() */
  readonly capacity?: Capacity;
}

const MACHINE_GROUP_SHAPE: is.Shape<MachineGroupProps> = {
  ...MACHINES_SHAPE,
  hosts: is.required(is.like("a group of hosts such as NomadClients", "cloudInit")),
  scaling: is.made("Scaling.fixed(2)"),
  instanceTypes: INSTANCE_TYPES,
  capacity: is.made("Capacity.onDemand()"),
};

/**
 * Identical machines in one Auto Scaling group across the private subnets of a network. The group has a launch template from the
 * data of the hosts, a separate role, and lifecycle hooks that wait until a machine is ready or has left. If the launch template
 * changes, new machines are added before old ones are terminated.
 *
 * @example
 * const clients = new NomadClients(stack, "general", { nomad, lifecycleNotices: true });
 * new MachineGroup(stack, "machines", { hosts: clients, network, securityGroupIds: [clientsId], assets });
 */
export class MachineGroup extends Machines {
  constructor(scope: Construct, id: string, props: MachineGroupProps) {
    is.refuseWrongValues(scope, props, MACHINE_GROUP_SHAPE, "machineGroup", id);
    super(scope, id, {
      ...machinesOptions(id, props),
      hosts: props.hosts,
      instanceTypes: props.instanceTypes ?? ["t4g.medium"],
      capacity: props.capacity ?? Capacity.onDemand(),
      scaling: props.scaling ?? Scaling.fixed(2),
      isProtected: false,
      pauseSeconds: 0,
      evensOutZones: true,
    });
  }
}
