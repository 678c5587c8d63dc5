import type { Check } from "../../checks/check";
import { machineGroupsOf, type CheckedMachines } from "./machines";

/** Groups with more than one server and deletion protection: they are expected to survive the loss of a server. */
function lastingServers(root: Parameters<typeof machineGroupsOf>[0]): readonly CheckedMachines[] {
  return machineGroupsOf(root).filter(
    ({ options }) => options.hosts.hasServers && options.isProtected && options.scaling.max > 1,
  );
}

export const singleNat: Check = {
  id: "single-nat",
  reason: "If the zone of the only NAT gateway fails, machines in the other zones cannot be replaced.",
  level: "warning",
  *find({ root }) {
    for (const { options } of lastingServers(root)) {
      const { network } = options;
      if (network.natGateways === 1 && network.privateSubnets.length > 1) {
        yield {
          at: network,
          problem: `It has one NAT gateway for ${network.privateSubnets.length} zones.`,
          fix: "Set nat to Nat.perZone().",
        };
      }
    }
  },
};

export const movingImage: Check = {
  id: "moving-image",
  reason: "When a newer image is published, the next deploy replaces all machines, whatever its purpose.",
  level: "warning",
  *find({ root }) {
    for (const group of lastingServers(root)) {
      if (!group.options.image.isPinned) {
        yield {
          at: group,
          problem: "It boots from whichever image is the newest when Terraform plans.",
          fix: "Name one with MachineImage.id.",
        };
      }
    }
  },
};

export const noSnapshots: Check = {
  id: "no-snapshots",
  reason: "Without snapshots outside of the servers, the state of a cluster is lost with its servers.",
  level: "warning",
  *find({ root }) {
    for (const group of lastingServers(root)) {
      const { snapshots } = group.options.hosts.cluster;
      if (snapshots?.store?.type !== "s3") {
        yield {
          at: group,
          problem: snapshots === undefined ? "Snapshots are off." : "Snapshots are on the disks of the servers alone.",
          fix: "Save them in a bucket, as AwsCluster does by default.",
        };
      }
    }
  },
};
