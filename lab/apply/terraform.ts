import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { describeFailures } from "../cluster/failures";
import { LabError } from "../core/errors";
import { replaceFile } from "../core/replace-file";
import { readJobs } from "../cluster/read-jobs";
import { Clusters } from "./clusters";
import type { ApplyOptions } from "./options";
import { blocksOf, type JsonObject } from "./json";
import { EngineApi, type ClusterEndpoints } from "../cluster/engine-api";
import type { Changes } from "./offline";
import { datacenterOf, type SynthesizedStack } from "./synthesized";
import { runTerraform, type TerraformEvent } from "./terraform-process";
import { variableEnvironment } from "./variables";

/** How long one step may take, in milliseconds: jobs with `detach = false` are waited for. */
const stepMs = 60 * 60_000;

/** What stacks may be about. Anything else, above all a cloud, is no business of a lab. */
const providers = new Set(["consul", "nomad"]);

/**
 * The stacks of an app, applied by Terraform or OpenTofu. Each gets a working copy in the state folder, where its state is
 * too: nothing is ever written next to the synthesized stacks, and no backend of theirs is used.
 */
export class TerraformApp {
  private readonly folder: string;

  private readonly clusters: Clusters;

  /** @param program Absolute path of `terraform` or `tofu`. */
  constructor(
    private readonly program: string,
    private readonly options: ApplyOptions,
  ) {
    this.folder = terraformFolder(options.stateDir);
    this.clusters = new Clusters(options.endpoints, options.datacenters);
  }

  /**
   * Makes the working copies and installs the providers.
   *
   * @throws LabError with Terraform's own words
   */
  async initialize(stacks: readonly SynthesizedStack[], timeoutMs: number): Promise<void> {
    refuseForeignProviders(stacks);
    for (const stack of stacks) {
      this.copy(stack);
      await this.initializeOne(stack.name, timeoutMs);
    }
  }

  /** Removes working copies that were not needed. */
  discard(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async apply(stacks: readonly SynthesizedStack[]): Promise<Changes> {
    const changes: Changes = { created: [], updated: [], unchanged: [], deleted: [] };
    const names = stacks.map(({ name }) => name);
    const vanished = readNames(this.folder).filter((name) => !names.includes(name));
    // Before the others: what moved to another stack is then created there, instead of being removed under it.
    await this.destroyEach(vanished, changes);
    this.writeNames(names);
    for (const stack of stacks) {
      await this.options.beforeStack?.(stack);
      await this.change(stack.name, [], changes);
    }
    return changes;
  }

  async destroy(): Promise<Changes> {
    const changes: Changes = { created: [], updated: [], unchanged: [], deleted: [] };
    await this.destroyEach(readNames(this.folder), changes);
    this.discard();
    return changes;
  }

  /** The last one applied first. Their working copies say how, since the app may know them no more. */
  private async destroyEach(names: readonly string[], changes: Changes): Promise<void> {
    for (const name of [...names].reverse()) {
      this.override(name);
      await this.initializeOne(name, stepMs);
      await this.change(name, ["-destroy"], changes);
      rmSync(this.pathOf(name), { recursive: true, force: true });
      this.writeNames(readNames(this.folder).filter((other) => other !== name));
    }
  }

  private async initializeOne(name: string, timeoutMs: number): Promise<void> {
    await this.run(name, ["init", "-input=false", "-no-color", "-reconfigure"], { timeoutMs });
  }

  private async change(name: string, mode: readonly string[], changes: Changes): Promise<void> {
    await this.run(name, ["plan", "-json", "-input=false", "-lock-timeout=10s", "-out=plan", ...mode], {});
    const plan = JSON.parse(await this.run(name, ["show", "-json", "plan"], {})) as Plan;
    const planned = (plan.resource_changes ?? []).filter(({ mode }) => mode === "managed");
    const outputs = Object.values(plan.output_changes ?? {});
    if ([...planned.map(({ change }) => change), ...outputs].some(({ actions }) => actions.join() !== "no-op")) {
      await this.run(name, ["apply", "-json", "-input=false", "plan"], {
        explain: (errors) => this.failuresIn(name, errors),
        onEvent: (event) => {
          const { action, resource } = event.hook ?? {};
          if (event.type === "apply_complete") this.options.onProgress(`${doneBy(action)} ${name}/${resource?.addr}`);
          else if (event.type === "apply_progress") this.options.onProgress(`${name}/${event["@message"]}`);
        },
      });
    }
    for (const { address, change } of planned) changes[meaning(change.actions)].push(`${name}/${address}`);
  }

  private copy(stack: SynthesizedStack): void {
    const target = this.pathOf(stack.name, "config");
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    for (const entry of existsSync(target) ? readdirSync(target) : []) {
      // Terraform's own: installed providers, and which ones.
      if (!entry.startsWith(".terraform")) rmSync(join(target, entry), { recursive: true });
    }
    cpSync(stack.folder, target, {
      recursive: true,
      dereference: true,
      filter: (source) => !basename(source).startsWith(".terraform"),
    });
    // Blocks that import the objects of a real cluster: a lab does not have them.
    const { import: imports, ...config } = this.configOf(stack.name);
    if (imports !== undefined) writeFileSync(this.pathOf(stack.name, "config", "cdk.tf.json"), JSON.stringify(config));
    this.override(stack.name);
  }

  /**
   * Points a working copy at the lab, by Terraform's own means: its state is in the lab's folder, and its providers speak to
   * the lab, whatever the stack says. Addresses of a real cluster are never used.
   *
   * @see https://developer.hashicorp.com/terraform/language/files/override
   */
  private override(name: string): void {
    const config = this.configOf(name);
    const endpoints = this.endpointsOf(name);
    const data = (config.data ?? {}) as { terraform_remote_state?: JsonObject };
    const remotes = Object.keys(data.terraform_remote_state ?? {}).map((id): [string, JsonObject] => {
      const other = id.replace(/^cross-stack-reference-input-/, "");
      return [id, { backend: "local", config: { path: this.pathOf(other, "terraform.tfstate") } }];
    });
    const providers = Object.entries((config.provider ?? {}) as JsonObject).map(([provider, configurations]) => {
      return [
        provider,
        blocksOf(configurations).map((configuration) => overrideProvider(provider, configuration, endpoints)),
      ];
    });
    const override = {
      terraform: { backend: { local: { path: this.pathOf(name, "terraform.tfstate") } } },
      // Terraform takes neither block when it is empty.
      ...(providers.length > 0 && { provider: Object.fromEntries(providers) as JsonObject }),
      ...(remotes.length > 0 && { data: { terraform_remote_state: Object.fromEntries(remotes) } }),
    };
    writeFileSync(this.pathOf(name, "config", "lab_override.tf.json"), JSON.stringify(override, null, 2));
  }

  private configOf(name: string): JsonObject {
    return JSON.parse(readFileSync(this.pathOf(name, "config", "cdk.tf.json"), "utf8")) as JsonObject;
  }

  private endpointsOf(name: string): ClusterEndpoints {
    return this.clusters.of(datacenterOf({ config: this.configOf(name) }));
  }

  /** Runs Terraform in a working copy and gives what it prints. */
  private async run(name: string, args: readonly string[], settings: RunSettings): Promise<string> {
    const { output, errors } = await runTerraform(this.program, args, {
      folder: this.pathOf(name, "config"),
      env: this.environment(name),
      timeoutMs: settings.timeoutMs ?? stepMs,
      signal: this.options.signal,
      onEvent: settings.onEvent,
      onStop: () => {
        this.options.onProgress("Stopping Terraform after its current operation.");
      },
    });
    if (errors.length === 0) return output;
    const more = await settings.explain?.(errors);
    const words = [...errors, ...(more ? [more] : [])].join("\n").replaceAll("\n", "\n  ");
    throw new TerraformFailure(
      `\`${basename(this.program)} ${args[0]}\` failed for the stack ${name}:\n  ${words}\n`,
      errors[0],
    );
  }

  /** The provider says of a job that was waited for only that it failed. */
  private async failuresIn(name: string, errors: readonly string[]): Promise<string> {
    const ids = errors.flatMap((error) => /waiting for job '(.+?)' to schedule\/deploy/.exec(error)?.[1] ?? []);
    if (ids.length === 0) return "";
    const endpoints = this.endpointsOf(name);
    const nomad = new EngineApi("Nomad", endpoints.nomad);
    const consul = new EngineApi("Consul", endpoints.consul);
    return describeFailures(nomad, await readJobs({ nomad, consul }, ({ ID }) => ids.includes(ID)));
  }

  /** Addresses, tokens and values of variables go by environment: no secret is ever in an argument or in a file. */
  private environment(name: string): NodeJS.ProcessEnv {
    const { consul, nomad } = this.endpointsOf(name);
    const foreign = /^(CONSUL_|NOMAD_|TF_CLI_ARGS|TF_DATA_DIR$|TF_WORKSPACE$|TF_INPUT$)/;
    return {
      ...Object.fromEntries(Object.entries(process.env).filter(([variable]) => !foreign.test(variable))),
      ...variableEnvironment(this.options.variables ?? {}),
      TF_IN_AUTOMATION: "1",
      CHECKPOINT_DISABLE: "1",
      CONSUL_HTTP_ADDR: consul.address,
      CONSUL_HTTP_TOKEN: consul.token,
      CONSUL_CACERT: consul.caFile,
      NOMAD_ADDR: nomad.address,
      NOMAD_TOKEN: nomad.token,
      NOMAD_CACERT: nomad.caFile,
    };
  }

  private pathOf(name: string, ...below: string[]): string {
    return resolve(this.folder, name, ...below);
  }

  /** Those that have a state, in the order in which they were applied. */
  private writeNames(names: readonly string[]): void {
    replaceFile(join(this.folder, namesFile), JSON.stringify(names));
  }
}

interface RunSettings {
  /** In milliseconds. @default an hour */
  readonly timeoutMs?: number;
  readonly onEvent?: (event: TerraformEvent) => void;
  /** What is to be said beyond Terraform's errors. */
  readonly explain?: (errors: readonly string[]) => Promise<string>;
}

/** Terraform has failed, in its own words. */
export class TerraformFailure extends LabError {
  constructor(
    problem: string,
    /** The first error alone. */
    readonly words: string,
  ) {
    super(problem, "Fix the error, then try again; what was applied before remains.");
  }
}

/** Whether Terraform has applied stacks from this state folder and not destroyed them yet. */
export function isAppliedWithTerraform(stateDir: string): boolean {
  return readNames(terraformFolder(stateDir)).length > 0;
}

const namesFile = "stacks.json";

function terraformFolder(stateDir: string): string {
  return join(stateDir, "terraform");
}

function readNames(folder: string): string[] {
  const file = join(folder, namesFile);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as string[]) : [];
}

function overrideProvider(provider: string, configuration: JsonObject, endpoints: ClusterEndpoints): JsonObject {
  const { alias } = configuration;
  if (alias !== undefined) {
    throw new LabError(
      `A stack configures ${provider} twice, with the alias ${JSON.stringify(alias)}, but a lab applies it to one cluster.`,
      "Use one configuration of each provider in a stack.",
    );
  }
  const nulls = Object.entries(configuration).map(([key, value]) => [key, Array.isArray(value) ? [] : null]);
  const endpoint = endpoints[provider as keyof ClusterEndpoints];
  return { ...(Object.fromEntries(nulls) as JsonObject), address: endpoint.address };
}

function refuseForeignProviders(stacks: readonly SynthesizedStack[]): void {
  const isForeign = (type: string) => !providers.has(type.split("_", 1)[0]) && !type.startsWith("terraform_");
  const found = stacks.flatMap(({ name, config }) => {
    const types = [config.resource, config.data, config.provider].flatMap((block) => Object.keys(block ?? {}));
    return types.filter(isForeign).map((type) => `\n  ${name}: ${type}`);
  });
  if (found.length === 0) return;
  throw new LabError(
    `A lab has only Consul and Nomad, but these stacks need more:${found.join("")}\n`,
    "Move such resources to a separate app.",
  );
}

/** @see https://developer.hashicorp.com/terraform/internals/json-format#plan-representation */
interface Plan {
  readonly resource_changes?: readonly { address: string; mode: string; change: Change }[];
  readonly output_changes?: Readonly<Record<string, Change>>;
}

interface Change {
  readonly actions: readonly ("no-op" | "create" | "read" | "update" | "delete" | "forget")[];
}

function meaning({ length, [0]: action }: Change["actions"]): keyof Changes {
  if (action === "no-op") return "unchanged";
  if (length > 1 || action === "update") return "updated";
  return action === "create" ? "created" : "deleted";
}

function doneBy(action: string | undefined): string {
  return `${action?.replace(/e$/, "")}ed`;
}
