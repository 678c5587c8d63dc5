import { rule } from "../rule";

/** Consul permissions of the token that Terraform will use. */
export const deployerPermissions = rule({
  id: "deployer-permissions",
  reason: "Terraform writes config entries and intentions with the given token.",
  needsApp: true,
  needs: ["consulDenials"],
  find: ({ consulDenials }) =>
    consulDenials.length === 0
      ? []
      : [
          {
            at: "Consul",
            problem: `The token in CONSUL_HTTP_TOKEN lacks ${consulDenials.slice(0, 6).join(", ")}${consulDenials.length > 6 ? ` and ${consulDenials.length - 6} more` : ""}.`,
            fix: "Use a token with the policy mesh-deployer, see docs/access.md.",
          },
        ],
});
