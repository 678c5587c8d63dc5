import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { readReport, sentenceOf, sentenceOfSilence, type Report } from "../../constructs/checks/report";
import type { Profile } from "../../constructs/linux/profile";
import { appErrorOf } from "./app-error";
import { contextOfProject, type AppSource } from "./app-source";
import { LabError } from "../core/errors";
import { IS_CLONE } from "../core/invocation";
import type { Topology } from "../hosts/topology";
import { labMarker } from "../machine/processes";
import { signalGroup } from "../machine/run-tool";

/** What runs the services of an app: programs of the hosts, or containers. */
export type Runtime = "exec" | "docker";

/** The longest that an app may take, in milliseconds. */
const limitMs = 120_000;

/** How an app is synthesized. */
export interface SynthesisOptions extends LabOptions {
  /** The lab that ends the app if this process is killed before it can. @default none */
  readonly lab?: string;
  /** Ends the app. @default never */
  readonly signal?: AbortSignal;
}

/** What the lab is for which an app is synthesized. */
export interface LabOptions {
  /** `own` leaves the app its own settings. @default "plain" */
  readonly profile?: Profile | "own";
  /** @default "exec" */
  readonly runtime?: Runtime;
  /** In a WAN federation, the primary datacenter, and the one that the app is for. @default none */
  readonly federation?: Federation;
}

/** What an app is synthesized for in a lab. */
export function settingsOf({ profile, runtime, datacenters }: Topology): LabOptions {
  const [{ primary }] = datacenters;
  return { profile, runtime, ...(primary && { federation: { consulPrimaryDatacenter: primary.name } }) };
}

/**
 * Runs an app as `cdktf synth` does, from its folder and with the context of the cdktf.json there. Of the
 * settings the lab sets `runtime`, as it is asked to, `secure`, which is what the lab is, and in a WAN federation
 * `consulPrimaryDatacenter`.
 *
 * @param folder where the stacks go; what is there is replaced
 * @returns what the app printed, and what its checks warn of
 * @throws LabError with the app's own words if it fails
 */
export async function synthesizeApp(
  app: AppSource,
  folder: string,
  { lab, signal, profile = "plain", runtime = "exec", federation = {} }: SynthesisOptions = {},
): Promise<string> {
  const settings = profile === "own" ? undefined : { runtime, secure: profile === "secure", ...federation };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const output = await run(app, folder, settings, { lab, signal });
  if (!existsSync(join(folder, "manifest.json"))) {
    throw new LabError(
      `${app.name} exited without an error but synthesized nothing.`,
      "Call `synthesize`, or `app.synth()`, without an outdir.",
    );
  }
  return [output, ...remarksOf(readReport(folder))].filter((text) => text !== "").join("\n");
}

/** What `cdktf synth` prints of warnings and silences. */
function remarksOf({ findings, silences }: Pick<Report, "findings" | "silences"> = { findings: [], silences: [] }) {
  return [
    ...findings.filter(({ level }) => level === "warning").map((finding) => `Warning: ${sentenceOf(finding)}`),
    ...silences.map(sentenceOfSilence),
  ];
}

function variablesOf(settings: LabSettings): Record<string, string> {
  const { runtime, secure, consulDatacenter, consulPrimaryDatacenter } = settings;
  return {
    ...{ MESHFORM_RUNTIME: runtime, MESHFORM_SECURE: String(secure) },
    ...(consulDatacenter && { MESHFORM_CONSUL_DATACENTER: consulDatacenter }),
    ...(consulPrimaryDatacenter && { MESHFORM_CONSUL_PRIMARY_DATACENTER: consulPrimaryDatacenter }),
  };
}

interface Federation {
  readonly consulDatacenter?: string;
  readonly consulPrimaryDatacenter?: string;
}

interface LabSettings extends Federation {
  readonly runtime: Runtime;
  readonly secure: boolean;
}

async function run(
  { name, folder: cwd, program, args }: AppSource,
  folder: string,
  settings: LabSettings | undefined,
  { lab, signal }: Pick<SynthesisOptions, "lab" | "signal">,
): Promise<string> {
  signal?.throwIfAborted();
  const limit = AbortSignal.timeout(limitMs);
  const child = spawn(program, args ?? [], {
    cwd,
    shell: args === undefined,
    // A shell has children of its own: all of them are ended together.
    detached: true,
    env: {
      ...process.env,
      // The environment would overrule the context.
      ...(settings && variablesOf(settings)),
      // In a clone the package's name leads to the sources, from whatever folder the app is run.
      ...(IS_CLONE && { TSX_TSCONFIG_PATH: join(__dirname, "..", "..", "tsconfig.json") }),
      ...(lab !== undefined && { [labMarker]: lab }),
      CDKTF_OUTDIR: folder,
      CDKTF_CONTEXT_JSON: JSON.stringify({ ...contextOfProject(cwd), ...settings }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stop = AbortSignal.any(signal ? [signal, limit] : [limit]);
  const end = () => {
    signalGroup(child.pid, "SIGKILL");
  };
  stop.addEventListener("abort", end);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const [code] = (await once(child, "close").finally(() => stop.removeEventListener("abort", end))) as [number | null];
  signal?.throwIfAborted();
  if (limit.aborted) {
    throw new LabError(`${name} did not finish within ${limitMs / 1000} s.`, "Make sure that the app exits.");
  }
  if (code === 0) return output.trim();
  throw new LabError(
    appErrorOf(output, cwd) || `${name} exited with code ${code ?? "none"} and printed nothing.`,
    "Nothing was deployed. Correct the app, then try again.",
  );
}
