import { rule } from "../rule";

/** What Nomad says of each job of the app, without submitting it. */
export const jobPlans = rule({
  id: "job-plans",
  reason: "Nomad's own plan shows whether it accepts a job and finds nodes for it.",
  needsApp: true,
  needs: ["plans"],
  find: ({ plans, app }) => [
    ...(app?.jobs ?? [])
      .filter(({ job }) => job === undefined)
      .map(({ construct }) => ({
        level: "note" as const,
        at: construct,
        problem: "A part of the job is known only when Terraform applies it, so Nomad was not asked for a plan.",
        fix: "Look at `nomad job status` after the deployment.",
      })),
    ...plans.flatMap(({ construct, unplaced, refusal }) => {
      if (refusal?.status === 403) {
        return [
          {
            at: construct,
            problem: `The token in NOMAD_TOKEN may not submit it: ${refusal.words}.`,
            fix: "Use a token with submit-job in the namespace of the job, such as the policy deployer-<namespace>.",
          },
        ];
      }
      if (refusal !== undefined) {
        return [{ at: construct, problem: `Nomad refuses it: ${refusal.words}.`, fix: "Correct it, or the cluster." }];
      }
      return unplaced.map((words) => ({
        at: construct,
        problem: `Nomad finds no node: ${words}.`.replace(/\.\.$/, "."),
        fix: "Fix the constraint that filters the nodes, see docs/troubleshooting.md.",
      }));
    }),
  ],
});
