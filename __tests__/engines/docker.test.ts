import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabFiles } from "../../lab/core/lab-files";
import { ownFolders } from "../../lab/hosts/docker/builder";
import { eventually } from "../support/eventually";
import { writeImageFolder } from "../support/image-folder";
import { CLI, run, TestLab } from "../support/lab";
import { newTraces, traces } from "../support/machine";
import { blocksOf } from "../support/page";

const MINUTE = 60_000;
jest.setTimeout(3 * MINUTE);

const root = join(__dirname, "..", "..");
/** A project of its own, below this one so that it finds the same packages. */
const project = join(root, ".meshform", `docker-${process.pid}`);
const name = `docker-${process.pid}`;
const lab = new TestLab(name, join(project, "app.ts"), project);
/** The app reads it, so it is the image's and not the job's. */
const program = join(project, "dashboard.mjs");
let before: Record<string, string[]>;

const images = {
  "hashicorpdev/counter-api:v3": "counter-api.mjs",
  "hashicorpdev/counter-dashboard:v3": "dashboard.mjs",
  "test/sleeper:1": "sleeper",
};

/** README's ten lines, and by MESHFORM_TEST_VARIANT a job with one more image. */
function writeApp(): void {
  const [code] = blocksOf("README.md", "ts");
  const image = (it: string, more = "") => `tasks: { task: Workload.docker({ image: "${it}"${more} }) }`;
  const program = (command: string) => `tasks: { task: Workload.exec({ driver: "raw_exec", command: "${command}" }) }`;
  const groups = {
    sleeper: image("test/sleeper:1"),
    saved: image("test/saved:1"),
    lost: image("test/lost:1"),
    owned: `tasks: {
      task: Workload.docker({ image: "test/owned:1" }),
      built: Workload.docker({ image: "test/sleeper:1" }),
    }`,
    misspelled: image("hashicorpdev/counter-api:v3", ', entrypoint: ["/bin/no-such-program"]'),
    gone: program("local/no-such-program"),
    homeless: `${program("/bin/true")}, constraints: [Constraint.equals("\${attr.kernel.name}", "plan9")]`,
  };
  const jobs = Object.entries(groups).map(
    ([it, options]) => `  if (process.env.MESHFORM_TEST_VARIANT === "${it}") {
    mesh.addJob("${it}").addGroup("group", { ${options} });
  }\n`,
  );
  const whole = code
    .replace("{ HealthCheck", "{ Constraint, HealthCheck")
    .replace(/\}\);\s*$/, `${jobs.join("")}});\n`);
  writeFileSync(join(project, "app.ts"), whole);
}

/** What the app says of its images. */
function writeContext(images: Readonly<Record<string, string>>): void {
  const { context } = JSON.parse(readFileSync(join(root, "cdktf.json"), "utf8")) as { context: object };
  writeFileSync(join(project, "cdktf.json"), JSON.stringify({ context: { ...context, images } }));
}

beforeAll(async () => {
  before = await traces([name]);
  mkdirSync(project, { recursive: true });
  for (const file of ["counter-api.mjs", "counter-dashboard.mjs"]) {
    copyFileSync(join(root, "examples", "count-dashboard", file), join(project, file.replace("counter-d", "d")));
  }
  writeImageFolder(join(project, "sleeper"), "/bin/sleep", ["1000000"]);
  writeContext(images);
  writeApp();
  await lab.mustUp("readme");
  url = lab.url("count-dashboard");
}, 10 * MINUTE);

afterAll(async () => {
  await lab.down();
  rmSync(project, { recursive: true, force: true });
}, MINUTE);

/** The images of the containers that run, on all hosts. */
async function containers(): Promise<string[]> {
  const hosts = await Promise.all(
    ["client-1", "client-2"].map((host) => lab.onHost(host, "docker", "ps", "--format", "{{.Image}}")),
  );
  return hosts.flatMap(({ output }) => output.split("\n").filter((line) => line !== "")).sort();
}

let url: string;

const ask = async (path = "/api") => {
  const headers = path === "/" ? { Accept: "text/html" } : undefined;
  const response = await fetch(`${url}${path}`, { headers, signal: AbortSignal.timeout(5_000) });
  return { status: response.status, text: await response.text() };
};

test("README's ten lines count through Nomad's own sidecars, all of them containers", async () => {
  const { status, text } = await ask();
  expect({ status, answer: JSON.parse(text) as object }).toMatchObject({
    status: 200,
    answer: { mesh: "reachable", count: expect.any(Number) as number },
  });
  expect(await containers()).toEqual([
    ...["envoyproxy/envoy:v1.38.3", "envoyproxy/envoy:v1.38.3"],
    ...["hashicorpdev/counter-api:v3", "hashicorpdev/counter-dashboard:v3"],
    ...["meshform/pause:1", "meshform/pause:1"],
  ]);
  expect(await lab.meshform(["status"])).toExit(0);
});

test("a second up changes nothing; one after an edit of the program alone has the new one run", async () => {
  expect((await lab.up("readme")).output).toContain("Nothing changed");
  const text = readFileSync(program, "utf8");
  writeFileSync(program, text.replace("<title>", "<title>Edited: "));
  const { code, output } = await lab.up("readme");
  expect({ code, output }).toMatchObject({
    code: 0,
    output: expect.stringContaining("Prepare the images: hashicorpdev/counter-dashboard:v3") as string,
  });
  await eventually(async () => expect((await ask("/")).text).toContain("<title>Edited: "));
});

test("images come from a folder with a Dockerfile, and from an archive", async () => {
  expect(await lab.up("sleeper")).toExit(0);
  expect(await containers()).toContain("test/sleeper:1");
  const saved = await Promise.all(
    ["client-1", "client-2"].map((host) =>
      lab.onHost(host, "docker", "save", "--output", "/run/meshform/host/saved.tar", "test/sleeper:1"),
    ),
  );
  expect(saved).toEqual([expect.objectContaining({ code: 0 }), expect.objectContaining({ code: 0 })]);
  copyFileSync(join(new LabFiles(name).host("client-1"), "saved.tar"), join(project, "saved.tar"));
  writeContext({ ...images, "test/saved:1": "saved.tar" });
  expect(await lab.up("saved")).toExit(0);
  expect(await containers()).toContain("test/saved:1");
});

test("an image that is nowhere fails before anything changes, and names the construct, the image and the fix", async () => {
  const started = Date.now();
  const { code, output } = await lab.up("lost");
  expect(Date.now() - started).toBeLessThan(MINUTE);
  expect({ code, output }).toEqual({
    code: 1,
    output: expect.stringMatching(
      /mesh\/mesh\/lost: the image test\/lost:1 is not .*"images": \{ "test\/lost:1": /,
    ) as string,
  });
  expect(output).not.toContain("Boot the hosts");
  expect((await ask()).status).toBe(200);
});

test.each([
  ["misspelled", /^The task task of misspelled cannot run on client-\d: .*no-such-program.*no such file or directory/m],
  ["gone", /^The task task of gone cannot run on client-\d: .*no-such-program/m],
  ["homeless", /^homeless: group group cannot be placed on 2 nodes: \$\{attr\.kernel\.name\} = plan9/m],
])("what cannot run ends up within seconds, the reason first: %s", async (variant, reason) => {
  const started = Date.now();
  const { code, output } = await lab.up(variant);
  expect(Date.now() - started).toBeLessThan(MINUTE);
  expect({ code, output }).toMatchObject({ code: 1, output: expect.stringMatching(reason) as string });
});

test("the example of one's own programs runs Node, Python and a Go binary by exec, by raw_exec and as a container", async () => {
  const folder = join(root, "examples", "own-program");
  await run("go", ["build", "-C", join(folder, "stock"), "-o", "../build/stock", "."], { timeoutMs: 2 * MINUTE });
  const own = new TestLab(name, join(folder, "main.ts"), folder);
  expect(await own.up("")).toExit(0);
  const response = await fetch(own.url("shop"), { signal: AbortSignal.timeout(5_000) });
  expect(await response.json()).toEqual({ orders: [{ id: 1, item: "wheel" }], stock: { wheel: 4 } });
  expect(await containers()).toContain("own/stock:1");
});

describe("with a Docker daemon of the machine's own", () => {
  const folder = join(project, "machine");
  const socket = join(folder, "docker.sock");
  let daemon: ChildProcess;
  const docker = (...args: string[]) => run("docker", ["--host", `unix://${socket}`, ...args]);
  const imagesThere = async () => (await docker("images", "--all", "--format", "{{.Repository}}:{{.Tag}}")).output;

  beforeAll(async () => {
    mkdirSync(folder, { recursive: true });
    const options = [
      ...["--host", `unix://${socket}`, "--data-root", join(folder, "data"), "--exec-root", join(folder, "run")],
      ...["--pidfile", join(folder, "pid"), "--bridge=none", "--iptables=false", "--ip-forward=false"],
      ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `/meshform.${name}.machine`],
    ];
    daemon = spawn(
      "unshare",
      [
        ...["--mount", "--pid", "--mount-proc", "--fork", "--kill-child=SIGKILL"],
        ...[
          "sh",
          "-c",
          `${ownFolders(folder)}
          [ ! -d /run/containerd ] || mount -t tmpfs t /run/containerd; exec dockerd "$@"`,
          "sh",
          ...options,
        ],
      ],
      { stdio: "ignore" },
    );
    await eventually(async () => expect(await docker("version")).toExit(0));
    const archive = join(project, "root.tar");
    await run("tar", ["--create", "--file", archive, "--directory", join(project, "sleeper", "root"), "."]);
    const change = 'ENTRYPOINT ["/bin/sleep", "1000000"]';
    expect(await docker("import", "--change", change, archive, "test/owned:1")).toExit(0);
    process.env.DOCKER_HOST = `unix://${socket}`;
  }, MINUTE);

  afterAll(async () => {
    delete process.env.DOCKER_HOST;
    daemon.kill("SIGKILL");
    await once(daemon, "exit");
  });

  test("images come from it, and are built by it, which leaves it as it was once the lab is down", async () => {
    expect(await lab.up("owned")).toExit(0);
    expect(await containers()).toEqual(expect.arrayContaining(["test/owned:1", "test/sleeper:1"]));
    expect(await imagesThere()).toContain("<none>");
    expect(await lab.down()).toExit(0);
    expect(await imagesThere()).toBe("test/owned:1\n");
  });
});

test("an up that is interrupted while it loads images ends at once, and leaves what down removes", async () => {
  const args = [CLI, "up", "--name", name, "--app", join(project, "app.ts")];
  const up = spawn(process.execPath, args, { cwd: project, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [up.stdout, up.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = once(up, "close") as Promise<[number]>;
  // eslint-disable-next-line @typescript-eslint/require-await
  await eventually(async () => {
    expect(output).toContain("Load the images");
  }, MINUTE);
  up.kill("SIGINT");
  const [code] = await ended;
  expect({ code, output }).toEqual({ code: 130, output: expect.stringMatching(/\nStopped\.\n$/) as string });
});

test("down leaves nothing of Docker on the machine", async () => {
  expect(await lab.down()).toExit(0);
  await eventually(async () => expect(await newTraces(before, [name])).toEqual([]));
});
