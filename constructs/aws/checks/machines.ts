import type { IConstruct } from "constructs";
import type { Check } from "../../checks/check";
import { listOfApp } from "../../core/list-of-app";
import type { CheckedHosts } from "../../linux/checks";
import { Cidr } from "../network/cidr";
import { subnetsFor, type MachineSubnets } from "../network/machine-subnets";
import type { NetworkLike } from "../network/network-like";

/** The properties of a group of machines that the checks use. */
export interface CheckedMachines extends IConstruct {
  readonly options: {
    readonly network: NetworkLike;
    readonly subnets: MachineSubnets;
    readonly image: { readonly isPrepared: boolean; readonly isPinned: boolean; readonly architecture: string };
    readonly hosts: CheckedHosts;
    readonly scaling: { readonly min: number; readonly max: number };
    /** Whether a plan that would destroy or replace the group fails. */
    readonly isProtected: boolean;
  };
}

/** The groups of machines of an app; those that are added to the list are checked. */
export function machineGroupsOf(scope: IConstruct): CheckedMachines[] {
  return listOfApp(scope, "aws-machines");
}

/** The network of an internal load balancer. */
interface InternalLoadBalancer {
  readonly vpcId: string;
}

/** The internal load balancers of an app, which take addresses of private subnets. */
export function internalLoadBalancersOf(scope: IConstruct): InternalLoadBalancer[] {
  return listOfApp(scope, "aws-internal-load-balancers");
}

export const noInternetAccess: Check = {
  id: "no-internet-access",
  reason: "A machine that cannot download the packages of its host never joins the cluster.",
  level: "error",
  *find({ root }) {
    for (const group of machineGroupsOf(root)) {
      const { network, image, hosts } = group.options;
      if (!network.hasInternetAccess && !image.isPrepared) {
        const names = hosts.host.packages.map(({ name }) => name).join(", ");
        yield {
          at: group,
          problem: `Its machines have no IPv4 internet access, but must download ${names} and packages of the distribution.`,
          fix: "Add NAT gateways to the network, or use an image that contains the packages (MachineImage.id with prepared).",
        };
      }
    }
  },
};

export const serverZones: Check = {
  id: "server-zones",
  reason: "If a zone with more than half of the servers fails, the cluster loses its quorum.",
  level: "error",
  *find({ root }) {
    for (const group of machineGroupsOf(root).filter(({ options }) => options.hosts.hasServers)) {
      const { scaling, network } = group.options;
      const zones = network.privateSubnets.length;
      if (scaling.max > 1 && zones < 3) {
        yield {
          at: group,
          problem: `Its ${scaling.max} servers are in ${zones} zone${zones === 1 ? "" : "s"}.`,
          fix: "Use a network with three zones.",
        };
      }
    }
  },
};

/** What AWS keeps of each subnet for itself. */
const KEPT_BY_AWS = 5;

/**
 * What a load balancer must find free in each of its subnets.
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#subnets-load-balancer
 */
const PER_BALANCER = 8;

/** The groups in lists, one for each network and kind of subnets that they are in. */
function sharingSubnets(groups: readonly CheckedMachines[]): readonly CheckedMachines[][] {
  const networks = [...new Set(groups.map(({ options }) => options.network))];
  return networks
    .flatMap((network) =>
      (["private", "gateway"] as const).map((kind) =>
        groups.filter(({ options }) => options.network === network && options.subnets === kind),
      ),
    )
    .filter(({ length }) => length > 0);
}

export const subnetSize: Check = {
  id: "subnet-size",
  reason: "If its subnets have no free addresses, a group cannot grow, and its machines cannot be replaced.",
  level: "error",
  *find({ root }) {
    for (const own of sharingSubnets(machineGroupsOf(root))) {
      const { network, subnets: kind } = own[0].options;
      const most = own.reduce((sum, { options }) => sum + options.scaling.max, 0);
      const sizes = subnetsFor(kind, network).map(({ cidr }) => Cidr.parse(cidr ?? "")?.size);
      const known = sizes.filter((size) => size !== undefined);
      const balancers =
        kind === "private" ? internalLoadBalancersOf(root).filter(({ vpcId }) => vpcId === network.vpcId).length : 0;
      const room = known.reduce((sum, size) => sum + size - KEPT_BY_AWS - balancers * PER_BALANCER, 0);
      if (known.length === sizes.length && room < most) {
        yield {
          at: own[0],
          problem: `Its network has ${room} addresses for machines${kind === "private" ? "" : " with gateways"}${balancers === 0 ? "" : `, without those of ${balancers} internal load balancers`}, but its groups can have up to ${most} machines.`,
          fix: "Use a larger cidr, or smaller groups.",
        };
      }
    }
  },
};
