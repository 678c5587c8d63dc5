import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConsulProvider } from "@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "@cdktf/provider-nomad/lib/provider";
import { TerraformStack, Testing, type App } from "cdktf";
import type { Construct } from "constructs";
import { ServiceMesh, type consul, type nomad, type ServiceMeshProps } from "../../constructs";
import { evaluate, parseTemplate, type Reference } from "../../lab/apply/expression";
import { testApp } from "./test-app";

/** What a stack became. */
export interface SynthesizedStack {
  /** Nomad jobs by id, as Nomad will read them. */
  readonly jobs: Readonly<Record<string, nomad.Job>>;
  /** Config entries by `kind/name`, as Consul will read them. */
  readonly entries: Readonly<Record<string, consul.ConfigEntry>>;
  /** The Terraform JSON. */
  readonly terraform: TerraformJson;
}

interface TerraformJson {
  readonly provider?: unknown;
  readonly resource?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
}

/** A stack with the providers that every mesh needs. */
export class TestStack extends TerraformStack {
  constructor(scope: Construct = testApp(), id = "stack") {
    super(scope, id);
    new ConsulProvider(this, "consul");
    new NomadProvider(this, "nomad", { address: "http://127.0.0.1:4646" });
  }
}

/** Synthesizes a stack with one mesh, the checks included. */
export function synthMesh(
  build: (mesh: ServiceMesh, stack: TestStack) => void,
  props?: ServiceMeshProps,
): SynthesizedStack {
  const stack = new TestStack();
  build(new ServiceMesh(stack, "mesh", props), stack);
  return synthStack(stack);
}

/** Synthesizes a stack, the checks of its whole app included. */
export function synthStack(stack: TerraformStack): SynthesizedStack {
  return read(JSON.parse(Testing.synth(stack, true)) as TerraformJson);
}

/** The same of a stack with Terraform variables, as Terraform fills them in. */
export function synthWithVariables(stack: TerraformStack, values: Readonly<Record<string, unknown>>): SynthesizedStack {
  const lookUp = ({ path }: Reference) => values[path[1]];
  return read(JSON.parse(Testing.synth(stack, true)) as TerraformJson, (text) =>
    String(evaluate(parseTemplate(text), lookUp)),
  );
}

/** Synthesizes a whole app into a folder, as `npx cdktf synth` does, and reads one of its stacks. */
export function synthApp(app: App, stackName: string): SynthesizedStack {
  app.synth();
  return readStack(app.outdir, stackName);
}

/** Reads one of the stacks of an app that was synthesized into a folder. */
export function readStack(folder: string, stackName: string): SynthesizedStack {
  const path = join(folder, "stacks", stackName, "cdk.tf.json");
  return read(JSON.parse(readFileSync(path, "utf8")) as TerraformJson);
}

/** The messages of the errors that synthesis ends with, one for each finding. */
export function findingsOf(synthesize: () => unknown): string[] {
  try {
    synthesize();
  } catch (error) {
    const lines = (error as Error).message.split("\n").filter((line) => line.startsWith("  ["));
    if (lines.length === 0) {
      throw error; // Something else than a finding, which must not look like none.
    }
    return lines.map((line) => line.replace(/^ {2}\[.*?\] /, ""));
  }
  return [];
}

/** The warnings of the checks over a stack with one mesh, one for each finding. */
export function warningsOf(build: (mesh: ServiceMesh, stack: TestStack) => void, props?: ServiceMeshProps): string[] {
  const stack = new TestStack();
  build(new ServiceMesh(stack, "mesh", props), stack);
  synthStack(stack);
  return stack.node
    .findAll()
    .flatMap(({ node }) => node.metadata.map(({ data }) => `${node.path}: ${String(data)}`))
    .filter((line) => /\([a-z-]+\)$/.test(line));
}

/** Text as Terraform hands it on, where it holds no expressions. */
export function asTerraformYields(text: string): string {
  return text.replace(/\$\$\{/g, "${").replace(/%%\{/g, "%{");
}

function read(terraform: TerraformJson, yielded = asTerraformYields): SynthesizedStack {
  const jobs = Object.values(terraform.resource?.nomad_job ?? {}).map(
    (resource) => JSON.parse(yielded(resource.jobspec as string)) as nomad.Job,
  );
  const entries = Object.values(terraform.resource?.consul_config_entry ?? {}).map(
    ({ kind, name, config_json }): [string, consul.ConfigEntry] => [
      `${kind as string}/${name as string}`,
      {
        Kind: kind,
        Name: name,
        ...(JSON.parse(yielded(config_json as string)) as object),
      } as consul.ConfigEntry,
    ],
  );
  return {
    jobs: Object.fromEntries(jobs.map((job) => [job.ID ?? "", job])),
    entries: Object.fromEntries(entries),
    terraform,
  };
}
