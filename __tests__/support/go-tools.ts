import { execFile } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { engineCache, fillOnce } from "../../lab/machine/engines/cache";
import { TOOLS_FOLDER } from "../../lab/machine/engines/catalogue";
import { runTool } from "../../lab/machine/run-tool";

/** A program in Go that tests use: the module that `tools/<name>/go.mod` names as its tool. */
export interface GoTool {
  /** Its name, and the folder in `tools` and in the cache of the engines. */
  readonly name: string;
  readonly version: string;
  /** Build tags, separated by commas. @default none */
  readonly tags?: string;
}

/** Builds a program into the cache of the engines where it is missing, and returns its path. */
export async function ensureGoTool({ name, version, tags = "" }: GoTool): Promise<string> {
  const folder = join(engineCache(), name, version);
  const program = join(folder, name);
  const isFilled = () =>
    promisify(execFile)(program, ["--version"]).then(
      ({ stdout }) => stdout.includes(version),
      () => false,
    );
  if (await isFilled()) return program;
  const what = `The build of ${name} ${version}`;
  const timeoutMs = 60 * 60_000;
  await fillOnce(folder, {
    ...{ what, timeoutMs, isFilled },
    fill: async (partial) => {
      const scratch = join(partial, ".tmp");
      await mkdir(scratch);
      const options = ["-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-tags", tags, "-o", `${partial}/`];
      await runTool(["go", "build", ...options, "tool"], {
        ...{ what, timeoutMs, cwd: join(TOOLS_FOLDER, name) },
        fix: "Make sure that Go can reach its module proxy (see `go env GOPROXY`) and try again.",
        env: { CGO_ENABLED: "0", GOWORK: "off", TMPDIR: scratch },
      });
      await rm(scratch, { recursive: true });
    },
  });
  return program;
}
