import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CLI } from "./lab";

/** What a command with `--json` printed. */
export interface JsonOutcome {
  readonly code: number;
  /** Standard output, which must be JSON: one value, or of `logs` one on each line. */
  readonly json: unknown;
  readonly stderr: string;
}

/** Runs a command of `meshform` with `--json`. */
export function jsonOf(
  [command = "", ...args]: readonly string[],
  { cwd, env }: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<JsonOutcome> {
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [CLI, command, "--json", ...args],
      { cwd, env: { ...process.env, ...env }, timeout: 10 * 60_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        try {
          if (typeof code !== "number") throw new Error("it did not end");
          const isLines = command === "logs" && code === 0;
          const json: unknown = isLines
            ? stdout
                .trimEnd()
                .split("\n")
                .map((line) => JSON.parse(line) as unknown)
            : JSON.parse(stdout);
          resolve({ code, json, stderr });
        } catch (failure) {
          reject(new Error(`${command} prints what is not JSON: ${stdout}\nand: ${stderr}`, { cause: failure }));
        }
      },
    );
  });
}

/** The fields of each command in the table of docs/ci.md. */
export function documentedFields(): Readonly<Partial<Record<string, readonly string[]>>> {
  const text = readFileSync(join(__dirname, "..", "..", "docs", "ci.md"), "utf8");
  const [, , table] = /^## JSON for scripts$(.*?)(^\|.*?)^$/ms.exec(text) ?? [];
  const rows = [...table.matchAll(/^\| `meshform (\w+)` +\| (.*\S) +\|$/gm)];
  return Object.fromEntries(
    rows.map(([, command, cell]) => [command, [...cell.matchAll(/`(\w+)`/g)].map((it) => it[1])]),
  );
}

/** Expects that an object has no field that the table does not name. */
export function expectDocumented(command: string, value: unknown): void {
  const { [command]: fields = [] } = documentedFields();
  expect(Object.keys(value as object).filter((it) => !fields.includes(it))).toEqual([]);
}
