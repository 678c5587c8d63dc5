import { deepStrictEqual } from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Measurement } from "./measure-one";
import { readOutput } from "./resources";
import type { RingShape } from "./ring";

const APPS = ["meshform", "plain"] as const;

/** How often each app is run, in turn. */
const RUNS = 5;

/** What is to grow, in steps: services in one stack, stacks, connections. */
const SERIES: Readonly<Record<string, readonly RingShape[]>> = {
  services: [100, 1_000, 10_000].map((services) => ({ services, stacks: 1, connections: 2 })),
  stacks: [10, 50, 100].map((stacks) => ({ services: 20 * stacks, stacks, connections: 2 })),
  connections: [100, 300, 1_000].map((services) => ({ services, stacks: 1, connections: 20 })),
};

interface Result extends Measurement {
  readonly outputMib: number;
}

interface Row {
  readonly shape: RingShape;
  readonly resources: number;
  readonly meshform: Result;
  readonly plain: Result;
}

// npm run bench [-- services|stacks|connections …]
const asked = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "meshform-bench-"));
try {
  for (const [name, shapes] of Object.entries(SERIES)) {
    if (asked.length === 0 || asked.includes(name)) {
      console.log(`\n${name}\n`);
      printTable(shapes.map(measure));
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Runs both apps in turn, each time in a process of its own, and makes sure that they said the same. */
function measure(shape: RingShape): Row {
  const measurements = { meshform: [] as Measurement[], plain: [] as Measurement[] };
  for (let run = 1; run <= RUNS; run++) {
    for (const app of APPS) {
      console.error(`${shape.services} services in ${shape.stacks} stacks, run ${run} of ${RUNS}: ${app}`);
      measurements[app].push(runOne(app, shape));
    }
  }
  const [meshform, plain] = APPS.map((app) => readOutput(outdirOf(app)));
  deepStrictEqual(meshform.stacks, plain.stacks);
  return {
    shape,
    resources: [...meshform.stacks.values()].reduce((sum, { resources }) => sum + resources.size, 0),
    meshform: resultOf(measurements.meshform, meshform.bytes),
    plain: resultOf(measurements.plain, plain.bytes),
  };
}

function runOne(app: string, { services, stacks, connections }: RingShape): Measurement {
  const outdir = outdirOf(app);
  rmSync(outdir, { recursive: true, force: true });
  const script = join(__dirname, "measure-one.ts");
  const numbers = [services, stacks, connections].map(String);
  const output = execFileSync(process.execPath, ["--import", "tsx", script, app, ...numbers, outdir], {
    encoding: "utf8",
  });
  return JSON.parse(output) as Measurement;
}

function resultOf(measurements: readonly Measurement[], bytes: number): Result {
  return {
    wallSeconds: median(measurements.map(({ wallSeconds }) => wallSeconds)),
    cpuSeconds: median(measurements.map(({ cpuSeconds }) => cpuSeconds)),
    peakRssMib: median(measurements.map(({ peakRssMib }) => peakRssMib)),
    outputMib: bytes / 2 ** 20,
  };
}

function outdirOf(app: string): string {
  return join(folder, app);
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)];
}

function printTable(rows: readonly Row[]): void {
  const titles = [
    "services",
    "stacks",
    "resources",
    "app",
    "wall time",
    "processor time",
    "growth",
    "memory",
    "output",
  ];
  const lines = rows.flatMap((row, index) => {
    const { shape, resources, meshform, plain } = row;
    const size = [shape.services, shape.stacks, resources].map((count) => count.toLocaleString("en"));
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
