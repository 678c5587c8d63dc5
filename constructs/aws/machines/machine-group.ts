import type { Construct } from "constructs";
import * as is from "../../core/shape";
import type { HostGroup } from "../../linux/host-group";
import { Capacity } from "./capacity";
import { Machines } from "./machines";
import { MACHINES_SHAPE, machinesOptions, type MachinesProps } from "./machines-props";
import { Scaling } from "./scaling";

/** Props of {@link MachineGroup}. */
export interface MachineGroupProps extends MachinesProps {
  /** What the machines are, with all of their parts. `lifecycleNotices` must be true. */
  readonly hosts: HostGroup;
  /** How many machines there are. @default Scaling.fixed(2) */
  readonly scaling?: Scaling;
  /** Instance types of one architecture, the preferred one first. @default ["t4g.medium"] */
  readonly instanceTypes?: readonly string[];
  /** How machines are bought. @default Capacity.onDemand() */
  readonly capacity?: Capacity;
}

const MACHINE_GROUP_SHAPE: is.Shape<MachineGroupProps> = {
  ...MACHINES_SHAPE,
  hosts: is.required(is.like("a group of hosts such as NomadClients", "cloudInit")),
  scaling: is.made("Scaling.fixed(2)"),
  instanceTypes: is.literalList(is.name),
  capacity: is.made("Capacity.onDemand()"),
};

/**
 * Machines that are all alike, as one Auto Scaling group over the private subnets of a network: a launch template from the data of hosts, a role
 * of its own, and hooks that wait until a machine is ready or has left. A changed launch template replaces the machines, by adding new ones first.
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
