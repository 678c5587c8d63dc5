import { link, rename, rm, writeFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { type Command } from "commander";
import { importApp, type ImportedApp, type JobFile } from "../import/app";
import { ImportProblem } from "../import/problem";
import { readCluster } from "../import/read-cluster";
import { readJobFiles } from "../import/read-job-files";
import { counted } from "../lab/core/counted";
import { LabError } from "../lab/core/errors";
import { invocation } from "../lab/core/invocation";
import { clustersOf } from "./cluster-options";
import { interruptible } from "./interruptible";
import { jsonOption, print } from "./json";

interface Options {
  readonly out: string;
  readonly force?: boolean;
  readonly var: readonly string[];
  readonly varFile: readonly string[];
  readonly fromCluster?: boolean;
  readonly json?: boolean;
  readonly name?: string;
  readonly namespace: readonly string[];
}

/** `meshform import`: an app made from Nomad job files, or from a running cluster. Deploys nothing. */
export function registerImport(program: Command): void {
  const more = (value: string, earlier: readonly string[]) => [...earlier, value];
  program
    .command("import")
    .description("create an app from Nomad job files or from a running cluster, and list what they do not tell")
    .argument("[files or jobs...]", "the job files, such as jobs/*.nomad.hcl; of a cluster: ids of jobs (default: all)")
    .option("--from-cluster", "read the jobs and config entries of the cluster of CONSUL_HTTP_ADDR and NOMAD_ADDR")
    .option("--name <lab>", "with --from-cluster: read a lab instead of the cluster of the environment")
    .option("--namespace <name>", "with --from-cluster: read only this namespace of Nomad; can be repeated", more, [])
    .option("--out <file>", "the file to write", "imported.ts")
    .option("--force", "replace the file if it exists")
    .option("--var <name=value>", "value of a variable of the job files; can be repeated", more, [])
    .option("--var-file <file>", "file with values of variables; can be repeated", more, [])
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nNomad's own program reads the files; no cluster is needed. The app renders the same jobs. From a cluster, the app also" +
        "\nhas its config entries, and blocks with which Terraform imports them. Nothing is changed there.",
    )
    .action((given: string[], options: Options) =>
      interruptible(async (signal) => {
        const { out, force = false, json } = options;
        const { app, remarks } = await (options.fromCluster === true ? ofCluster : ofFiles)(given, options, signal);
        const { source, ...counts } = app;
        await write(out, source, force);
        print({ file: resolve(out), ...counts, remarks }, json, () =>
          render(out, app, remarks, options.fromCluster === true),
        );
      }),
    );
}

interface Imported {
  readonly app: ImportedApp;
  readonly remarks: readonly string[];
}

async function ofFiles(files: readonly string[], options: Options, signal: AbortSignal): Promise<Imported> {
  const { var: values, varFile } = options;
  if (files.length === 0) {
    throw new LabError("No job file is given.", "Name files, such as jobs/*.nomad.hcl, or use --from-cluster.");
  }
  if (options.namespace.length > 0 || options.name !== undefined) {
    throw new LabError("--namespace and --name are about a cluster.", "Use them with --from-cluster.");
  }
  return { app: appOf(await readJobFiles(files, { values, files: varFile }, signal)), remarks: [] };
}

async function ofCluster(jobs: readonly string[], options: Options, signal: AbortSignal): Promise<Imported> {
  const { name, namespace: namespaces } = options;
  if (options.var.length + options.varFile.length > 0) {
    throw new LabError(
      "--var and --var-file are about job files.",
      "Omit them: the jobs of a cluster have their values.",
    );
  }
  const clusters = clustersOf(name === undefined ? { name: "", environment: true } : { name });
  if (clusters.length > 1) {
    throw new LabError(
      `The lab ${name} has ${clusters.length} datacenters, and an import is of one.`,
      `Choose one with eval "$(${invocation("env")} --name ${name} --datacenter <name>)", and omit --name.`,
    );
  }
  const { remarks, ...content } = await readCluster(clusters[0], { jobs, namespaces }, signal);
  return { app: appOf(content.jobs, content), remarks };
}

function appOf(files: readonly JobFile[], cluster?: Parameters<typeof importApp>[1]): ImportedApp {
  try {
    return importApp(files, cluster);
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

function render(file: string, app: ImportedApp, remarks: readonly string[], isOfCluster: boolean): string {
  const { unknowns, jobs, entries, services, connections } = app;
  const shown = relative(process.cwd(), resolve(file));
  const counts = [
    counted(jobs, "job"),
    ...(isOfCluster ? [`${entries} config ${entries === 1 ? "entry" : "entries"}`] : []),
    counted(services, "service"),
    counted(connections, "connection"),
  ];
  return [
    `Wrote ${shown}: ${counts.join(", ")}.`,
    "",
    `${isOfCluster ? "What to know of it" : "What the job files do not tell"}, as the comment at the top of the file lists too:`,
    ...unknowns.map((sentence) => `  - ${sentence}`),
    ...remarks.map((sentence) => `  - ${upperFirst(sentence)}`),
  ].join("\n");
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
