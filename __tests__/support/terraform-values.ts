import type { Block } from "./aws";

interface Named {
  readonly bucket?: string;
  readonly name?: string;
}

type Blocks = Readonly<Record<string, Readonly<Record<string, Block & Named>> | undefined>>;

/** A synthesized stack. */
export interface StackJson {
  readonly resource: Blocks;
}

/** What only AWS knows: `<type>.<attribute>` of a data source, or of a resource by its name. */
export type KnownValues = (type: string, attribute: string, name: string) => string | undefined;

/**
 * Puts values into the references of a text. Those to names of buckets and secrets are in the stack.
 *
 * @throws Error that names a reference without a value
 */
export function withTerraformValues(text: string, stack: StackJson, known: KnownValues): string {
  return text.replace(
    /\$\{(data\.)?([\w-]+)\.([\w-]+)\.(\w+)\}/g,
    (reference, data: string | undefined, type: string, id: string, attribute: string) => {
      const resource: Named = (data === undefined ? stack.resource[type]?.[id] : undefined) ?? {};
      const name = withTerraformValues(resource.bucket ?? resource.name ?? "", stack, known);
      const value = known(type, attribute, name);
      if (value === undefined) throw new Error(`The test has no value of ${reference}.`);
      return value;
    },
  );
}
