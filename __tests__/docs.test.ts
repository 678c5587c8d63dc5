import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runInThisContext } from "node:vm";
import ts from "typescript";
import { CHECKS, Protocol, type ApiGateway, type MeshService, type ServiceMesh } from "../constructs";
import { blocksOf, readPage } from "./support/page";
import { synthMesh } from "./support/synth";
import { anyWorkload } from "./support/workload";

const root = join(__dirname, "..");

test("the page about checks lists each of them, with its level and its reason", () => {
  const rows = readPage("docs/checks.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
    .map(([, id, level, reason]) => ({ id, level, reason }));
  expect(rows).toEqual(CHECKS.map(({ id, level, reason }) => ({ id, level, reason })));
});

test("the page about coverage lists each case once, and the tests that it names exist", () => {
  const rows = readPage("docs/coverage.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split(" | ").map((cell) => cell.replace(/^\| |\s*\|?$/g, "").trim()));
  const names = rows.map(([name]) => name);
  expect(names).toHaveLength(new Set(names).size);
  // The cases of Consul 1.21.0, and the jobs of Nomad 1.11.3.
  expect(names).toHaveLength(64 + 8);
  const missing = rows.flatMap(([name, how, tests]) => {
    if (tests === "–") return how.startsWith("not yet") ? [] : [`${name}: ${how}`];
    return tests.split("<br>").flatMap((each) => {
      const [, file = "", title = ""] = /^`([\w/-]+)`: (.+)$/.exec(each) ?? [];
      const path = join(root, "__tests__", `${file}.test.ts`);
      return existsSync(path) && readFileSync(path, "utf8").includes(`"${title}"`) ? [] : [`${name}: ${each}`];
    });
  });
  expect(missing).toEqual([]);
});

const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter((page) =>
  page.endsWith(".md"),
);

test("every TypeScript block of the pages compiles as it stands, in a file beside main.ts", () => {
  const blocks = new Map(
    pages.flatMap((page) =>
      blocksOf(page, "ts").map((code, index): [string, string] => [
        join(root, `${page.replace(/\W/g, "-")}-${index}.ts`),
        code,
      ]),
    ),
  );
  expect(blocks.size).toBeGreaterThan(0);
  expect(problemsIn(blocks)).toEqual([]);
}, 120_000);

test("links between the pages lead to files and headings that there are", () => {
  const all = [...pages, "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "bench/README.md"];
  const broken = all.flatMap((page) =>
    [...readPage(page).matchAll(/\]\((?!https?:)([^)\s]*)\)/g)].flatMap(([, target]) => {
      const [file, anchor] = target.split("#") as [string, string?];
      const path = file === "" ? page : join(dirname(page), file);
      if (!existsSync(join(root, path))) return [`${page}: ${target}`];
      return anchor === undefined || anchorsOf(path).includes(anchor) ? [] : [`${page}: ${target}`];
    }),
  );
  expect(broken).toEqual([]);
});

/** The anchors that GitHub makes of a page's headings. */
function anchorsOf(page: string): string[] {
  return [...readPage(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("examples of docstrings call only what the package exports, or what they make themselves", () => {
  const exported = ["constructs", "constructs/aws", "constructs/google", "stacks", "stacks/aws", "testing"]
    .map((folder) => readFileSync(join(root, folder, "index.ts"), "utf8"))
    .join("\n");
  const sources = ["constructs", "stacks", "testing"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => join(folder, name)),
  );
  const examples = sources.flatMap((source) =>
    [...readFileSync(join(root, source), "utf8").matchAll(/@example([\s\S]*?)\*\/\n(.*)/g)].map(
      ([, code = "", next = ""]) => ({
        source,
        code,
        isInternal: next.includes("sharedClass") || next.includes("hostTool("),
      }),
    ),
  );
  expect(examples.length).toBeGreaterThan(30);
  // Of Jest, of Node.js, a method that the example defines, and an operator of Envoy.
  const known = ["expect", "writeFileSync", "find", "REQ"];
  const unknown = examples.flatMap(({ source, code, isInternal }) =>
    [...code.matchAll(/(?<![.\w"`/-])([A-Za-z]\w*)(?=\()/g)].flatMap(([, name = ""]) =>
      isInternal || known.includes(name) || new RegExp(`\\b${name}\\b`).test(exported) ? [] : [`${source}: ${name}`],
    ),
  );
  expect(unknown).toEqual([]);
});

type Snippet = (mesh: ServiceMesh, ...services: readonly MeshService[]) => ApiGateway | undefined;

test("the gateways of their page make one mesh that the checks let pass", () => {
  const snippets = exportsOf("docs/gateways.md");
  expect(Object.keys(snippets)).toEqual([
    "addGateway",
    "addGatewayBehindBalancer",
    "addSecureGateway",
    "addLimitedGateway",
    "addIngress",
    "addPreview",
    "addIngressWithSds",
    "addDatabase",
    "addOldShop",
    "addPictures",
    "addEsm",
    "allowEsm",
    "addResize",
    "addMeshGateway",
  ]);
  const { jobs } = synthMesh((mesh) => {
    const [orders, stock, clock] = [Protocol.HTTP, Protocol.HTTP, Protocol.TCP].map((protocol, index) =>
      mesh.addService(`service-${index}`, { port: 7001 + index, protocol, workload: anyWorkload }),
    );
    snippets.addGateway(mesh, orders, stock, clock);
    snippets.addGatewayBehindBalancer(mesh, orders);
    snippets.addSecureGateway(mesh)?.connectTo(orders);
    snippets.addLimitedGateway(mesh, orders);
    snippets.addIngress(mesh, orders, clock);
    snippets.addPreview(mesh, orders);
    snippets.addIngressWithSds(mesh, orders);
    snippets.addDatabase(mesh, orders);
    snippets.addOldShop(mesh, orders);
    snippets.addPictures(mesh, orders);
    snippets.addEsm(mesh);
    snippets.addResize(mesh, orders);
    snippets.addMeshGateway(mesh);
  });
  expect(Object.keys(jobs)).toEqual(
    expect.arrayContaining(["gateway", "inner", "site", "ingress", "preview", "egress", "mesh-gateway"]) as unknown,
  );
});

/** What the TypeScript blocks of a page export, in their order. */
function exportsOf(page: string): Record<string, Snippet> {
  const exported = {};
  for (const code of blocksOf(page, "ts")) {
    const { outputText } = ts.transpileModule(code, { compilerOptions: { module: ts.ModuleKind.CommonJS } });
    const load = (name: string): unknown => jest.requireActual(name);
    const run = runInThisContext(`(require, exports) => { ${outputText} }`) as (
      load: unknown,
      exported: object,
    ) => void;
    run(load, exported);
  }
  return exported;
}

/** Type-checks files that exist only in memory, with the project's own settings. What they import is checked elsewhere. */
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
  const sources = program.getSourceFiles().filter(({ fileName }) => files.has(fileName));
  return [program.getOptionsDiagnostics(), ...sources.map((source) => ts.getPreEmitDiagnostics(program, source))]
    .flat()
    .map(({ file, messageText }) => `${file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`);
}
