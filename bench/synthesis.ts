import { deepStrictEqual } from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Measurement } from "./measure-one";
import { outputFile, readResources } from "./resources";

const APPS = ["meshform", "plain"] as const;

/** How many services, and how often each app is run: large ones vary little. */
const CASES = [
  { services: 100, runs: 7 },
  { services: 1_000, runs: 5 },
  { services: 10_000, runs: 3 },
];

interface Result extends Measurement {
  readonly outputMib: number;
}

interface Row {
  readonly services: number;
  readonly resources: number;
  readonly meshform: Result;
  readonly plain: Result;
}

const folder = mkdtempSync(join(tmpdir(), "meshform-bench-"));
try {
  printTable(CASES.map(({ services, runs }) => measure(services, runs)));
} finally {
  rmSync(folder, { recursive: true });
}

/** Runs both apps in turn, each time in a process of its own, and makes sure that they said the same. */
function measure(services: number, runs: number): Row {
  const measurements = { meshform: [] as Measurement[], plain: [] as Measurement[] };
  for (let run = 1; run <= runs; run++) {
    for (const app of APPS) {
      console.error(`${services} services, run ${run} of ${runs}: ${app}`);
      measurements[app].push(runOne(app, services));
    }
  }
  const resources = readResources(outdirOf("meshform"));
  deepStrictEqual(resources, readResources(outdirOf("plain")));
  return {
    services,
    resources: resources.size,
    meshform: resultOf("meshform", measurements.meshform),
    plain: resultOf("plain", measurements.plain),
  };
}

function runOne(app: string, services: number): Measurement {
  const outdir = outdirOf(app);
  rmSync(outdir, { recursive: true, force: true });
  const script = join(__dirname, "measure-one.ts");
  const output = execFileSync(process.execPath, ["--import", "tsx", script, app, String(services), outdir], {
    encoding: "utf8",
  });
  return JSON.parse(output) as Measurement;
}

function resultOf(app: string, measurements: readonly Measurement[]): Result {
  return {
    wallSeconds: median(measurements.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: median(measurements.map(({ cpuSeconds }) => cpuSeconds)),
    peakRssMib: median(measurements.map(({ peakRssMib }) => peakRssMib)),
    outputMib: statSync(outputFile(outdirOf(app))).size / 2 ** 20,
  };
}

function outdirOf(app: string): string {
  return join(folder, app);
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)];
}

function printTable(rows: readonly Row[]): void {
  const titles = ["services", "resources", "app", "wall time", "processor time", "growth", "peak memory", "output"];
  const lines = rows.flatMap((row, index) => {
    const { services, resources, meshform, plain } = row;
    const size = [services, resources].map((count) => count.toLocaleString("en"));
    const previous = index === 0 ? undefined : rows[index - 1];
    return [
      [...size, "Meshform", ...cellsOf(meshform, previous?.meshform)],
      [...size, "plain cdktf", ...cellsOf(plain, previous?.plain)],
      [...size, "ratio", ...ratiosOf(meshform, plain)],
    ];
  });
  const table = [titles, titles.map((title) => (title === "app" ? "---" : "--:")), ...lines];
  console.log(table.map((cells) => `| ${cells.join(" | ")} |`).join("\n"));
}

/** Growth is that of processor time, since the size before. */
function cellsOf(result: Result, previous: Result | undefined): string[] {
  return [
    `${result.wallSeconds.toFixed(2)} s`,
    `${result.cpuSeconds.toFixed(2)} s`,
    previous === undefined ? "" : times(result.cpuSeconds / previous.cpuSeconds),
    `${result.peakRssMib.toFixed(0)} MiB`,
    `${result.outputMib.toFixed(1)} MiB`,
  ];
}

function ratiosOf(meshform: Result, plain: Result): string[] {
  return [
    times(meshform.wallSeconds / plain.wallSeconds),
    times(meshform.cpuSeconds / plain.cpuSeconds),
    "",
    times(meshform.peakRssMib / plain.peakRssMib),
    times(meshform.outputMib / plain.outputMib),
  ];
}

function times(factor: number): string {
  return `${factor.toFixed(2)}×`;
}
