import type { TokenState } from "../facts";
import { rule, type Finding } from "../rule";

/** Tokens that their engines do not know, or that are missing. */
export const tokens = rule({
  id: "tokens",
  reason: "With ACLs, the engines refuse or hide what the token does not permit.",
  needs: ["consulToken", "nomadToken"],
  find: ({ consulToken, nomadToken }) => [
    ...problemOf("Consul", "CONSUL_HTTP_TOKEN", consulToken),
    ...problemOf("Nomad", "NOMAD_TOKEN", nomadToken),
  ],
});

function problemOf(at: string, variable: string, { enabled, valid, anonymous }: TokenState): Finding[] {
  if (!enabled) return [];
  if (!valid) {
    return [
      { at, problem: `It does not know the token in ${variable}.`, fix: `Set ${variable} to a token of this cluster.` },
    ];
  }
  return anonymous ? [{ at, problem: "It has ACLs, but no token is given.", fix: `Set ${variable}.` }] : [];
}
