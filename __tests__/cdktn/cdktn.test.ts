import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigEntry } from "@cdktf/provider-consul/lib/config-entry";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { TerraformResource } from "cdktf";
import { MOVED, PINS, ROOT } from "./project";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

const { dependencies, peerDependencies, devDependencies } = readJson(join(ROOT, "package.json")) as Manifest;
const CDKTF = devDependencies.cdktf;
const CDKTN = "0.24.0";

/** Each starts Node.js, or the compiler, on the whole app. */
const PROCESS_MS = 3 * 60_000;

test("the move to cdktn is one line of package.json", () => {
  expect(readJson(PINS[0])).toMatchObject({
    dependencies: {
      ...dependencies,
      ...Object.fromEntries(Object.keys(peerDependencies).map((peer) => [peer, devDependencies[peer]])),
      cdktf: `npm:cdktn@${CDKTN}`,
    },
    overrides: { cdktf: "$cdktf" },
  });
});

test("the lock file names no registry, so that any mirror serves", () => {
  expect(readFileSync(PINS[1], "utf8")).not.toContain('"resolved"');
});

test("what runs here is cdktn, and the provider bindings are built on it", () => {
  expect(TerraformResource).toHaveProperty([Symbol.for("jsii.rtti")], {
    fqn: "cdktn.TerraformResource",
    version: CDKTN,
  });
  expect(ConfigEntry.prototype).toBeInstanceOf(TerraformResource);
  expect(Job.prototype).toBeInstanceOf(TerraformResource);
});

const onAws = { MESHFORM_AWS_REGION: "eu-central-1" };

test.each([
  [{ MESHFORM_RUNTIME: "docker" }, ["mesh"]],
  [{ MESHFORM_RUNTIME: "exec" }, ["mesh"]],
  [onAws, ["access", "aws-cluster", "aws-network", "mesh"]],
  [{ ...onAws, MESHFORM_AWS_PRESET: "production" }, ["access", "aws-cluster", "aws-network", "mesh"]],
  [
    { ...onAws, MESHFORM_AWS_PEER_REGION: "eu-west-1" },
    [
      ...["access-2", "access", "aws-cluster-2", "aws-cluster", "aws-connection", "aws-network-2", "aws-network"],
      ...["mesh-2", "mesh"],
    ],
  ],
])(
  "the app becomes the same JSON as with cdktf, apart from the version (%j)",
  (settings, stacks) => {
    const withCdktf = synthesize(ROOT, settings, CDKTF);
    expect([...withCdktf.keys()]).toEqual([
      "manifest.json",
      "meshform/checks.json",
      ...stacks.map((stack) => `stacks/${stack}/cdk.tf.json`),
    ]);
    expect(synthesize(MOVED, settings, CDKTN)).toEqual(withCdktf);
    expect(mostMemory).toBeLessThan(300);
  },
  PROCESS_MS,
);

test(
  "the project's types hold",
  () => {
    execFileSync(process.execPath, [require.resolve("typescript/bin/tsc"), "--project", MOVED], {
      stdio: "inherit",
      timeout: PROCESS_MS,
    });
  },
  PROCESS_MS,
);

/** The most memory that one of the runs has used, in MiB. */
let mostMemory = 0;

const SAY_MEMORY = `data:text/javascript,${encodeURIComponent(
  'process.on("exit", () => console.log("memory", process.resourceUsage().maxRSS))',
)}`;

/** Runs a project's main.ts, and returns the JSON that it wrote, by file, with `…` for the version that it must bear. */
function synthesize(
  project: string,
  settings: Readonly<Record<string, string>>,
  version: string,
): ReadonlyMap<string, unknown> {
  const outdir = mkdtempSync(join(tmpdir(), "cdktn-"));
  try {
    const said = execFileSync(process.execPath, ["--import", "tsx", "--import", SAY_MEMORY, join(project, "main.ts")], {
      encoding: "utf8",
      // One working folder for both: the path of the local state is in the output.
      cwd: ROOT,
      timeout: PROCESS_MS,
      env: {
        ...process.env,
        CDKTF_OUTDIR: outdir,
        ...settings,
        // It is what the name of the package leads by.
        TSX_TSCONFIG_PATH: join(project, "tsconfig.json"),
      },
    });
    mostMemory = Math.max(mostMemory, Number(/memory (\d+)/.exec(said)?.[1]) / 1024);
    const files = readdirSync(outdir, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".json"));
    return new Map(files.sort().map((file) => [file, readJson(join(outdir, file), version)]));
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

function readJson(file: string, version?: string): unknown {
  // Remarks bear the stack trace of where they were made, which names files of the toolkit.
  return JSON.parse(readFileSync(file, "utf8"), (key, value: unknown) =>
    (key === "version" && value === version) || key === "stacktrace" ? "…" : value,
  );
}
