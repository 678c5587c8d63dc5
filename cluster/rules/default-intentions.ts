import { rule } from "../rule";

/** Whether a connection that no intention mentions is allowed. */
export const defaultIntentions = rule({
  id: "default-intentions",
  reason: "Intentions that the app does not declare must deny; else every service can reach every other.",
  needs: ["consulAgent", "wildcardIntention"],
  find: ({ consulAgent: { DebugConfig }, wildcardIntention }) => {
    const { ACLsEnabled, ACLResolverSettings, DefaultIntentionPolicy } = DebugConfig;
    const byAcls = ACLsEnabled ? ACLResolverSettings.ACLDefaultPolicy : "allow";
    const policy = DefaultIntentionPolicy || byAcls;
    if (wildcardIntention === "deny" || (wildcardIntention === "none" && policy === "deny")) return [];
    const cause =
      wildcardIntention === "allow"
        ? 'The intention from "*" to "*" allows'
        : DefaultIntentionPolicy
          ? `default_intention_policy is ${DefaultIntentionPolicy}`
          : ACLsEnabled
            ? `The default policy of the ACLs is ${byAcls}`
            : "ACLs are not enabled, so the default allows";
    return [
      {
        at: "Consul",
        problem: `${cause}: services can reach each other without an intention.`,
        fix:
          wildcardIntention === "allow"
            ? 'Remove it: `consul intention delete "*" "*"`.'
            : 'Set `default_intention_policy = "deny"` in Consul\'s agents, or `acl { enabled = true, default_policy = "deny" }`.',
      },
    ];
  },
});
