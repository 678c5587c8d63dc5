import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";

export const ROOT = join(__dirname, "../..");

/** When to give up on a command: nothing else can while jest waits for it. */
const PROCESS_MS = 10 * 60_000;

/** How a command ended, and all that it printed. */
export interface Ended {
  readonly code: number | null;
  readonly output: string;
}

/** Packs this repository as `npm pack` does in a clone, into a folder. @returns the path of the tarball */
export function pack(folder: string): string {
  const name = execFileSync("npm", ["pack", "--pack-destination", folder], {
    cwd: ROOT,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PROCESS_MS,
  });
  return join(folder, name.trim().split("\n").at(-1) ?? "");
}

/** Somebody's project outside this repository. */
export class Consumer {
  readonly folder = mkdtempSync(join(tmpdir(), "meshform-consumer-"));

  /** Writes a file. */
  write(path: string, content: string | object): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, undefined, 2));
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), "utf8");
  }

  /** Installs what package.json asks for. */
  install(): void {
    this.must("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline");
  }

  /** Runs a command in the folder; programs of the project's packages are found by name. */
  run(program: string, ...args: readonly string[]): Ended {
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: this.folder,
      encoding: "utf8",
      env: {
        PATH: `${join(this.folder, "node_modules", ".bin")}:${process.env.PATH ?? ""}`,
        HOME: process.env.HOME,
        ...(process.env.XDG_CACHE_HOME && { XDG_CACHE_HOME: process.env.XDG_CACHE_HOME }),
      },
      maxBuffer: 64 * 2 ** 20,
      timeout: PROCESS_MS,
    });
    return { code: status, output: `${stdout}${stderr}` };
  }

  /** The same for what must succeed. @returns what it printed */
  must(program: string, ...args: readonly string[]): string {
    const { code, output } = this.run(program, ...args);
    if (code !== 0) throw new Error(`${[program, ...args].join(" ")} ended with ${code}:\n${output}`);
    return output;
  }
}
