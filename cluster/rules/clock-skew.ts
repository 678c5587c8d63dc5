import { rule, type Finding } from "../rule";

/** Certificates and identities carry times: more skew than this makes some of them invalid. In milliseconds. */
const ERROR_MS = 30_000;
const WARNING_MS = 5_000;

/** Clocks that differ from this machine's. */
export const clockSkew = rule({
  id: "clock-skew",
  reason: "Certificates and workload identities are refused by machines whose clocks differ.",
  needs: ["consulClock", "nomadClock"],
  find: ({ consulClock, nomadClock }) => [...problemOf("Consul", consulClock), ...problemOf("Nomad", nomadClock)],
});

function problemOf(at: string, skewMs: number): Finding[] {
  const skew = Math.abs(skewMs);
  if (skew < WARNING_MS) return [];
  return [
    {
      level: skew >= ERROR_MS ? "error" : "warning",
      at,
      problem: `The clock of the agent is ${Math.round(skew / 1000)} s ${skewMs > 0 ? "ahead of" : "behind"} the clock of this machine.`,
      fix: "Synchronize the clocks of all machines, with chrony for example.",
    },
  ];
}
