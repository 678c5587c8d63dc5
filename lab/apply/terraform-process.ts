import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/**
 * How long Terraform may take to end in good order once it is told to stop, in milliseconds. The provider finishes what it is
 * at, which for a job with `detach = false` takes up to five minutes; killed before, Terraform would forget that job.
 */
const graceMs = 6 * 60_000;

export interface TerraformRun {
  readonly folder: string;
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  /** Time limit in milliseconds. Terraform is told to stop then, and awaited. */
  readonly timeoutMs: number;
  /** Stops Terraform early; its reason is thrown once it has ended. */
  readonly signal?: AbortSignal;
  /** Sees what Terraform says with `-json`, as it comes. */
  readonly onEvent?: (event: TerraformEvent) => void;
  /** Hears that Terraform is told to stop. */
  readonly onStop?: () => void;
}

/** @see https://developer.hashicorp.com/terraform/internals/machine-readable-ui */
export interface TerraformEvent {
  readonly type: string;
  readonly "@message": string;
  readonly diagnostic?: Diagnostic;
  readonly hook?: { readonly action?: string; readonly resource?: { readonly addr: string } };
}

interface Diagnostic {
  readonly severity: "error" | "warning";
  readonly summary: string;
  readonly detail?: string;
  readonly address?: string;
}

/** What Terraform printed on standard output, and what it complained about where it failed. */
export interface TerraformOutcome {
  readonly output: string;
  readonly errors: readonly string[];
}

/** Runs Terraform, or OpenTofu, to its end. */
export async function runTerraform(
  program: string,
  args: readonly string[],
  { folder, env, timeoutMs, signal, onEvent, onStop }: TerraformRun,
): Promise<TerraformOutcome> {
  signal?.throwIfAborted();
  // A process group of its own: Ctrl-C reaches Terraform through the signal only, once.
  const child = spawn(program, args, { cwd: folder, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close") as Promise<[number | null]>;
  const limit = AbortSignal.timeout(timeoutMs);
  const stop = AbortSignal.any(signal ? [limit, signal] : [limit]);
  let killer: NodeJS.Timeout | undefined;
  const end = () => {
    onStop?.();
    child.kill("SIGINT");
    killer = setTimeout(() => {
      killGroup(child.pid);
    }, graceMs);
  };
  stop.addEventListener("abort", end, { once: true });
  const output: string[] = [];
  const complaints: string[] = [];
  const errors: string[] = [];
  createInterface(child.stderr).on("line", (line) => complaints.push(line));
  createInterface(child.stdout).on("line", (line) => {
    output.push(line);
    const event = parseEvent(line);
    if (event?.diagnostic?.severity === "error") errors.push(sentence(event.diagnostic));
    if (event) onEvent?.(event);
  });
  try {
    const [code] = await closed;
    signal?.throwIfAborted();
    const text = output.join("\n");
    if (code === 0) return { output: text, errors: [] };
    if (limit.aborted) errors.push(`It took longer than ${timeoutMs / 1000} s and was stopped.`);
    if (errors.length === 0) errors.push(fromFirstError(complaints.join("\n")) || text.trim() || "It printed nothing.");
    return { output: text, errors };
  } finally {
    stop.removeEventListener("abort", end);
    clearTimeout(killer);
  }
}

/** Warnings, of the command line's configuration for one, come first. */
function fromFirstError(text: string): string {
  return text.slice(Math.max(text.indexOf("Error: "), 0)).trim();
}

function parseEvent(line: string): TerraformEvent | undefined {
  try {
    return line.startsWith('{"@') ? (JSON.parse(line) as TerraformEvent) : undefined;
  } catch {
    return undefined;
  }
}

function sentence({ address, summary, detail }: Diagnostic): string {
  return [address && `${address}:`, summary, detail].filter(Boolean).join(" ").trim();
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended.
  }
}
