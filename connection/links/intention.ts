import { servingTargets } from "../branches";
import { decisionsOf } from "../decisions";
import { NotVisible, type Link, type LinkFinding } from "../link";

/** What decides in Consul whether the source may reach the destination. */
export const intention: Link = {
  id: "intention",
  title: "Consul's intentions allow it",
  find: (facts) => {
    const { source, request } = facts.question;
    const serving = new Set(servingTargets(facts).map(({ Service }) => Service));
    const all = decisionsOf(facts);
    const decisions = serving.size === 0 ? all : all.filter(({ service }) => serving.has(service));
    if (decisions.length === 0) throw new NotVisible("it is not known where requests end");
    return decisions.flatMap(({ service, decision, isByDefault }): LinkFinding[] => {
      if (decision === undefined) {
        return [
          { level: "remark", at: service, problem: "Entries of another cluster decide, which are not visible here." },
        ];
      }
      const { allowed, reason } = decision;
      const end = facts.expected?.ends.find((it) => it.service === service);
      if (allowed === "all" && isByDefault) {
        return [
          {
            level: "remark",
            at: service,
            problem: `No intention applies to ${source}, and Consul's default is to allow.`,
            fix: 'Set `default_intention_policy = "deny"` in Consul.',
          },
        ];
      }
      if (allowed === "all" && end?.allowed === "no") {
        return [
          {
            level: "remark",
            at: service,
            problem: `In Consul ${reason}, but the app does not.`,
            fix: "Remove the intention, or add it to the app.",
          },
        ];
      }
      if (allowed === "all") return [];
      if (allowed === "some requests") {
        const what = request ? "It depends on more than the request" : "It depends on the request";
        return [
          {
            level: "remark",
            at: service,
            problem: `${what}: ${reason}.`,
            fix: "Give the method and the path to decide it.",
          },
        ];
      }
      const isExpected = end?.allowed === "all";
      return [
        {
          at: service,
          problem: `Consul refuses it: ${reason}.`,
          fix: isExpected
            ? "The app allows it: deploy the app, which restores the intention."
            : `To allow it: connectTo(${service}) of ${source}, or allowFrom(${source}) of ${service}.`,
        },
      ];
    });
  },
};
