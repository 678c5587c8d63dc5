import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { Option, type Command } from "commander";
import { Listr } from "listr2";
import { LabError } from "../lab/core/errors";
import { isInteractive, PROGRESS } from "../lab/core/progress";
import { runTool } from "../lab/machine/run-tool";
import { interruptible } from "./interruptible";

const LANGUAGES = ["typescript", "javascript"] as const;
type Language = (typeof LANGUAGES)[number];

interface Options {
  readonly language: Language;
  readonly install: boolean;
}

/** How long npm may take, in milliseconds. */
const installMs = 10 * 60_000;

/** What the files of a project are made from. */
const FILES = join(__dirname, "project");

/** What a project pins, in the versions that the package itself is tested with. */
const PINS: Readonly<Record<Language | "shared", readonly string[]>> = {
  shared: ["@cdktf/provider-consul", "@cdktf/provider-nomad", "cdktf", "constructs"],
  typescript: ["@types/jest", "@types/node", "jest", "ts-jest", "tsx", "typescript"],
  javascript: ["jest"],
};

/** The package itself has no use for it. */
const TS_JEST = "29.4.15";

/** `meshform init`: a project of one's own, which works at once. */
export function registerInit(program: Command): void {
  program
    .command("init")
    .description("create a project: an app with one service, its test, and a CI workflow")
    .argument("<folder>", "the directory of the project, which must be empty or new")
    .addOption(
      new Option("--language <language>", "the language of the project").choices(LANGUAGES).default("typescript"),
    )
    .option("--no-install", "skip `npm install`")
    .action((folder: string, { language, install }: Options) =>
      interruptible(async (signal) => {
        const path = resolve(folder);
        createProject(path, language);
        if (install) await installPackages(path, signal);
        const steps = [
          ...(path === process.cwd() ? [] : [`cd ${folder}`]),
          ...(install ? [] : ["npm install"]),
          "npm test",
          "npx meshform up",
        ];
        console.log([`Created ${path}. Next steps:`, ...steps.map((step) => `  ${step}`)].join("\n"));
      }),
    );
}

function createProject(folder: string, language: Language): void {
  if (existsSync(folder) && readdirSync(folder).length > 0) {
    throw new LabError(`${folder} is not empty.`, "Use a new or empty directory.");
  }
  mkdirSync(folder, { recursive: true });
  for (const part of ["shared", language]) {
    cpSync(join(FILES, part), folder, {
      recursive: true,
      filter: (file) => basename(file) !== "gitignore",
    });
  }
  // npm leaves a .gitignore out of every package.
  cpSync(join(FILES, "shared", "gitignore"), join(folder, ".gitignore"));
  const name =
    basename(folder)
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, "-")
      .replace(/^-+|-+$/g, "") || "mesh";
  writeJson(join(folder, "package.json"), manifestOf(folder, name, language));
  writeJson(join(folder, "cdktf.json"), {
    language: "typescript",
    app: runOf(language),
    projectId: name,
    sendCrashReports: "false",
    terraformProviders: [],
    terraformModules: [],
    // As its one service is: a program of the nodes.
    context: { excludeStackIdFromLogicalIds: "true", allowSepCharsInLogicalIds: "true", runtime: "exec" },
  });
}

function manifestOf(folder: string, name: string, language: Language): object {
  const manifest = require.resolve("meshform/package.json");
  const own = JSON.parse(readFileSync(manifest, "utf8")) as {
    readonly version: string;
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const known: Readonly<Record<string, string>> = { ...own.dependencies, ...own.devDependencies, "ts-jest": TS_JEST };
  const pinned = (names: readonly string[]) => Object.fromEntries(names.map((it) => [it, known[it]]));
  return {
    name,
    version: "0.1.0",
    private: true,
    type: "commonjs",
    scripts: {
      test: `${language === "typescript" ? "tsc && " : ""}jest`,
      synth: runOf(language),
      deploy: `npx --yes cdktf-cli@${known["cdktf-cli"]} deploy mesh`,
    },
    dependencies: { ...pinned(PINS.shared), meshform: sourceOf(dirname(manifest), folder) ?? own.version },
    devDependencies: pinned(PINS[language]),
    ...(language === "typescript" && { jest: { preset: "ts-jest" } }),
  };
}

/**
 * Where npm got this package from, if that was not a registry, so that the project gets the same one.
 *
 * @see https://docs.npmjs.com/cli/configuring-npm/package-lock-json#hidden-lockfiles
 */
function sourceOf(own: string, folder: string): string | undefined {
  const lock = join(dirname(own), ".package-lock.json");
  if (!existsSync(lock)) return undefined;
  const { packages } = JSON.parse(readFileSync(lock, "utf8")) as {
    readonly packages: Readonly<Record<string, { readonly resolved?: string } | undefined>>;
  };
  const resolved = packages["node_modules/meshform"]?.resolved;
  if (resolved?.startsWith("git+")) return resolved;
  if (!resolved?.startsWith("file:")) return undefined;
  const file = resolve(own, "..", "..", resolved.slice("file:".length));
  return `file:${relative(folder, file)}`;
}

function runOf(language: Language): string {
  return language === "typescript" ? "npx tsx main.ts" : "node main.js";
}

async function installPackages(folder: string, signal: AbortSignal): Promise<void> {
  await new Listr(
    [
      {
        title: "Install the packages (npm install)",
        task: (_, task) =>
          runTool(["npm", "install", "--no-audit", "--no-fund"], {
            what: "The installation of the packages",
            fix: "The project was created. Make sure that npm can reach its registry, then run `npm install` in it.",
            timeoutMs: installMs,
            cwd: folder,
            signal,
            onLine: (line) => {
              if (isInteractive()) task.output = line;
            },
          }),
      },
    ],
    PROGRESS,
  ).run();
}

function writeJson(file: string, content: object): void {
  writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
