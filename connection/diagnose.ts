import type { ConnectionFacts } from "./facts";
import { LINKS } from "./links";
import { NotVisible, type Link, type LinkFinding } from "./link";

/** What was found at one link. */
export interface LinkReport {
  readonly id: string;
  readonly title: string;
  /** `broken`: it has a cause; `not visible`: its facts are missing. */
  readonly state: "ok" | "broken" | "not visible";
  /** Of `not visible`: why. */
  readonly reason?: string;
  readonly findings: readonly LinkFinding[];
}

/** Why requests of a service to another one fail, or that they should succeed. */
export interface Diagnosis {
  /** Whether no link is broken, and all could be seen. */
  readonly ok: boolean;
  readonly links: readonly LinkReport[];
  /** The first broken link, and its first finding. @default none is broken */
  readonly cause?: LinkFinding & { readonly id: string };
  /** The result in one sentence. */
  readonly sentence: string;
}

/** Follows a request through the facts of its connection. The first broken link is the cause. */
export function diagnose(facts: ConnectionFacts, links: readonly Link[] = LINKS): Diagnosis {
  const reports = links.map((link) => reportOf(link, facts));
  const broken = reports.find(({ state }) => state === "broken");
  const first = broken?.findings.find(isCause);
  const cause = broken && first && { id: broken.id, ...first };
  const hidden = reports.filter(({ state }) => state === "not visible");
  return {
    ok: cause === undefined && hidden.length === 0,
    links: reports,
    ...(cause && { cause }),
    sentence: sentenceOf(facts, cause, hidden, reports),
  };
}

function reportOf(link: Link, facts: ConnectionFacts): LinkReport {
  const { id, title } = link;
  try {
    const findings = [...link.find(facts)];
    return { id, title, state: findings.some(isCause) ? "broken" : "ok", findings };
  } catch (error) {
    if (!(error instanceof NotVisible)) throw error;
    return { id, title, state: "not visible", reason: error.message, findings: [] };
  }
}

function isCause({ level = "cause" }: LinkFinding): boolean {
  return level === "cause";
}

function sentenceOf(
  { question }: ConnectionFacts,
  cause: Diagnosis["cause"],
  hidden: readonly LinkReport[],
  reports: readonly LinkReport[],
): string {
  const { source, destination, request } = question;
  const what = request ? `${request.method ?? "GET"} ${request.path ?? "/"}` : "a request";
  if (cause) return `Cause: ${cause.at}: ${cause.problem}${cause.fix ? ` ${cause.fix}` : ""} (${cause.id})`;
  if (hidden.length > 0) {
    const names = hidden.map(({ id }) => id).join(", ");
    return `No cause was found, but not all was visible (${names}): ${hidden[0].reason ?? ""}.`;
  }
  const remarks = reports.flatMap(({ findings }) => findings).length;
  const rest = remarks === 0 ? "" : `; see the ${remarks === 1 ? "remark" : `${remarks} remarks`} above`;
  return `No cause was found: ${what} from ${source} to ${destination} should succeed${rest}.`;
}
