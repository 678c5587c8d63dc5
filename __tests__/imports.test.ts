import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import FOLDERS from "../tools/folders.cjs";

const root = join(__dirname, "..");

/** What a folder may import, as the table of CONTRIBUTING.md has it. */
function tableOf(text: string): Record<string, string[]> {
  const rows = text.split("\n").filter((line) => line.startsWith("| `") && line.split("|").length === 5);
  const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
  return Object.fromEntries(
    rows.flatMap((row) => {
      const [, folder, , imports] = row.split("|");
      const [name] = names(folder);
      return name in FOLDERS ? [[name, names(imports)]] : [];
    }),
  );
}

test("CONTRIBUTING.md says what each folder may import, in the order in which they build on each other", () => {
  const table = tableOf(readFileSync(join(root, "CONTRIBUTING.md"), "utf8"));
  expect(Object.entries(table)).toEqual(Object.entries(FOLDERS));
});

test("one folder and one module of the host tool know a cloud", () => {
  const shared = [
    ...filesBelow(join(root, "constructs", "linux")),
    ...filesBelow(join(root, "host-tool")).filter((file) => !file.includes("/clouds/") || file.endsWith("__init__.py")),
  ];
  expect(shared.length).toBeGreaterThan(60);
  const naming = shared.filter((file) => /aws|amazon|ec2|\bs3\b|azure|google/i.test(readFileSync(file, "utf8")));
  expect(naming).toEqual([]);
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|py|toml)$/.test(name))
    .map((name) => join(folder, name));
}

test("no folder imports what it may not, and there is no circle, of types neither", () => {
  const folders = [
    "constructs",
    "stacks",
    "testing",
    "lab",
    "graph",
    "cluster",
    "connection",
    "import",
    "cli",
    "examples",
    "bench",
  ];
  const bin = join(root, "node_modules", "dependency-cruiser", "bin", "dependency-cruise.mjs");
  const { modules, summary } = JSON.parse(
    execFileSync(process.execPath, [bin, ...folders, "--output-type", "json", "--config", ".dependency-cruiser.cjs"], {
      cwd: root,
      encoding: "utf8",
      timeout: 5 * 60_000,
      maxBuffer: 64 * 2 ** 20,
    }),
  ) as Cruise;
  expect(modules.length).toBeGreaterThan(300);
  expect(summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`)).toEqual([]);
});

interface Cruise {
  readonly modules: readonly unknown[];
  readonly summary: {
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
}
