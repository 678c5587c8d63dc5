import { LabError } from "../core/errors";
import type { ApplyOptions, ApplyResult } from "./options";
import { Clusters } from "./clusters";
import { EngineApi, EngineRefusal } from "../cluster/engine-api";
import { digest, type JsonObject } from "./json";
import { planResources, type PlannedResource, resourceTypes } from "./offline-plan";
import { type AppliedResource, OfflineState } from "./offline-state";
import { type ApplyContext, type Identity, isSame } from "./resource-type";
import { inTerraformOrder, type Recorded, recordsOf, type Step } from "./steps";
import type { SynthesizedStack } from "./synthesized";
import { Variables, type VariableValues } from "./variables";
import { type Settling, walk } from "./walk";

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
    await this.removeAll(resources);
    return this.changes;
  }

  private async applyAll(planned: readonly PlannedResource[], stacks: readonly SynthesizedStack[]): Promise<Changes> {
    this.say(
      "This is an offline apply, which writes directly to Consul and Nomad. It shows no plan, and detects only drift that " +
        "affects the stacks.",
    );
    await this.validate(planned);
    const names = stacks.map(({ name }) => name);
    // As with Terraform: what moved to another stack is created there afterwards.
    const vanished = this.state.resources.filter(({ address }) => !names.includes(stackOf(address)));
    await this.removeAll(vanished);
    try {
      // As Terraform has it: stack by stack, and no further one after a failure.
      for (const applied of stacks) {
        await this.options.beforeStack?.(applied);
        await this.applyStack(
          applied.name,
          planned.filter(({ stack }) => stack === applied.name),
        );
      }
    } finally {
      this.state.settle(planned.map(({ address }) => address));
    }
    return this.changes;
  }

  /** Removes resources, of the last stack first, and each after what depended on it. */
  private async removeAll(resources: readonly AppliedResource[]): Promise<void> {
    const stacks = grouped([...resources].reverse(), ({ address }) => stackOf(address));
    try {
      for (const [name, ofStack] of stacks) {
        const gone = ofStack.map((it) => ({ ...it, recorded: it.dependencies ?? [], isCreatedFirst: false }));
        const steps = ordered(name, inTerraformOrder([], gone));
        await walk(steps, ({ address }) => this.removeOne(address), this.options.signal);
      }
    } finally {
      this.state.settle();
    }
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
    const steps = ordered(name, inTerraformOrder(wanted, gone));
    /** What is replaced, as it was. */
    const predecessors = new Map(
      wanted.filter(({ isReplaced }) => isReplaced).map(({ address }) => [address, this.state.find(address)]),
    );
    await walk(
      steps,
      async ({ does, address }) => {
        const resource = byAddress.get(address);
        const predecessor = predecessors.get(address);
        if (does === "write" && resource) return this.applyOne(resource, records.get(address), predecessor);
        if (predecessor) await explained(address, () => this.release(predecessor));
        else await this.removeOne(address);
        return undefined;
      },
      this.options.signal,
    );
  }

  /** Whether Terraform would make another object of it, as far as that is known before anything is applied. */
  private isReplaced(resource: PlannedResource, planned: ReadonlyMap<string, PlannedResource>): boolean {
    const { address, datacenter, definition, isOpen, evaluate, lifecycle, stack } = resource;
    const earlier = this.state.find(address);
    if (earlier === undefined) return false;
    if (earlier.isTainted) return true;
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
          `${address}: Terraform would write it and then delete it, because of create_before_destroy on it or on an object that depends on it.`,
          "Remove it in a separate step.",
        );
      }
    }
    if (gone.length === 0) return;
    const applied = grouped(this.state.resources, (it) => objectOf(it, it.identity));
    const coming = grouped(
      planned.filter(({ isOpen }) => !isOpen),
      // By what it says of itself alone: an id that the engine gave it is not another one's.
      (it) => objectOf(it, it.definition.identity(it.evaluate(this.attributesOf).body, undefined)),
    );
    for (const one of gone) {
      const object = objectOf(one, one.identity);
      const elsewhere = applied.get(object)?.find(({ address }) => stackOf(address) !== stackOf(one.address));
      if (elsewhere) {
        throw new LabError(
          `${one.address} would be removed, but ${elsewhere.address}, in a stack that is applied first, is now the same object.`,
          "Remove it from the one stack first, then add it to the other one.",
        );
      }
      const other = coming.get(object)?.at(0);
      if (other) {
        throw new LabError(
          `${one.address} and ${other.address} are the same object: Terraform would write it at one address and delete it at the ` +
            "other, in an undefined order.",
          "Keep the address.",
        );
      }
    }
  }

  /** All objections of the engines at once, before anything is written. */
  private async validate(planned: readonly PlannedResource[]): Promise<void> {
    const objections: string[] = [];
    // Others may not run yet.
    const judge = (datacenter: string | undefined) => (this.options.beforeStack ? undefined : datacenter);
    for (const { address, datacenter, definition, isOpen, evaluate } of planned) {
      this.options.signal?.throwIfAborted();
      if (isOpen) continue;
      try {
        await definition.validate?.(this.contextOf(judge(datacenter)), evaluate(this.attributesOf).body);
      } catch (error) {
        if (!(error instanceof EngineRefusal)) throw error;
        objections.push(`\n  ${address}: ${error.words.replaceAll("\n", "\n    ")}`);
      }
    }
    if (objections.length > 0) {
      throw new LabError(
        `Nomad would refuse the following, so nothing was changed:${objections.join("")}`,
        "Correct the jobs.",
      );
    }
  }

  private async applyOne(
    { address, type, datacenter, definition, evaluate, lifecycle }: PlannedResource,
    { dependencies, isCreatedFirst }: Recorded = { dependencies: [], isCreatedFirst: false },
    predecessor: AppliedResource | undefined,
  ): Promise<Settling | undefined> {
    const { state } = this;
    const context = this.contextOf(datacenter);
    const { given, body: whole } = evaluated(address, () => evaluate(this.attributesOf));
    const { body: changing } = evaluate(this.attributesOf, lifecycle.kept);
    const earlier = state.find(address);
    const identity = definition.identity(whole, earlier?.identity);
    const isOther =
      predecessor === undefined &&
      earlier !== undefined &&
      (!isSame(identity, earlier.identity) || earlier.datacenter !== datacenter);
    // Known only now, since it hung on another resource.
    if (isOther) await explained(address, () => this.release(earlier));

    const sent = digest(changing);
    const isThere = definition.isKeptInState !== true || (earlier !== undefined && predecessor === undefined);
    const before = isThere ? await explained(address, () => definition.read(context, identity)) : undefined;
    const body = before && earlier && !isOther && predecessor === undefined ? changing : whole;
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
      return undefined;
    }
    // Written down first: whatever happens next, a repeated apply or a removal knows of it.
    state.put(record);
    const finish = async (more: Partial<AppliedResource> = {}) => {
      const after = await definition.read(context, identity);
      if (after === undefined) {
        throw new LabError(
          `${type} was accepted, but the object does not exist.`,
          "Look at the engine's log, then try again.",
        );
      }
      remember(after);
      state.put({ ...record, live: digest(after), ...more });
      return after;
    };
    const report = (after: JsonObject) => {
      const isUntouched =
        before && (definition.isKeptInState === true ? earlier?.sent === sent : digest(before) === digest(after));
      if (isUntouched === true) this.changes.unchanged.push(address);
      else if (before ?? (isOther || predecessor)) this.report("updated", address);
      else this.report("created", address);
    };
    return explained(address, async () => {
      const written = await definition.write(context, body, before, identity);
      const settle = definition.settle?.(context, body, written, before, identity);
      if (settle === undefined) {
        report(await finish());
        return undefined;
      }
      return () =>
        explained(address, async () => {
          try {
            await settle();
          } catch (error) {
            // As with Terraform, which asks no more how an update has ended, once it has failed.
            await finish(before === undefined ? { isTainted: true } : {});
            throw error;
          }
          report(await finish());
        });
    });
  }

  private async removeOne(address: string): Promise<undefined> {
    const resource = this.state.find(address);
    if (resource === undefined) return;
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

function ordered(stack: string, steps: readonly Step[] | undefined): readonly Step[] {
  if (steps !== undefined) return steps;
  throw new LabError(
    `The stack ${stack} cannot be ordered: its changes depend on each other.`,
    "Make the edit in two steps.",
  );
}

/** What tells an object from all others, as text. */
function objectOf({ type, datacenter }: Pick<AppliedResource, "type" | "datacenter">, identity: Identity): string {
  return JSON.stringify([type, datacenter, Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): ReadonlyMap<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    const known = groups.get(key);
    if (known) known.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

function isProtected(address: string): LabError {
  return new LabError(
    `${address}: It would be removed, but its lifecycle.prevent_destroy forbids this.`,
    "Remove prevent_destroy from the stack and apply it, then try again.",
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
    ? `Use a token with this permission in ${error.engine}, then apply again.`
    : "Correct the stack, then apply again; what was applied before remains, and is not applied again.";
  return new LabError(`${address}: ${error.message}`, fix, { cause: error });
}
