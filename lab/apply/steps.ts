/** A resource of a stack as it is to be. Addresses are those of the stack's resources. */
export interface WantedNode {
  readonly address: string;
  /** What it refers to and waits for. */
  readonly dependencies: readonly string[];
  /** All that it depended on when it was applied, by whatever way. */
  readonly recorded: readonly string[];
  readonly isReplaced: boolean;
  /** Whether it asks to be created before its predecessor is destroyed. */
  readonly isCreatedFirst: boolean;
}

/** A resource that the stack has no more. */
export interface GoneNode {
  readonly address: string;
  readonly recorded: readonly string[];
  readonly isCreatedFirst: boolean;
}

/** Creates, updates or leaves a resource, or removes it or its predecessor. */
export interface Step {
  readonly does: "write" | "remove";
  readonly address: string;
  /** Those that it waits for. */
  readonly after: readonly Step[];
}

/** What is recorded of a resource that is written. */
export interface Recorded {
  readonly dependencies: readonly string[];
  readonly isCreatedFirst: boolean;
}

/** What Terraform records of each: all that it depends on, and whether it or what depends on it is created before it is destroyed. */
export function recordsOf(
  wanted: readonly Omit<WantedNode, "recorded" | "isReplaced">[],
): ReadonlyMap<string, Recorded> {
  const nodes = new Map(wanted.map((node) => [node.address, node]));
  const reached = new Map<string, ReadonlySet<string>>();
  const reach = (address: string): ReadonlySet<string> => {
    const known = reached.get(address);
    if (known) return known;
    const all = new Set<string>();
    reached.set(address, all);
    for (const next of nodes.get(address)?.dependencies ?? []) {
      all.add(next);
      for (const further of reach(next)) all.add(further);
    }
    return all;
  };
  const forced = new Set(
    wanted.filter(({ isCreatedFirst }) => isCreatedFirst).flatMap(({ address }) => [address, ...reach(address)]),
  );
  return new Map(
    wanted.map(({ address }) => [address, { dependencies: [...reach(address)], isCreatedFirst: forced.has(address) }]),
  );
}

/**
 * The order in which Terraform changes the resources of a stack. Where it has none, since it does several at once, removals come first.
 *
 * A resource is written after what it depends on. What is to be removed is removed after what depended on it was removed, but before
 * what depended on it, or what it depended on, is written; unless it is created before it is destroyed: then it is removed after all that.
 *
 * @see https://github.com/hashicorp/terraform/blob/main/docs/destroying.md
 * @returns undefined where the order has a circle, as Terraform would say too
 */
export function inTerraformOrder(wanted: readonly WantedNode[], gone: readonly GoneNode[]): Step[] | undefined {
  const records = recordsOf(wanted);
  const writes = new Map(wanted.map((node) => [node.address, key("write", node.address)]));
  const removed = [
    ...wanted
      .filter(({ isReplaced }) => isReplaced)
      .map(({ address, recorded }) => {
        const { dependencies = [], isCreatedFirst = false } = records.get(address) ?? {};
        return { address, recorded: [...new Set([...dependencies, ...recorded])], isCreatedFirst };
      }),
    ...gone,
  ];
  const removals = new Map(removed.map((node) => [node.address, node]));
  /** Each step, and those that it waits for. */
  const waits = new Map<string, Set<string>>();
  const wait = (step: string, other: string) => waits.get(step)?.add(other);
  for (const { address } of removed) waits.set(key("remove", address), new Set());
  for (const { address } of wanted) waits.set(key("write", address), new Set());

  /** A write that Terraform has wait for a removal, or the other way round where the object is created first. */
  const afterRemoval = (write: string, { address, isCreatedFirst }: GoneNode) => {
    const removal = key("remove", address);
    if (isCreatedFirst) wait(removal, write);
    else wait(write, removal);
  };
  for (const node of removed) {
    for (const dependency of node.recorded) {
      if (removals.has(dependency)) wait(key("remove", dependency), key("remove", node.address));
      const write = writes.get(dependency);
      if (write !== undefined) afterRemoval(write, node);
    }
  }
  for (const { address, dependencies, recorded } of wanted) {
    const write = key("write", address);
    const own = removals.get(address);
    if (own) afterRemoval(write, own);
    for (const dependency of dependencies) wait(write, key("write", dependency));
    for (const dependency of new Set([...(records.get(address)?.dependencies ?? []), ...recorded])) {
      const removal = removals.get(dependency);
      if (removal) afterRemoval(write, removal);
    }
  }
  return sorted(waits);
}

/** Removals that are ready go before writes that are. */
function sorted(waits: ReadonlyMap<string, ReadonlySet<string>>): Step[] | undefined {
  const followers = new Map<string, string[]>();
  const open = new Map<string, number>();
  for (const [step, others] of waits) {
    open.set(step, others.size);
    for (const other of others) {
      const known = followers.get(other);
      if (known) known.push(step);
      else followers.set(other, [step]);
    }
  }
  const ready: Readonly<Record<Step["does"], string[]>> = { remove: [], write: [] };
  const add = (step: string) => ready[doesOf(step)].push(step);
  const next = () => ready.remove.shift() ?? ready.write.shift();
  for (const step of waits.keys()) if (open.get(step) === 0) add(step);
  const steps = new Map<string, Step>();
  for (let step = next(); step !== undefined; step = next()) {
    const after = [...(waits.get(step) ?? [])].flatMap((other) => steps.get(other) ?? []);
    steps.set(step, { does: doesOf(step), address: step.slice(step.indexOf(" ") + 1), after });
    for (const follower of followers.get(step) ?? []) {
      const left = (open.get(follower) ?? 0) - 1;
      open.set(follower, left);
      if (left === 0) add(follower);
    }
  }
  return steps.size === waits.size ? [...steps.values()] : undefined;
}

function key(does: Step["does"], address: string): string {
  return `${does} ${address}`;
}

function doesOf(key: string): Step["does"] {
  return key.slice(0, key.indexOf(" ")) as Step["does"];
}
