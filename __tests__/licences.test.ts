import { execFileSync } from "node:child_process";
import { join } from "node:path";
import manifest from "../package.json";
import { packages } from "../package-lock.json";

/** Licences under which a package may come to users. Anything else has to be read first. */
const ALLOWED = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "(MIT AND Zlib)"];

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

/** What npm installs with the package, as package-lock.json has it. */
const runtime = Object.entries(packages as unknown as Readonly<Record<string, Locked>>).filter(
  ([path, { dev }]) => path !== "" && dev !== true,
);

/** What users have in their projects already, or install next to it. */
const peers = ["@cdktf/provider-aws", "@cdktf/provider-consul", "@cdktf/provider-nomad", "cdktf", "constructs"];

test("each package that comes with this one has a licence of the list", () => {
  expect(runtime.length).toBeGreaterThan(10);
  const refused = runtime.flatMap(([path, { version, license }]) =>
    license !== undefined && ALLOWED.includes(license) ? [] : [`${path} ${version}: ${license ?? "none"}`],
  );
  expect(refused).toEqual([]);
});

test("so have the packages that it asks projects for", () => {
  const known = packages as unknown as Readonly<Record<string, Locked>>;
  for (const name of peers) {
    expect(ALLOWED).toContain(known[`node_modules/${name}`].license);
  }
});

test("the bill of materials lists the same packages, each with its licence", () => {
  const output = execFileSync(process.execPath, [join(__dirname, "../tools/sbom.mjs")], { encoding: "utf8" });
  const { bomFormat, metadata, components } = JSON.parse(output) as {
    bomFormat: string;
    metadata: { component: { name: string; version: string } };
    components: { name: string; version: string; licenses?: { license?: { id?: string }; expression?: string }[] }[];
  };
  expect(bomFormat).toBe("CycloneDX");
  expect(metadata.component).toMatchObject({ name: manifest.name, version: manifest.version });
  const listed = components.map(({ name, version, licenses = [] }) => {
    const [{ license, expression } = {}] = licenses;
    return `${name} ${version}: ${license?.id ?? expression ?? "none"}`;
  });
  const locked = runtime
    // An optional peer of a dependency comes only to projects that have it already.
    .filter(([, { devOptional }]) => !devOptional)
    .map(([path, { version, license }]) => `${path.replace(/^.*node_modules\//, "")} ${version}: ${license ?? "none"}`);
  expect([...new Set(listed)].sort()).toEqual([...new Set(locked)].sort());
});
