import { link, rename, rm, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { type Command } from "commander";
import { importApp, type ImportedApp, type JobFile } from "../import/app";
import { ImportProblem } from "../import/problem";
import { readJobFiles } from "../import/read-job-files";
import { counted } from "../lab/core/counted";
import { LabError } from "../lab/core/errors";
import { interruptible } from "./interruptible";

interface Options {
  readonly out: string;
  readonly force?: boolean;
  readonly var: readonly string[];
  readonly varFile: readonly string[];
}

/** `meshform import`: an app made from Nomad job files. Deploys nothing. */
export function registerImport(program: Command): void {
  const more = (value: string, earlier: readonly string[]) => [...earlier, value];
  program
    .command("import")
    .description("create an app from Nomad job files, and list what the files do not tell")
    .argument("<files...>", "the job files, such as jobs/*.nomad.hcl")
    .option("--out <file>", "the file to write", "imported.ts")
    .option("--force", "replace the file if it exists")
    .option("--var <name=value>", "value of a variable of the job files; can be repeated", more, [])
    .option("--var-file <file>", "file with values of variables; can be repeated", more, [])
    .addHelpText("after", "\nNomad's own program reads the files; no cluster is needed. The app renders the same jobs.")
    .action((files: string[], { out, force = false, var: values, varFile }: Options) =>
      interruptible(async (signal) => {
        const app = appOf(await readJobFiles(files, { values, files: varFile }, signal));
        await write(out, app.source, force);
        console.log(render(out, app));
      }),
    );
}

function appOf(files: readonly JobFile[]): ImportedApp {
  try {
    return importApp(files);
  } catch (error) {
    if (!(error instanceof ImportProblem)) throw error;
    throw new LabError(error.message, error.fix);
  }
}

/** Writes the whole file or nothing. */
async function write(file: string, text: string, force: boolean): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  try {
    await writeFile(partial, text, { flag: "wx" });
    if (force) await rename(partial, file);
    else await link(partial, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new LabError(`${file} exists.`, "Name another file with --out, or use --force.");
    throw new LabError(
      `${file} cannot be written (${code ?? String(error)}).`,
      `Make sure that ${dirname(file)} is a directory that you can write to.`,
    );
  } finally {
    await rm(partial, { force: true });
  }
}

function render(file: string, { unknowns, jobs, services, connections }: ImportedApp): string {
  const shown = relative(process.cwd(), resolve(file));
  const counts = [counted(jobs, "job"), counted(services, "service"), counted(connections, "connection")];
  return [
    `Wrote ${shown}: ${counts.join(", ")}.`,
    "",
    "What the job files do not tell, as the comment at the top of the file lists too:",
    ...unknowns.map((sentence) => `  - ${sentence}`),
  ].join("\n");
}
