import { appendFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "../core/errors";
import { replaceFile } from "../core/replace-file";
import type { Identity } from "./resource-type";

/** What is remembered of an applied resource. Digests stand for its content, so that no secret is ever written down. */
export interface AppliedResource {
  /** `<stack>/<type>.<name>` */
  readonly address: string;
  readonly type: string;
  /** Where it is. @default the first datacenter */
  readonly datacenter?: string;
  readonly identity: Identity;
  /** Of what the engine was sent. */
  readonly sent: string;
  /** Of what the engine then had. Undefined while a write is under way, or was interrupted. */
  readonly live?: string;
  /** Addresses of all that it depends on, by whatever way. */
  readonly dependencies?: readonly string[];
  /** Whether its successor is created before it is removed. */
  readonly isCreatedFirst?: boolean;
  /** Whether it was made, but did not become what it should be: the next apply makes another one in its place. */
  readonly isTainted?: boolean;
  /** Whether it must not be removed as long as its stack has it. */
  readonly isProtected?: boolean;
}

/**
 * What an offline apply has done so far, in the order in which it was done. Every change is on disk before the next step: as one more line
 * of a journal, so that a step costs the same however many resources there are.
 */
export class OfflineState {
  private readonly file: string;
  private readonly journal: string;
  private applied: Map<string, AppliedResource>;
  /** Whether there is a journal of an apply that did not come to its end; its last line may be cut off. */
  private isInterrupted: boolean;

  /** @throws LabError if there is a state that cannot be read */
  constructor(private readonly folder: string) {
    this.file = join(folder, "offline-state.json");
    this.journal = join(folder, "offline-state.journal");
    this.applied = new Map(this.read().map((resource) => [resource.address, resource]));
    const journal = textOf(this.journal);
    this.isInterrupted = journal !== undefined;
    for (const change of this.parse(journal ?? "")) this.change(change);
  }

  get resources(): readonly AppliedResource[] {
    return [...this.applied.values()];
  }

  find(address: string): AppliedResource | undefined {
    return this.applied.get(address);
  }

  put(resource: AppliedResource): void {
    this.record({ put: resource });
  }

  delete(address: string): void {
    this.record({ delete: address });
  }

  /**
   * Writes the state as a whole, once an apply or a removal is over.
   *
   * @param addresses The resources get this order, for the day when they are removed in reverse. Default: they keep theirs
   */
  settle(addresses?: readonly string[]): void {
    if (addresses) {
      const rank = new Map(addresses.map((address, index) => [address, index]));
      const arranged = [...this.resources].sort((a, b) => (rank.get(a.address) ?? -1) - (rank.get(b.address) ?? -1));
      this.applied = new Map(arranged.map((resource) => [resource.address, resource]));
    }
    this.write();
    // What it says is in the file by now: read once more after a crash, it would change nothing.
    rmSync(this.journal, { force: true });
    this.isInterrupted = false;
  }

  private record(change: JournalLine): void {
    if (this.isInterrupted) this.settle();
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    appendFileSync(this.journal, `${JSON.stringify(change)}\n`, { mode: 0o600 });
    this.change(change);
  }

  private change(line: JournalLine): void {
    if ("put" in line) this.applied.set(line.put.address, line.put);
    else this.applied.delete(line.delete);
  }

  private read(): AppliedResource[] {
    const text = textOf(this.file);
    if (text === undefined) return [];
    try {
      const { version, resources } = JSON.parse(text) as StateFile;
      if (version === 1) return resources;
    } catch {
      // Said below.
    }
    throw unreadable(this.file);
  }

  private parse(journal: string): JournalLine[] {
    // What follows the last line break was cut off as it was written, and what it was about has not been begun.
    const lines = journal.split("\n").slice(0, -1);
    try {
      return lines.map((line) => JSON.parse(line) as JournalLine);
    } catch {
      throw unreadable(this.journal);
    }
  }

  private write(): void {
    if (this.applied.size === 0) {
      rmSync(this.file, { force: true });
      return;
    }
    const lines = this.resources.map((resource) => JSON.stringify(resource)).join(",\n");
    replaceFile(this.file, `{"version":1,"resources":[\n${lines}\n]}\n`);
  }
}

interface StateFile {
  readonly version: number;
  readonly resources: AppliedResource[];
}

type JournalLine = { readonly put: AppliedResource } | { readonly delete: string };

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(file);
  }
}

function unreadable(file: string): LabError {
  return new LabError(
    `${file}, the record of what was applied, cannot be read.`,
    "Remove the lab, then create it again.",
  );
}
