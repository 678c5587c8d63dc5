import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findApp } from "../../../lab/app/app-source";
import { synthesizeApp } from "../../../lab/app/synthesize-app";
import { eventually } from "../../support/eventually";

// It starts a process of its own, which takes its time on a loaded machine.
jest.setTimeout(60_000);

const root = join(__dirname, "..", "..", "..");
let folder: string;
const saved = { ...process.env };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-synthesize-"));
});

afterEach(() => {
  process.env = { ...saved };
  rmSync(folder, { recursive: true });
});

test("an app meets the lab as it is, whatever settings the environment has for other clusters", async () => {
  const app = join(folder, "app.ts");
  writeFileSync(
    app,
    `import { synthesize } from "${root}/constructs";
     import { readSettings } from "${root}/stacks/settings";
     import { MeshStack } from "${root}/stacks/mesh-stack";
     synthesize((app) => {
       const settings = readSettings(app);
       new MeshStack(app, "mesh", settings);
       console.log(JSON.stringify(settings));
     });`,
  );
  Object.assign(process.env, { MESHFORM_SECURE: "1", MESHFORM_RUNTIME: "docker" });
  const output = await synthesizeApp(findApp(app), join(folder, "out"));
  expect(JSON.parse(output)).toEqual({ runtime: "exec", secure: false });
  process.env.MESHFORM_RUNTIME = "exec";
  const withContainers = await synthesizeApp(findApp(app), join(folder, "out"), {
    profile: "secure",
    runtime: "docker",
  });
  expect(JSON.parse(withContainers)).toEqual({ runtime: "docker", secure: true });
});

test("what the checks warn of is told, although the toolkit's own synthesis prints nothing of it", async () => {
  const app = join(folder, "app.ts");
  writeFileSync(
    app,
    `import { readSettings } from "${root}/stacks/settings";
     import { MeshStack } from "${root}/stacks/mesh-stack";
     import { silence, synthesize, Workload } from "${root}/constructs";
     synthesize((app) => {
       const { mesh } = new MeshStack(app, "mesh", readSettings(app));
       for (const name of ["api", "batch"]) {
         mesh.addService(name, { port: 9001, workload: Workload.exec({ command: "/bin/x" }) });
       }
       silence(mesh.node.findChild("batch"), "unreachable-service", "It only calls.");
     });`,
  );
  expect((await synthesizeApp(findApp(app), join(folder, "out"))).split("\n")).toEqual([
    expect.stringMatching(/^Warning: mesh\/mesh\/api: Nothing can reach api: .* \(unreachable-service\)$/),
    "mesh/mesh/batch: unreachable-service is silenced (1 finding): It only calls.",
  ]);
});

describe("the app that is meant without --app", () => {
  const here = process.cwd();
  beforeEach(() => process.chdir(folder));
  afterEach(() => process.chdir(here));

  test("is the command of cdktf.json, in a shell, with what cdktf gives it", async () => {
    const app = "echo from the shell; node app.cjs && true";
    writeFileSync(join(folder, "cdktf.json"), JSON.stringify({ app, context: { stage: "test" } }));
    writeFileSync(
      join(folder, "app.cjs"),
      `const { App, TerraformStack } = require("${root}/node_modules/cdktf");
       const app = new App();
       new TerraformStack(app, app.node.tryGetContext("stage"));
       app.synth();`,
    );
    expect(await synthesizeApp(findApp(), join(folder, "out"))).toBe("from the shell");
    expect(existsSync(join(folder, "out", "stacks", "test", "cdk.tf.json"))).toBe(true);
  });

  test("is main.ts where there is no cdktf.json, and an error where there is neither", () => {
    expect(findApp).toThrow(`Neither a cdktf.json with an app nor ${join(folder, "main.ts")} exists here.`);
    writeFileSync(join(folder, "main.ts"), "");
    expect(findApp().name).toBe("main.ts");
  });

  test("is named when cdktf.json cannot be read", () => {
    writeFileSync(join(folder, "cdktf.json"), "{ app }");
    expect(findApp).toThrow(/cdktf\.json is not JSON: /);
  });

  test.each([
    ["a syntax error", "const port = ;", /^main\.ts:2:26: Unexpected ";"$/],
    ["a module that is not there", 'import "./services";', /^main\.ts: Cannot find module '\.\/services'$/],
    [
      "an exception",
      "undefined.port;",
      /^main\.ts:2:24: TypeError: Cannot read properties of undefined \(reading 'port'\)$/,
    ],
    [
      "an exception while the app is built",
      "synthesize(() => { undefined.port; });",
      /^main\.ts:2:43: Cannot read .*\n\(MESHFORM_STACK_TRACES=1 /,
    ],
    [
      "what a construct refuses",
      'synthesize((app) => { new ServiceMesh(new TerraformStack(app, "s"), "mesh").addService("api", { port: 1 } as never); });',
      /^main\.ts:2:90: s\/mesh\/api: workload is not set/,
    ],
    [
      "what is printed before",
      'console.log("reads settings"); throw new Error("no settings");',
      /^reads settings\nmain\.ts:2:51: no settings$/,
    ],
  ])("that ends with %s is told by the line of the user's file, without a trace of loaders", async (_, line, said) => {
    const imports = `import { ServiceMesh, synthesize } from "${root}/constructs"; import { TerraformStack } from "${root}/node_modules/cdktf";`;
    writeFileSync(
      join(folder, "main.ts"),
      `${imports}\n             ${line}\nvoid [ServiceMesh, synthesize, TerraformStack];`,
    );
    const error = (await synthesizeApp(findApp(), join(folder, "out")).catch((error: unknown) => error)) as Error;
    expect(error.message.replace(/ Nothing was deployed.*/, "")).toMatch(said);
    expect(error.message).not.toMatch(/node:|node_modules|^\s+at /m);
  });

  test("leaves no process behind when it is stopped", async () => {
    const marker = `meshform-stopped-${process.pid}`;
    writeFileSync(join(folder, "cdktf.json"), JSON.stringify({ app: `bash -c 'exec -a ${marker} sleep 100'; true` }));
    const controller = new AbortController();
    const running = synthesizeApp(findApp(), join(folder, "out"), { signal: controller.signal });
    await eventually(async () => expect(await withMarker(marker)).not.toEqual([]));
    controller.abort();
    await expect(running).rejects.toThrow(/abort/i);
    await eventually(async () => expect(await withMarker(marker)).toEqual([]));
  });
});

/** The processes that bear a name. */
async function withMarker(marker: string): Promise<string[]> {
  return (await readdir("/proc")).filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith(marker);
    } catch {
      return false; // It has just ended.
    }
  });
}

describe("an app with ES modules that fails names the file of the user first", () => {
  const here = process.cwd();
  beforeEach(() => process.chdir(folder));
  afterEach(() => process.chdir(here));

  test.each([
    ["a syntax error", { "main.ts": "const x = ;" }, 'main.ts:1:10: Unexpected ";"'],
    ["a syntax error in an imported file", { "main.ts": 'import "./part";', "part.ts": "\nlet = {;" }, "part.ts:2:"],
    ["an exception", { "main.ts": 'import "./part";', "part.ts": '\nthrow new Error("boom");' }, "part.ts:2:7: boom"],
    ["a missing file", { "main.ts": 'import "./none";' }, "main.ts: Cannot find module 'none'"],
    ["a missing package", { "main.ts": 'import "no-such-package";' }, "main.ts: Cannot find package 'no-such-package'"],
    [
      "a rejected promise",
      { "main.ts": 'void (async () => {\n  await Promise.resolve();\n  throw new Error("late");\n})();' },
      "main.ts:3:9: late",
    ],
    [
      "JSON that cannot be read",
      { "main.ts": 'import data from "./data.json";\nconsole.log(data);', "data.json": '{ "a": 1, }' },
      "data.json:",
    ],
    ["a thrown text", { "main.ts": 'throw "only text";' }, "only text"],
  ])("%s", async (_, files, start) => {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const failure: unknown = await synthesizeApp(findApp(join(folder, "main.ts")), join(folder, "out")).catch(
      (error: unknown) => error,
    );
    const { problem } = failure as { readonly problem: string };
    expect(problem.slice(0, start.length)).toBe(start);
    expect(problem).not.toMatch(/node:internal|node_modules|TransformError|ERR_MODULE|--trace/);
  });
});
