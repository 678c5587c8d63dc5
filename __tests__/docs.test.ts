import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { CHECKS } from "../constructs";

const root = join(__dirname, "..");
const read = (path: string) => readFileSync(join(root, path), "utf8");

test("the page about checks lists each of them, with its level and its reason", () => {
  const rows = read("docs/checks.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .map(([, id, level, reason]) => ({ id, level, reason }));
  expect(rows).toEqual(CHECKS.map(({ id, level, reason }) => ({ id, level, reason })));
});

/** The TypeScript blocks of a page. */
function blocksOf(page: string): string[] {
  return [...read(page).matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);
}

const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter((page) =>
  page.endsWith(".md"),
);

test("every TypeScript block of the pages compiles as it stands, in a file beside main.ts", () => {
  const blocks = new Map(
    pages.flatMap((page) =>
      blocksOf(page).map((code, index): [string, string] => [
        join(root, `${page.replace(/\W/g, "-")}-${index}.ts`),
        code,
      ]),
    ),
  );
  expect(blocks.size).toBeGreaterThan(0);
  expect(problemsIn(blocks)).toEqual([]);
}, 120_000);

/** Type-checks files that exist only in memory, with the project's own settings. */
function problemsIn(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  const host = ts.createCompilerHost(options);
  const onDisk = { ...host };
  host.fileExists = (path) => files.has(path) || onDisk.fileExists(path);
  host.readFile = (path) => files.get(path) ?? onDisk.readFile(path);
  host.getSourceFile = (path, language) => {
    const code = files.get(path);
    return code === undefined ? onDisk.getSourceFile(path, language) : ts.createSourceFile(path, code, language);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}
