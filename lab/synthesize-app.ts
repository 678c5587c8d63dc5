import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readReport, sentenceOf, sentenceOfSilence, type Report } from "../constructs/checks/report";
import type { Profile } from "../constructs/linux/profile";
import { LabError } from "./errors";

/** The longest that an app may take, in milliseconds. */
const limitMs = 120_000;

/**
 * Runs an app as `cdktf synth` does, from the working directory and with the context of the cdktf.json there. Of the
 * settings the lab has two its own way: `runtime` is `exec`, since it runs programs of the machine and not containers, and
 * `secure` is what the lab is.
 *
 * @param app file with the app, TypeScript or JavaScript
 * @param folder where the stacks go; what is there is replaced
 * @param profile what the lab is; `own` leaves the app its own settings
 * @returns what the app printed, and what its checks warn of
 * @throws LabError with the app's own words if it fails
 */
export async function synthesizeApp(
  app: string,
  folder: string,
  signal?: AbortSignal,
  profile: Profile | "own" = "plain",
): Promise<string> {
  const file = resolve(app);
  if (!existsSync(file)) throw new LabError(`There is no app ${file}.`, "Name the app's file with --app.");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const output = await run(file, folder, profile, signal);
  if (!existsSync(join(folder, "manifest.json"))) {
    throw new LabError(
      `${file} ended well but synthesized nothing.`,
      "Let it call `synthesize`, or `app.synth()`, with no outdir of its own.",
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

async function run(file: string, folder: string, profile: Profile | "own", signal?: AbortSignal): Promise<string> {
  const settings = profile === "own" ? undefined : { runtime: "exec", secure: profile === "secure" };
  const limit = AbortSignal.timeout(limitMs);
  const child = spawn(process.execPath, ["--import", pathToFileURL(require.resolve("tsx")).href, file], {
    env: {
      ...process.env,
      // The environment would overrule the context.
      ...(settings && { MESHFORM_RUNTIME: settings.runtime, MESHFORM_SECURE: String(settings.secure) }),
      CDKTF_OUTDIR: folder,
      CDKTF_CONTEXT_JSON: JSON.stringify({ ...contextOf(process.cwd()), ...settings }),
    },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.any(signal ? [signal, limit] : [limit]),
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const [code] = (await once(child, "close").catch((error: unknown) => {
    signal?.throwIfAborted();
    throw limit.aborted
      ? new LabError(`${file} did not end within ${limitMs / 1000} s.`, "Make the app end by itself.")
      : error;
  })) as [number | null];
  if (code === 0) return output.trim();
  throw new LabError(
    output.trim() || `${file} ended with code ${code ?? "none"} and said nothing.`,
    "Nothing was deployed. Correct the app, then try again.",
  );
}

function contextOf(folder: string): object {
  const file = join(folder, "cdktf.json");
  if (!existsSync(file)) return {};
  return (JSON.parse(readFileSync(file, "utf8")) as { context?: object }).context ?? {};
}
