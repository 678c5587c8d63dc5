import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { synthesizeApp } from "../../lab/synthesize-app";

// It starts a process of its own, which takes its time on a loaded machine.
jest.setTimeout(60_000);

const root = join(__dirname, "..", "..");
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
  const output = await synthesizeApp(app, join(folder, "out"));
  expect(JSON.parse(output)).toEqual({ runtime: "exec", secure: false });
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
  expect((await synthesizeApp(app, join(folder, "out"))).split("\n")).toEqual([
    expect.stringMatching(/^Warning: mesh\/mesh\/api: Nothing may reach api: .* \(unreachable-service\)$/),
    "mesh/mesh/batch: unreachable-service is silenced (1 finding): It only calls.",
  ]);
});
