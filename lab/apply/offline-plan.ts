import { LabError } from "../core/errors";
import { consulAclResources } from "./consul-acl-resources";
import { consulResources } from "./consul-resources";
import { evaluate, parseTemplate, type Reference, referencesOf } from "./expression";
import { blocksOf, isObject, type JsonObject } from "./json";
import { type Lifecycle, readLifecycle } from "./lifecycle";
import { nomadResources } from "./nomad-resources";
import { render, type ResourceType } from "./resource-type";
import { datacenterOf, type SynthesizedStack } from "./synthesized";
import { terraformData } from "./terraform-data";
import { refusedVariableArguments, type Variables } from "./variables";

/** What the offline apply can handle. */
export const resourceTypes: Readonly<Record<string, ResourceType>> = {
  ...nomadResources,
  ...consulResources,
  ...consulAclResources,
  terraform_data: terraformData,
};

/** A resource of a stack, ready to be applied. */
export interface PlannedResource {
  /** `<stack>/<type>.<name>` */
  readonly address: string;
  readonly type: string;
  /** Where it goes. @default the first datacenter */
  readonly datacenter: string | undefined;
  readonly definition: ResourceType;
  readonly stack: string;
  readonly lifecycle: Lifecycle;
  /** Addresses of the resources that come first. */
  readonly dependencies: readonly string[];
  /** Whether it refers to others, so that what is sent is known only after them. */
  readonly isOpen: boolean;
  /**
   * Its arguments without templates, and what the engine is sent.
   *
   * @param attributesOf The attributes of a resource that was applied earlier, by its address.
   * @param omitted arguments that are not sent
   * @throws Error that says what is wrong with the arguments
   */
  readonly evaluate: (
    attributesOf: (address: string) => JsonObject,
    omitted?: readonly string[],
  ) => { given: JsonObject; body: JsonObject };
}

/**
 * Reads the resources of all stacks, in the order in which they are applied.
 *
 * @throws LabError that lists all that the offline apply does not understand, before anything is applied
 */
export function planResources(stacks: readonly SynthesizedStack[], variables: Variables): PlannedResource[] {
  const app = new SynthesizedApp(stacks, variables);
  const planned = app.plan();
  if (app.refusals.length === 0) return planned;
  const list = app.refusals.map((refusal) => `\n  ${refusal}`).join("");
  throw new LabError(
    `The offline apply does not support ${app.refusals.length === 1 ? "an element" : `${app.refusals.length} elements`} of these stacks. Nothing was changed:${list}`,
    "Remove them from the stacks, or use Terraform with access to its providers.",
  );
}

/** What a resource may say to Terraform in addition to its arguments. `//` is a comment of the toolkit. */
const metaArguments = new Set(["//", "depends_on", "lifecycle"]);
const stackBlocks = new Set(["//", "terraform", "provider", "resource", "variable", "output", "data"]);
const providers = new Set(["consul", "nomad"]);
/** The toolkit's own name for what a stack reads from another stack of the app. */
const crossStackPrefix = "cross-stack-reference-input-";

interface Node {
  readonly stack: SynthesizedStack;
  readonly address: string;
  readonly type: string;
  readonly definition: ResourceType;
  readonly arguments: JsonObject;
  /** Addresses of the resources that come first. */
  readonly dependencies: readonly string[];
  readonly isOpen: boolean;
  readonly lifecycle: Lifecycle;
}

class SynthesizedApp {
  readonly refusals: string[] = [];
  private readonly nodes = new Map<string, Node>();

  constructor(
    private readonly stacks: readonly SynthesizedStack[],
    private readonly variables: Variables,
  ) {}

  plan(): PlannedResource[] {
    for (const stack of this.stacks) this.readStack(stack);
    if (this.refusals.length > 0) return [];
    return this.inOrder().map((node) => {
      const { address, type, definition, isOpen, dependencies, lifecycle } = node;
      const evaluate: PlannedResource["evaluate"] = (attributesOf, omitted = []) => {
        const given = mapTemplates(node.arguments, (text) =>
          this.valueOf(node.stack, text, attributesOf),
        ) as JsonObject;
        const isSent = ([argument]: [string, unknown]) => !omitted.includes(argument);
        const rendered = render(Object.fromEntries(Object.entries(given).filter(isSent)), definition.fields);
        return { given, body: definition.body?.(rendered) ?? rendered };
      };
      if (!isOpen) this.attempt(address, () => evaluate(() => ({})));
      const datacenter = datacenterOf(node.stack);
      return {
        ...{ address, type, datacenter, definition, stack: node.stack.name, isOpen, lifecycle, dependencies },
        evaluate,
      };
    });
  }

  private readStack(stack: SynthesizedStack): void {
    const { name, config } = stack;
    for (const [block, content] of Object.entries(config)) {
      if (!stackBlocks.has(block)) this.refuse(name, `a block of the kind ${block} is not supported`);
      if (block === "provider") this.checkProviders(stack, content as JsonObject);
      if (block === "data") this.checkData(stack, content as JsonObject);
    }
    for (const [address, why] of refusedVariableArguments(stack)) this.refuse(address, why);
    for (const [type, resources] of Object.entries((config.resource ?? {}) as Record<string, JsonObject>)) {
      for (const [id, block] of Object.entries(resources)) this.readResource(stack, type, id, block as JsonObject);
    }
  }

  private checkProviders({ name }: SynthesizedStack, content: JsonObject): void {
    for (const [provider, configurations] of Object.entries(content)) {
      if (!providers.has(provider)) this.refuse(name, `the provider ${provider} is not supported`);
      if (blocksOf(configurations).length > 1) this.refuse(name, `${provider} is configured more than once`);
    }
  }

  private checkData({ name }: SynthesizedStack, content: JsonObject): void {
    for (const [type, sources] of Object.entries(content)) {
      for (const id of Object.keys(sources as JsonObject)) {
        const isOwn = type === "terraform_remote_state" && id.startsWith(crossStackPrefix);
        if (!isOwn) this.refuse(`${name}/data.${type}.${id}`, "data sources are not supported");
      }
    }
  }

  private readResource(stack: SynthesizedStack, type: string, id: string, block: JsonObject): void {
    const address = `${stack.name}/${type}.${id}`;
    if (!Object.hasOwn(resourceTypes, type)) {
      this.refuse(address, `the type ${type} is not supported`);
      return;
    }
    const definition = resourceTypes[type];
    const isArgument = ([argument]: [string, unknown]) => !metaArguments.has(argument);
    const given = Object.fromEntries(Object.entries(block).filter(isArgument));
    const lifecycle = readLifecycle(block.lifecycle, (why) => {
      this.refuse(address, why);
    });
    for (const argument of Object.keys(given)) {
      if (!Object.hasOwn(definition.fields, argument))
        this.refuse(address, `its argument ${argument} is not supported`);
    }
    for (const argument of definition.required) {
      if (given[argument] === undefined) this.refuse(address, `its argument ${argument} is missing`);
    }
    const referred = templatesIn(given).flatMap((text) => this.referred(stack, address, text));
    const awaited = [...((block.depends_on ?? []) as string[]), ...lifecycle.triggers].map(
      (target) => `${stack.name}/${target}`,
    );
    if (definition.isKeptInState === true && referred.length > 0)
      this.refuse(address, "it refers to other resources, which is not supported");
    this.nodes.set(address, {
      ...{ stack, address, type, definition },
      arguments: given,
      dependencies: [...referred, ...awaited],
      isOpen: referred.length > 0,
      lifecycle,
    });
  }

  /** The resources that a template names, also by way of another stack's output. */
  private referred(stack: SynthesizedStack, address: string, text: string): string[] {
    return (
      this.attempt(address, () =>
        referencesOf(parseTemplate(text)).flatMap((reference) => {
          const source = this.locate(stack, reference);
          if (source.kind === "output") return this.referred(source.stack, address, source.template);
          return source.kind === "resource" ? [source.address] : [];
        }),
      ) ?? []
    );
  }

  private valueOf(stack: SynthesizedStack, text: string, attributesOf: (address: string) => JsonObject): unknown {
    return evaluate(parseTemplate(text), (reference) => {
      const source = this.locate(stack, reference);
      if (source.kind === "variable") return source.value;
      if (source.kind === "output") return this.valueOf(source.stack, source.template, attributesOf);
      const attributes = attributesOf(source.address);
      if (attributes[source.attribute] !== undefined) return attributes[source.attribute];
      throw new Error(`${source.address} has no attribute ${source.attribute}`);
    });
  }

  /** @throws Error if the reference leads nowhere */
  private locate(stack: SynthesizedStack, { path }: Reference): Source {
    const [first, second, third, , output] = path;
    if (first === "var") {
      if (path.length > 2) throw new Error(`the reference \`${path.join(".")}\` is not understood`);
      return { kind: "variable", value: this.variables.valueOf(stack.name, second) };
    }
    if (first === "data" && second === "terraform_remote_state" && path.length === 5) {
      const source = this.stacks.find(({ name }) => `${crossStackPrefix}${name}` === third);
      const template = (source?.config.output as Record<string, JsonObject> | undefined)?.[output]?.value;
      if (source && typeof template === "string") return { kind: "output", stack: source, template };
    }
    const resources = stack.config.resource as Record<string, JsonObject | undefined> | undefined;
    if (path.length === 3 && resources?.[first]?.[second] !== undefined && hasAttribute(first, third)) {
      return { kind: "resource", address: `${stack.name}/${first}.${second}`, attribute: third };
    }
    throw new Error(`the reference \`${path.join(".")}\` is not understood`);
  }

  /** Each resource after all that it depends on; else as the stacks have them. */
  private inOrder(): Node[] {
    const ordered = new Set<Node>();
    const add = (node: Node, above: readonly string[]) => {
      if (ordered.has(node)) return;
      if (above.includes(node.address)) {
        this.refuse(
          node.address,
          `it depends on itself through ${above.slice(above.indexOf(node.address) + 1).join(", ")}`,
        );
        return;
      }
      for (const address of node.dependencies) {
        const dependency = this.nodes.get(address);
        if (dependency) add(dependency, [...above, node.address]);
        else this.refuse(node.address, `it depends on ${address}, which does not exist`);
      }
      ordered.add(node);
    };
    for (const node of this.nodes.values()) add(node, []);
    return [...ordered];
  }

  private attempt<T>(address: string, act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.refuse(address, (error as Error).message);
      return undefined;
    }
  }

  private refuse(where: string, why: string): void {
    const refusal = `${where}: ${why}`;
    if (!this.refusals.includes(refusal)) this.refusals.push(refusal);
  }
}

type Source =
  | { readonly kind: "variable"; readonly value: unknown }
  | { readonly kind: "output"; readonly stack: SynthesizedStack; readonly template: string }
  | { readonly kind: "resource"; readonly address: string; readonly attribute: string };

/** A type that is not known is refused for that alone. */
function hasAttribute(type: string, attribute: string): boolean {
  if (!Object.hasOwn(resourceTypes, type)) return true;
  const { fields, computed = [] } = resourceTypes[type];
  return attribute === "id" || Object.hasOwn(fields, attribute) || computed.includes(attribute);
}

/** Terraform reads each text as a template, the keys of maps too. */
function templatesIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(templatesIn);
  return isObject(value) ? Object.entries(value).flatMap(([key, inner]) => [key, ...templatesIn(inner)]) : [];
}

function mapTemplates(value: unknown, yielded: (text: string) => unknown): unknown {
  if (typeof value === "string") return yielded(value);
  if (Array.isArray(value)) return value.map((item) => mapTemplates(item, yielded));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [String(yielded(key)), mapTemplates(inner, yielded)]),
  );
}
