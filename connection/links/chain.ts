import { isSeen } from "../../cluster/fact";
import { branchesIn, nameOfTarget } from "../branches";
import { seen, type Link, type LinkFinding } from "../link";

const OF_REQUESTS = ["http", "http2", "grpc"];

/** The discovery chain as Consul compiles it, and as the graph has it. */
export const chain: Link = {
  id: "chain",
  title: "Consul's discovery chain is the app's",
  find: (facts) => {
    const { question, expected } = facts;
    const at = question.destination;
    if (!isSeen(facts.chain) && facts.chain.kind === "failed") {
      return [
        {
          at,
          problem: `Consul cannot compile its discovery chain: ${facts.chain.words}.`,
          fix: "Correct its config entries.",
        },
      ];
    }
    const compiled = seen(facts.chain);
    const branches = branchesIn(facts);
    const found = new Set(
      branches.flatMap(({ target, failover }) => [target, ...failover].map(({ Service }) => Service)),
    );
    const wanted = new Set(expected?.ends.map(({ service }) => service) ?? found);
    const differs = found.size !== wanted.size || [...found].some((it) => !wanted.has(it));
    const findings: LinkFinding[] = [];
    if (branches.length === 0) {
      findings.push({ at, problem: "Its discovery chain leads nowhere.", fix: "Correct its router or splitter." });
    }
    if (differs) {
      findings.push({
        level: "remark",
        at,
        problem: `In Consul its requests end at ${[...found].join(", ")}, in the app at ${[...wanted].join(", ")}: a config entry was changed, or the app is not deployed.`,
        fix: "Deploy the app, or change its rules.",
      });
    }
    if (question.request && !OF_REQUESTS.includes(compiled.Protocol)) {
      findings.push({
        level: "remark",
        at,
        problem: `Its protocol in Consul is ${compiled.Protocol}, so method, path and headers decide nothing.`,
        fix: "Set `protocol` of the service to http, http2 or grpc.",
      });
    }
    const weights = branches.filter(({ weight }) => weight !== undefined);
    if (weights.length > 1) {
      const parts = weights.map(({ target, weight = 0 }) => `${weight} % to ${nameOfTarget(target, facts)}`);
      findings.push({ level: "remark", at, problem: `A splitter sends ${parts.join(", ")}.` });
    }
    return findings;
  },
};
