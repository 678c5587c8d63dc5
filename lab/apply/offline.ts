import { LabError } from "../errors";
import type { ApplyOptions, ApplyResult } from "./options";
import { Clusters } from "./clusters";
import { EngineApi, EngineRefusal } from "./engine-api";
import { digest, type JsonObject } from "./json";
import { planResources, type PlannedResource, resourceTypes } from "./offline-plan";
import { type AppliedResource, OfflineState } from "./offline-state";
import { type ApplyContext, isSame } from "./resource-type";
import { inTerraformOrder, type Recorded, recordsOf } from "./steps";
import type { SynthesizedStack } from "./synthesized";
import { Variables, type VariableValues } from "./variables";

export type Changes = Pick<ApplyResult, "created" | "updated" | "unchanged" | "deleted">;

/** Applies stacks through the engines' own APIs. */
export class OfflineApply {
  readonly changes: Changes = { created: [], updated: [], unchanged: [], deleted: [] };
  private readonly state: OfflineState;
  private readonly contexts = new Map<string | undefined, ApplyContext>();
  private readonly attributes = new Map<string, JsonObject>();
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
      return await this.applyAll(planResources(stacks, variables), stacks);
    } catch (error) {
      throw variables.redacted(error);
    }
  }

  /** Removes all that was applied, the last one applied first. */
  async destroy(): Promise<Changes> {
    const { resources } = this.state;
    const kept = resources.find(({ isProtected: isKept }) => isKept);
    if (kept) throw isProtected(kept.address);
    for (const resource of [...resources].reverse()) await this.removeOne(resource);
    return this.changes;
  }

  private async applyAll(planned: readonly PlannedResource[], stacks: readonly SynthesizedStack[]): Promise<Changes> {
    this.say(
      "This is an offline apply: it writes straight to Consul and Nomad. It shows no plan, and finds only such drift as " +
        "touches what the stacks say.",
    );
    await this.validate(planned);
    const names = stacks.map(({ name }) => name);
    // As with Terraform: what moved to another stack is created there afterwards.
    const vanished = this.state.resources.filter(({ address }) => !names.includes(stackOf(address)));
    for (const resource of [...vanished].reverse()) await this.removeOne(resource);
    for (const name of names) {
      await this.applyStack(
        name,
        planned.filter(({ stack }) => stack === name),
      );
    }
    this.state.arrange(planned.map(({ address }) => address));
    return this.changes;
  }

  private async applyStack(name: string, planned: readonly PlannedResource[]): Promise<void> {
    const isOwn = (address: string) => stackOf(address) === name;
    const byAddress = new Map(planned.map((resource) => [resource.address, resource]));
    const wanted = planned.map((resource) => {
      const { address, lifecycle, dependencies } = resource;
      return {
        ...{
          resource,
          address,
          isCreatedFirst: lifecycle.isCreatedFirst,
          isReplaced: this.isReplaced(resource, byAddress),
        },
        dependencies: dependencies.filter(isOwn),
        recorded: this.state.find(address)?.dependencies ?? [],
      };
    });
    const gone = this.state.resources
      .filter(({ address }) => isOwn(address) && !byAddress.has(address))
      .reverse()
      .map((applied) => {
        const { address, dependencies: recorded = [], isCreatedFirst = false } = applied;
        return { applied, address, recorded, isCreatedFirst };
      });
    const records = recordsOf(wanted);
    this.refuseWhatIsLost(
      wanted.filter(({ isReplaced }) => isReplaced).map(({ resource }) => resource),
      records,
      gone.map(({ applied }) => applied),
      planned,
    );
    const steps = inTerraformOrder(wanted, gone);
    if (steps === undefined) {
      throw new LabError(
        `The stack ${name} has no order: its changes wait for each other.`,
        "Make the edit in two steps.",
      );
    }
    /** What is replaced, as it was. */
    const predecessors = new Map(
      wanted.filter(({ isReplaced }) => isReplaced).map(({ address }) => [address, this.state.find(address)]),
    );
    for (const { does, address } of steps) {
      this.options.signal?.throwIfAborted();
      const resource = byAddress.get(address);
      const predecessor = predecessors.get(address);
      if (does === "write" && resource) {
        await this.applyOne(resource, records.get(address), predecessor);
      } else if (predecessor) {
        await explained(address, () => this.release(predecessor));
      } else {
        const applied = this.state.find(address);
        if (applied) await this.removeOne(applied);
      }
    }
  }

  /** Whether Terraform would make another object of it, as far as that is known before anything is applied. */
  private isReplaced(resource: PlannedResource, planned: ReadonlyMap<string, PlannedResource>): boolean {
    const { address, datacenter, definition, isOpen, evaluate, lifecycle, stack } = resource;
    const earlier = this.state.find(address);
    if (earlier === undefined) return false;
    const isTriggered = lifecycle.triggers.some((trigger) => {
      const before = this.state.find(`${stack}/${trigger}`);
      const now = planned.get(`${stack}/${trigger}`);
      return before && now && before.sent !== digest(now.evaluate(this.attributesOf).body);
    });
    if (isTriggered || isOpen) return isTriggered;
    const identity = definition.identity(evaluate(this.attributesOf).body, earlier.identity);
    return !isSame(identity, earlier.identity) || earlier.datacenter !== datacenter;
  }

  /** Edits after which Terraform leaves less than the stacks say, or may do so. */
  private refuseWhatIsLost(
    replaced: readonly PlannedResource[],
    records: ReadonlyMap<string, Recorded>,
    gone: readonly AppliedResource[],
    planned: readonly PlannedResource[],
  ): void {
    for (const { address, lifecycle, definition, evaluate } of replaced) {
      const earlier = this.state.find(address);
      if (lifecycle.isProtected) throw isProtected(address);
      const isSelf =
        earlier && isSame(definition.identity(evaluate(this.attributesOf).body, earlier.identity), earlier.identity);
      if (isSelf === true && records.get(address)?.isCreatedFirst === true) {
        throw new LabError(
          `${address}: Terraform would write it and then remove it, since create_before_destroy holds for it or for what depends on it.`,
          "Remove it in a step of its own.",
        );
      }
    }
    for (const one of gone) {
      const elsewhere = this.state.resources.find(
        ({ address, type, datacenter, identity }) =>
          stackOf(address) !== stackOf(one.address) &&
          type === one.type &&
          datacenter === one.datacenter &&
          isSame(identity, one.identity),
      );
      if (elsewhere) {
        throw new LabError(
          `${one.address} is to be removed, and ${elsewhere.address}, in a stack that is applied before, is the same object by now.`,
          "Remove it from the one stack first, then add it to the other one.",
        );
      }
      const other = planned.find(
        ({ type, datacenter, definition, isOpen, evaluate }) =>
          type === one.type &&
          datacenter === one.datacenter &&
          !isOpen &&
          // By what it says of itself alone: an id that the engine gave it is not another one's.
          isSame(definition.identity(evaluate(this.attributesOf).body, undefined), one.identity),
      );
      if (other) {
        throw new LabError(
          `${one.address} and ${other.address} are the same object: Terraform would write it by the one address and remove it by the ` +
            "other, in no certain order.",
          "Keep the address.",
        );
      }
    }
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

  private async applyOne(
    { address, type, datacenter, definition, evaluate, lifecycle }: PlannedResource,
    { dependencies, isCreatedFirst }: Recorded = { dependencies: [], isCreatedFirst: false },
    predecessor: AppliedResource | undefined,
  ): Promise<void> {
    const { state } = this;
    const context = this.contextOf(datacenter);
    const { given, body } = evaluated(address, () => evaluate(this.attributesOf));
    const earlier = state.find(address);
    const identity = definition.identity(body, earlier?.identity);
    const isOther =
      predecessor === undefined &&
      earlier !== undefined &&
      (!isSame(identity, earlier.identity) || earlier.datacenter !== datacenter);
    // Known only now, since it hung on another resource.
    if (isOther) await explained(address, () => this.release(earlier));

    const sent = digest(body);
    const isThere = definition.isKeptInState !== true || (earlier !== undefined && predecessor === undefined);
    const before = isThere ? await explained(address, () => definition.read(context, identity)) : undefined;
    const record = {
      ...{ address, type, datacenter, identity, sent, dependencies, isCreatedFirst },
      ...(lifecycle.isProtected && { isProtected: true }),
    };
    const remember = (live: JsonObject) => {
      this.attributes.set(address, { ...given, ...definition.attributes(identity, live) });
    };
    if (before) remember(before);
    const isSettled =
      earlier?.sent === sent &&
      before !== undefined &&
      earlier.live === digest(before) &&
      !(await definition.isDue?.(context, body, identity));
    if (before && earlier && !isOther && predecessor === undefined && (isSettled || lifecycle.isFrozen)) {
      const live = earlier.live;
      if (digest({ ...earlier, sent }) !== digest({ ...record, live })) state.put({ ...record, live });
      this.changes.unchanged.push(address);
      return;
    }
    // Written down first: whatever happens next, a repeated apply or a removal knows of it.
    state.put(record);
    await explained(address, async () => {
      await definition.write(context, body, before, identity);
      const after = await definition.read(context, identity);
      if (after === undefined) {
        throw new LabError(
          `It is not there although ${type} was accepted.`,
          "Look at the engine's log, then try again.",
        );
      }
      remember(after);
      state.put({ ...record, live: digest(after) });
      const isUntouched =
        before && (definition.isKeptInState === true ? earlier?.sent === sent : digest(before) === digest(after));
      if (isUntouched === true) this.changes.unchanged.push(address);
      else if (before ?? (isOther || predecessor)) this.report("updated", address);
      else this.report("created", address);
    });
  }

  private async removeOne(resource: AppliedResource): Promise<void> {
    const { address } = resource;
    this.options.signal?.throwIfAborted();
    await explained(address, async () => {
      if (await this.release(resource)) this.report("deleted", address);
      this.state.delete(address);
    });
  }

  /** Removes what a resource stood for. */
  private async release({ type, datacenter, identity }: AppliedResource): Promise<boolean> {
    const context = this.contextOf(datacenter);
    const live = await resourceTypes[type].read(context, identity);
    if (live) await resourceTypes[type].remove(context, identity, live);
    return live !== undefined;
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

function stackOf(address: string): string {
  return address.slice(0, address.indexOf("/"));
}

function isProtected(address: string): LabError {
  return new LabError(
    `${address}: It would be removed, which its lifecycle.prevent_destroy forbids.`,
    "Take prevent_destroy out of the stack and apply it, then try again.",
  );
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
