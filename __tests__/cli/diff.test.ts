import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(__dirname, "..", "..");

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(240_000);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "meshform-diff-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function run(program: string, ...args: readonly string[]) {
  // Git's own settings of this machine, signatures for example, are none of a test's business.
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", TMPDIR: join(folder, "tmp") };
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: "utf8", timeout: 120_000, env });
  return { status, stdout, stderr };
}

function diff(...args: readonly string[]) {
  return run(process.execPath, join(root, "cli", "meshform.mjs"), "diff", ...args);
}

function writeApp(statement: string): void {
  writeFileSync(
    join(folder, "main.ts"),
    `
import { App, TerraformStack } from "${root}/node_modules/cdktf";
import { MeshService, ServiceMesh, Workload } from "${root}/constructs";
import { ConsulProvider } from "${root}/node_modules/@cdktf/provider-consul/lib/provider";
import { NomadProvider } from "${root}/node_modules/@cdktf/provider-nomad/lib/provider";
const app = new App();
const stack = new TerraformStack(app, "shop");
new ConsulProvider(stack, "consul", {});
new NomadProvider(stack, "nomad", {});
const mesh = new ServiceMesh(stack, "mesh");
const workload = Workload.docker({ image: "example/app:1" });
const api = mesh.addService("api", { port: 80, workload });
const web = mesh.addService("web", { port: 80, workload });
for (const service of [api, web]) service.allowFrom(MeshService.fromServiceName(service, "monitoring", "monitoring"));
${statement}
app.synth();
`,
  );
}

test("compares with a revision of the repository, or with an earlier synthesis, and leaves nothing behind", () => {
  run("mkdir", "tmp");
  writeApp("");
  writeFileSync(join(folder, ".gitignore"), "tmp\ncdktf.out\n");
  const author = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"];
  expect(run("git", "init", "--quiet")).toMatchObject({ status: 0 });
  run("git", "add", ".");
  expect(run("git", ...author, "commit", "--quiet", "--message", "first")).toMatchObject({ status: 0 });

  writeApp("web.connectTo(api);");
  const { status, stdout } = diff("--base", "HEAD", "--exit-code");
  expect(stdout).toContain("Can reach more:\n  web → api: every request; before: nothing\n");
  expect(status).toBe(1);
  expect(run("git", "status", "--porcelain").stdout).toBe(" M main.ts\n");
  expect(readdirSync(join(folder, "tmp")).filter((name) => name.startsWith("meshform"))).toEqual([]);

  expect(run(process.execPath, "--import", pathToFileURL(require.resolve("tsx")).href, "main.ts")).toMatchObject({
    status: 0,
  });
  expect(diff("--base", "cdktf.out", "--exit-code")).toMatchObject({ status: 0, stdout: "Nothing changes.\n" });
  const json = JSON.parse(diff("--base", "HEAD", "--format", "json").stdout) as { access: unknown };
  expect(json.access).toMatchObject([{ source: "web", destination: "api", isWider: true }]);
});

test("a base that is neither is an error", () => {
  expect(diff("--base", "nowhere")).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(
      /^nowhere is neither a revision of this repository nor a directory\.\nSet --base /,
    ) as string,
  });
});
