import { readFileSync } from "node:fs";
import { join } from "node:path";

type Attributes = Readonly<Record<string, unknown>>;

/** Attributes that are JSON documents themselves: the order of their fields means nothing. */
const DOCUMENTS = ["config_json", "jobspec"];

/** The Terraform JSON that an app of the benchmark wrote. */
export function outputFile(outdir: string): string {
  return join(outdir, "stacks", "mesh", "cdk.tf.json");
}

/** What Terraform would make of an app's output: its resources by what they are, whatever they are called there. */
export function readResources(outdir: string): ReadonlyMap<string, Attributes> {
  const { resource } = JSON.parse(readFileSync(outputFile(outdir), "utf8")) as {
    readonly resource: Readonly<Record<string, Readonly<Record<string, Attributes>>>>;
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
