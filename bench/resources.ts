import { readFileSync } from "node:fs";
import { join } from "node:path";

type Attributes = Readonly<Record<string, unknown>>;

/** Attributes that are JSON documents themselves: the order of their fields means nothing. */
const DOCUMENTS = ["config_json", "jobspec"];

/** An app's output: what was written for each stack, and which stacks each one waits for. */
export interface Output {
  readonly stacks: ReadonlyMap<string, { readonly dependencies: readonly string[]; readonly resources: Resources }>;
  readonly bytes: number;
}

type Resources = ReadonlyMap<string, Attributes>;

/** Reads the output of an app of the benchmark. */
export function readOutput(outdir: string): Output {
  const { stacks } = JSON.parse(readFileSync(join(outdir, "manifest.json"), "utf8")) as Manifest;
  const read = Object.values(stacks)
    .sort((one, other) => (one.name < other.name ? -1 : 1))
    .map(({ name, dependencies, synthesizedStackPath }) => {
      const text = readFileSync(join(outdir, synthesizedStackPath), "utf8");
      return { name, dependencies: [...dependencies].sort(), resources: resourcesOf(text), bytes: text.length };
    });
  return {
    stacks: new Map(read.map(({ name, dependencies, resources }) => [name, { dependencies, resources }])),
    bytes: read.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

interface Manifest {
  readonly stacks: Readonly<
    Record<
      string,
      { readonly name: string; readonly dependencies: readonly string[]; readonly synthesizedStackPath: string }
    >
  >;
}

/** What Terraform would make of a stack's output: its resources by what they are, whatever they are called there. */
function resourcesOf(text: string): Resources {
  const { resource = {} } = JSON.parse(text) as {
    readonly resource?: Readonly<Record<string, Readonly<Record<string, Attributes>>>>;
  };
  const read = Object.entries(resource).flatMap(([type, resources]) =>
    Object.entries(resources).map(([id, attributes]) => {
      const values = valuesOf(attributes);
      return { address: `${type}.${id}`, name: nameOf(type, values), values };
    }),
  );
  const names = new Map(read.map(({ address, name }) => [address, name]));
  return new Map(
    read
      .map(({ name, values }): [string, Attributes] => [name, { ...values, depends_on: dependenciesOf(values, names) }])
      .sort(([left], [right]) => (left < right ? -1 : 1)),
  );
}

/** Without the metadata of cdktf, and with documents read. */
function valuesOf(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([key]) => key !== "//")
      .map(([key, value]) => [key, DOCUMENTS.includes(key) ? (JSON.parse(String(value)) as unknown) : value]),
  );
}

function nameOf(type: string, { kind, name, jobspec }: Attributes): string {
  return type === "nomad_job" ? `job/${(jobspec as { readonly ID: string }).ID}` : `${String(kind)}/${String(name)}`;
}

function dependenciesOf(values: Attributes, names: ReadonlyMap<string, string>): readonly (string | undefined)[] {
  const addresses = (values.depends_on ?? []) as readonly string[];
  return addresses.map((address) => names.get(address)).sort();
}
