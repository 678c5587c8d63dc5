import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(__dirname, "../../..");
const source = join(root, "host-tool/meshform_host");

/** The modules of the host tool, in the order in which CONTRIBUTING.md has them read. */
function readingOrder(): string[] {
  const text = readFileSync(join(root, "CONTRIBUTING.md"), "utf8");
  const table = text.slice(text.indexOf("| modules of `host-tool`"));
  const rows = table.slice(0, table.indexOf("\n\n")).split("\n").slice(2);
  return rows.flatMap((row) => [...row.split("|")[1].matchAll(/`(\w+)`/g)].map(([, name]) => name));
}

test("the reading guide of the host tool has every module, none of which imports a later one", () => {
  const order = readingOrder();
  const modules = readdirSync(source)
    .filter((name) => !name.startsWith("__"))
    .map((name) => name.replace(/\.py$/, ""));
  expect([...order].sort()).toEqual(modules.sort());
  for (const [index, name] of order.entries()) {
    const file = name === "clouds" ? "clouds/__init__.py" : `${name}.py`;
    const text = readFileSync(join(source, file), "utf8");
    const imported = [...text.matchAll(/^from \.+(\w+) import/gm)].map(([, module]) => module);
    expect([name, imported.filter((module) => !order.slice(0, index).includes(module))]).toEqual([name, []]);
  }
});
