import { LabError } from "../errors";
import type { ApplyOptions, ApplyResult } from "./options";
import { Clusters } from "./clusters";
import { EngineApi, EngineRefusal } from "./engine-api";
import { digest, type JsonObject } from "./json";
import { planResources, type PlannedResource, resourceTypes } from "./offline-plan";
import { type AppliedResource, OfflineState } from "./offline-state";
import { type ApplyContext, isSame } from "./resource-type";
import type { SynthesizedStack } from "./synthesized";
import { Variables, type VariableValues } from "./variables";

export type Changes = Pick<ApplyResult, "created" | "updated" | "unchanged" | "deleted">;

/** Applies stacks through the engines' own APIs. */
export class OfflineApply {
  readonly changes: Changes = { created: [], updated: [], unchanged: [], deleted: [] };
  private readonly state: OfflineState;
  private readonly contexts = new Map<string | undefined, ApplyContext>();
  private readonly attributes = new Map<string, JsonObject>();
  /** Steps that an engine has refused for now. */
  private postponed: { address: string; refusal: EngineRefusal; step: () => Promise<void> }[] = [];
  private variables: Variables | undefined;
  private readonly given: VariableValues;

  constructor(private readonly options: ApplyOptions) {
    this.state = new OfflineState(options.stateDir);
    this.given = options.variables ?? {};
  }

  /**
   * @throws LabError that lists all that is not supported, has no value, or would be refused by Nomad, before anything is
   * written
   */
  async apply(stacks: readonly SynthesizedStack[]): Promise<Changes> {
    const variables = new Variables(stacks, this.given);
    this.variables = variables;
    try {
      return await this.applyAll(planResources(stacks, variables));
    } catch (error) {
      throw variables.redacted(error);
    }
  }

  /** Removes all that was applied. */
  async destroy(): Promise<Changes> {
    await this.removeAllBut(new Set());
    return this.changes;
  }

  private async applyAll(planned: readonly PlannedResource[]): Promise<Changes> {
    this.say(
      "This is an offline apply: it writes straight to Consul and Nomad. It shows no plan, and finds only such drift as " +
        "touches what the stacks say.",
    );
    await this.validate(planned);
    for (const resource of planned) await this.applyOne(resource);
    const addresses = planned.map(({ address }) => address);
    await this.removeAllBut(new Set(addresses));
    this.state.arrange(addresses);
    return this.changes;
  }

  /** Removes the other resources, the last one applied first, and then does what was postponed. */
  private async removeAllBut(addresses: ReadonlySet<string>): Promise<void> {
    const vanished = this.state.resources.filter(({ address }) => !addresses.has(address)).reverse();
    for (const resource of vanished) await this.removeOne(resource);
    await this.retryPostponed();
  }

  /** All objections of the engines at once, before anything is written. */
  private async validate(planned: readonly PlannedResource[]): Promise<void> {
    const objections: string[] = [];
    for (const { address, datacenter, definition, isOpen, evaluate } of planned) {
      this.options.signal?.throwIfAborted();
      if (isOpen) continue;
      try {
        await definition.validate?.(this.contextOf(datacenter), evaluate(this.attributesOf).body);
      } catch (error) {
        if (!(error instanceof EngineRefusal)) throw error;
        objections.push(`\n  ${address}: ${error.words.replaceAll("\n", "\n    ")}`);
      }
    }
    if (objections.length > 0) {
      throw new LabError(
        `Nomad would refuse what follows, so nothing was changed:${objections.join("")}`,
        "Correct the jobs.",
      );
    }
  }

  private async applyOne({ address, type, datacenter, definition, evaluate }: PlannedResource): Promise<void> {
    const { state } = this;
    const context = this.contextOf(datacenter);
    context.signal?.throwIfAborted();
    const { given, body } = evaluated(address, () => evaluate(this.attributesOf));
    const earlier = state.find(address);
    const identity = definition.identity(body, earlier?.identity);
    const isOther = earlier !== undefined && (!isSame(identity, earlier.identity) || earlier.datacenter !== datacenter);
    if (isOther) await explained(address, () => this.release(earlier));

    const sent = digest(body);
    const isThere = definition.isKeptInState !== true || earlier !== undefined;
    const before = isThere ? await explained(address, () => definition.read(context, identity)) : undefined;
    const remember = (live: JsonObject) => {
      this.attributes.set(address, { ...given, ...definition.attributes(identity, live) });
    };
    if (before) remember(before);
    if (before && !isOther && earlier?.sent === sent && earlier.live === digest(before)) {
      this.changes.unchanged.push(address);
      return;
    }
    // Written down first: whatever happens next, a repeated apply or a removal knows of it.
    state.put({ address, type, datacenter, identity, sent });
    await this.attempt(address, before !== undefined && definition.isJudgedWithOthers === true, async () => {
      await definition.write(context, body, before, identity);
      const after = await definition.read(context, identity);
      if (after === undefined) {
        throw new LabError(
          `It is not there although ${type} was accepted.`,
          "Look at the engine's log, then try again.",
        );
      }
      remember(after);
      state.put({ address, type, datacenter, identity, sent, live: digest(after) });
      if (before && digest(before) === digest(after)) this.changes.unchanged.push(address);
      else if (before ?? isOther) this.report("updated", address);
      else this.report("created", address);
    });
  }

  private async removeOne(resource: AppliedResource): Promise<void> {
    const { address, type } = resource;
    this.options.signal?.throwIfAborted();
    await this.attempt(address, resourceTypes[type].isJudgedWithOthers === true, async () => {
      if (await this.release(resource)) this.report("deleted", address);
      this.state.delete(address);
    });
  }

  /** Removes what a resource stood for, unless another resource stands for it by now. */
  private async release({ address, type, datacenter, identity }: AppliedResource): Promise<boolean> {
    const isWanted = this.state.resources.some(
      (other) =>
        other.address !== address &&
        other.type === type &&
        other.datacenter === datacenter &&
        isSame(other.identity, identity),
    );
    if (isWanted) return false;
    const context = this.contextOf(datacenter);
    const live = await resourceTypes[type].read(context, identity);
    if (live) await resourceTypes[type].remove(context, identity, live);
    return live !== undefined;
  }

  /**
   * Does a step. Consul refuses config entries that do not fit together, so a step that it refuses may pass once the others
   * are done: a service that becomes tcp, after its intentions have lost their HTTP permissions.
   */
  private async attempt(address: string, canWait: boolean, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (refusal) {
      if (!canWait || !(refusal instanceof EngineRefusal)) throw explanation(address, refusal);
      this.postponed.push({ address, refusal, step });
    }
  }

  private async retryPostponed(): Promise<void> {
    while (this.postponed.length > 0) {
      const steps = this.postponed;
      this.postponed = [];
      for (const { address, step } of steps) await this.attempt(address, true, step);
      if (this.postponed.length === steps.length) throw explanation(steps[0].address, steps[0].refusal);
    }
  }

  private report(change: keyof Changes, address: string): void {
    this.changes[change].push(address);
    this.say(`${change} ${address}`);
  }

  private say(line: string): void {
    this.options.onProgress(this.variables?.redact(line) ?? line);
  }

  private contextOf(datacenter: string | undefined): ApplyContext {
    const { endpoints, datacenters, signal } = this.options;
    const known = this.contexts.get(datacenter);
    if (known) return known;
    const { consul, nomad } = new Clusters(endpoints, datacenters).of(datacenter);
    const context: ApplyContext = {
      consul: new EngineApi("Consul", consul),
      nomad: new EngineApi("Nomad", nomad),
      say: (line) => {
        this.say(line);
      },
      signal,
    };
    this.contexts.set(datacenter, context);
    return context;
  }

  private readonly attributesOf = (address: string): JsonObject => this.attributes.get(address) ?? {};
}

function evaluated<T>(address: string, evaluate: () => T): T {
  try {
    return evaluate();
  } catch (error) {
    throw new LabError(`${address}: ${(error as Error).message}.`, "Correct the stack, then apply again.", {
      cause: error,
    });
  }
}

async function explained<T>(address: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw explanation(address, error);
  }
}

/** Says which resource it was about, and what can be done. */
function explanation(address: string, error: unknown): unknown {
  if (error instanceof LabError) return new LabError(`${address}: ${error.problem}`, error.fix, { cause: error });
  if (!(error instanceof EngineRefusal)) return error;
  const fix = [401, 403].includes(error.status)
    ? `Give a token that may do this in ${error.engine}, then apply again.`
    : "Correct the stack, then apply again; what was applied before it stays, and is not applied twice.";
  return new LabError(`${address}: ${error.message}`, fix, { cause: error });
}
