import { rule } from "../rule";

/** A datacenter of a WAN federation that does not copy the ACLs of the primary. */
export const aclReplication = rule({
  id: "acl-replication",
  reason: "Outside the primary of a WAN federation, policies, roles and tokens are copies.",
  needs: ["aclReplication"],
  find: ({ aclReplication: { Enabled, Running, SourceDatacenter, LastSuccess, LastError, LastErrorMessage } }) => {
    if (!Enabled || (Running && Date.parse(LastSuccess) >= Date.parse(LastError))) return [];
    const reason = Running ? LastErrorMessage : "it does not run";
    return [
      {
        at: "Consul",
        problem: `It does not copy the ACLs of ${SourceDatacenter || "the primary datacenter"}: ${reason}.`,
        fix: "Make sure that the mesh gateways of both datacenters run, and that the replication token has its policy.",
      },
    ];
  },
});
