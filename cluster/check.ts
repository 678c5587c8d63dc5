import { isSeen, type Unseen } from "./fact";
import type { Facts } from "./facts";
import type { FactName, Finding, Known, Rule } from "./rule";
import { RULES } from "./rules";

/** A finding of a rule, or of what could not be looked at. */
export interface ReportedFinding extends Required<Finding> {
  /** Id of the rule, or `not-visible` where facts are missing. */
  readonly id: string;
  /** Of `not-visible`: ids of the rules that could not be checked. @default none */
  readonly rules?: readonly string[];
}

/** What the rules say of one cluster. */
export interface ClusterReport {
  /** Whether there is no error. */
  readonly ok: boolean;
  /** The rules that were checked, in order. */
  readonly checked: readonly string[];
  /** The rules that were not checked, since they are about the jobs of an app and none was given. */
  readonly withoutApp: readonly string[];
  readonly findings: readonly ReportedFinding[];
}

/**
 * Checks the facts of a cluster. A rule whose facts could not be seen is never passed over: a finding names it, and why.
 *
 * @param isFirst whether nothing is deployed yet: rules about what runs are left out
 */
export function checkCluster(facts: Facts, isFirst = false, rules: readonly Rule[] = RULES): ClusterReport {
  const wanted = rules.filter(({ needsDeployment = false }) => !isFirst || !needsDeployment);
  const withoutApp = facts.app === undefined ? wanted.filter(({ needsApp = false }) => needsApp) : [];
  const findings: ReportedFinding[] = [];
  const checked: string[] = [];
  const blocked = new Map<string, { unseen: Unseen; rules: string[] }>();
  for (const rule of wanted) {
    if (withoutApp.includes(rule)) continue;
    const missing = rule.needs.map((name) => facts[name]).filter((fact) => !isSeen<unknown>(fact)) as Unseen[];
    if (missing.length === 0) {
      checked.push(rule.id);
      findings.push(...findingsOf(rule, facts));
    }
    for (const unseen of missing) {
      // All requests to an engine that cannot be reached fail alike.
      const key = unseen.kind === "unreachable" ? unseen.engine : `${unseen.engine} ${unseen.request}`;
      const block = blocked.get(key) ?? { unseen, rules: [] };
      block.rules.push(rule.id);
      blocked.set(key, block);
    }
  }
  const hidden = [...blocked.values()].map(({ unseen, rules: names }) => notVisible(unseen, [...new Set(names)]));
  const all = [...hidden, ...findings];
  return {
    ok: all.every(({ level }) => level !== "error"),
    checked,
    withoutApp: withoutApp.map(({ id }) => id),
    findings: all,
  };
}

/** A rule that ends with an error has not found that all is well. */
function findingsOf(rule: Rule, facts: Facts): ReportedFinding[] {
  try {
    return [...rule.find(knownOf(facts, rule.needs))].map((it) => ({ id: rule.id, level: "error", ...it }));
  } catch (error) {
    const problem = `The rule ended with an error: ${String(error)}.`;
    return [{ id: rule.id, level: "error", at: "meshform check", problem, fix: "Report it as a defect of Meshform." }];
  }
}

function knownOf(facts: Facts, names: readonly FactName[]): Known<FactName> {
  const values = names.map((name) => {
    const fact = facts[name];
    return [name, isSeen<unknown>(fact) ? fact.value : undefined];
  });
  return { ...Object.fromEntries(values), app: facts.app } as Known<FactName>;
}

function notVisible({ engine, request, kind, words }: Unseen, rules: readonly string[]): ReportedFinding {
  const unchecked = `Not checked: ${rules.join(", ")}.`;
  const base = { id: "not-visible", at: engine, rules };
  const [address, token, ca] =
    engine === "Consul"
      ? ["CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN", "CONSUL_CACERT"]
      : ["NOMAD_ADDR", "NOMAD_TOKEN", "NOMAD_CACERT"];
  if (kind === "unreachable") {
    return {
      ...base,
      level: "error",
      problem: `It does not answer: ${words.replace(/\.$/, "")}. ${unchecked}`,
      fix: /certificate|self.signed|SSL|TLS|HTTPS|EPROTO|wrong version/i.test(words)
        ? `Check the scheme in ${address}, and ${ca}.`
        : `Check ${address}, and that ${engine} runs there.`,
    };
  }
  if (kind === "denied") {
    const permission = permissionFor(engine, request);
    return {
      ...base,
      level: "warning",
      problem: `${request} is not permitted (${words}). ${unchecked}`,
      fix: `Run it with a token in ${token} that has ${permission}.`,
    };
  }
  return {
    ...base,
    level: "error",
    problem: `${request} failed (${words}). ${unchecked}`,
    fix: `Read the log of ${engine}'s servers.`,
  };
}

/** What a token needs for a request. */
function permissionFor(engine: "Consul" | "Nomad", request: string): string {
  const path = request.split(" ")[1] ?? "";
  if (path.startsWith("/v1/acl/")) return "acl = read";
  if (path.startsWith("/v1/agent/"))
    return engine === "Consul" && path.endsWith("members") ? "node = read" : "agent = read";
  if (path.startsWith("/v1/node/pools")) return "node_pool = read";
  if (path.startsWith("/v1/node")) return "node = read";
  if (path.startsWith("/v1/connect/intentions")) return 'intentions = read for the service "*"';
  if (path.startsWith("/v1/health/")) return "node = read and service = read";
  if (path.startsWith("/v1/allocations")) return "read-job in the namespaces of the jobs";
  return "the permission for it";
}
