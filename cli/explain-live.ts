import { existsSync } from "node:fs";
import { targetsOf } from "../cluster/endpoints";
import { diagnose, type Diagnosis, type LinkReport } from "../connection/diagnose";
import type { AskedCluster } from "../connection/asked-cluster";
import { gatherConnection } from "../connection/gather";
import { runInLab } from "../connection/run-in-lab";
import { explain, placesOf, type Explanation, type Question } from "../graph/explain";
import { readDocuments, type MeshDocuments } from "../lab/apply/documents";
import { readStacks, type SynthesizedStack } from "../lab/apply/synthesized";
import { Cluster } from "../lab/cluster/cluster";
import { enginesOfEnvironment } from "../lab/cluster/engines-of-environment";
import { LabError } from "../lab/core/errors";
import { invocation } from "../lab/core/invocation";
import { Lab } from "../lab/hosts/lab";
import { table } from "./table";

/** What `meshform explain --live --json` prints. */
export interface LiveExplanation extends Diagnosis {
  /** What the graph of the app says. @default no app is given, or it does not have one of the services */
  readonly expected?: Explanation;
}

/** In a lab: against what is deployed there, unless an app is given. */
export async function explainInLab(
  name: string,
  question: Question,
  given: readonly SynthesizedStack[] | undefined,
): Promise<LiveExplanation> {
  const lab = new Lab(name);
  if (!lab.exists) throw new LabError(`There is no lab ${name}.`, `Run \`${invocation("up")}\`, or use --environment.`);
  const { synthesized } = lab.files;
  const stacks = given ?? (existsSync(synthesized) ? readStacks(synthesized) : undefined);
  const run: AskedCluster["run"] = async (host, allocation, command) => {
    const init = lab.initOf(host);
    if (!init) throw new Error(`the host ${host} is not running`);
    return runInLab(init, allocation, command);
  };
  const clusters = new Map(
    Cluster.all(lab).map(({ datacenter, consul, nomad }) => [datacenter, { consul, nomad, run }]),
  );
  const documents = stacks && readDocuments(stacks);
  const places = documents && placesOf(documents, question.source);
  const wanted = question.datacenter ?? (places?.length === 1 ? places[0] || undefined : undefined);
  const datacenter = datacenterIn([...clusters.keys()], wanted);
  const { [datacenter]: home, ...others } = Object.fromEntries(clusters);
  return answer(home, { ...question, datacenter }, documents, others);
}

/** In the cluster of the environment, unless the app names addresses. */
export async function explainInCluster(
  question: Question,
  stacks: readonly SynthesizedStack[] | undefined,
): Promise<LiveExplanation> {
  const targets = targetsOf(stacks ?? [], process.env);
  const knows = (own: readonly SynthesizedStack[]) => expectation(readDocuments(own), question) !== undefined;
  const target = targets.find(({ stacks: own }) => knows(own)) ?? targets[0];
  return answer(enginesOfEnvironment(target.environment), question, stacks && readDocuments(stacks));
}

function datacenterIn(known: readonly string[], wanted: string | undefined): string {
  if (wanted === undefined && known.length > 1) {
    throw new LabError(
      `The lab has several datacenters: ${known.join(", ")}.`,
      "Set --datacenter to that of the source.",
    );
  }
  const datacenter = wanted ?? known.at(0) ?? "";
  if (!known.includes(datacenter))
    throw new LabError(`The lab has no datacenter ${datacenter}.`, `There are: ${known.join(", ")}.`);
  return datacenter;
}

async function answer(
  cluster: AskedCluster,
  question: Question,
  documents: MeshDocuments | undefined,
  others: Readonly<Record<string, AskedCluster>> = {},
): Promise<LiveExplanation> {
  const expected = documents && expectation(documents, question);
  const facts = await gatherConnection(cluster, question, { expected, documents, others });
  return { ...(expected && { expected }), ...diagnose(facts) };
}

/** What the app says; nothing of services, or datacenters, that it does not know. */
function expectation(documents: MeshDocuments, { datacenter, ...question }: Question): Explanation | undefined {
  const names = new Set([...documents.jobs, ...documents.entries].map((it) => it.datacenter));
  const named = datacenter !== undefined && names.has(datacenter) ? { datacenter } : {};
  try {
    return explain(documents, { ...question, ...named });
  } catch (error) {
    if (error instanceof LabError) return undefined;
    throw error;
  }
}

const MARKS: Readonly<Record<LinkReport["state"], string>> = { ok: "ok", broken: "BROKEN", "not visible": "?" };

/** Link after link, and last the cause. */
export function renderDiagnosis({ links, sentence }: Diagnosis): string {
  const rows = links.flatMap(({ state, title, reason, findings }) => [
    [`  ${MARKS[state]}`, `${title}${reason === undefined ? "" : `: ${reason}`}`],
    ...findings.map(({ at, problem, fix }) => ["", `  ${at}: ${problem}${fix === undefined ? "" : ` ${fix}`}`]),
  ]);
  return [...table(rows), "", sentence].join("\n");
}
