import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabError } from "../errors";
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
  /** Whether it must not be removed as long as its stack has it. */
  readonly isProtected?: boolean;
}

/** What an offline apply has done so far, in the order in which it was done. Every change is on disk before the next step. */
export class OfflineState {
  private readonly file: string;
  private readonly lines = new WeakMap<AppliedResource, string>();
  private applied: AppliedResource[];

  /** @throws LabError if there is a state that cannot be read */
  constructor(private readonly folder: string) {
    this.file = join(folder, "offline-state.json");
    this.applied = this.read();
  }

  get resources(): readonly AppliedResource[] {
    return this.applied;
  }

  find(address: string): AppliedResource | undefined {
    return this.applied.find((resource) => resource.address === address);
  }

  put(resource: AppliedResource): void {
    const known = this.find(resource.address);
    this.applied = known
      ? this.applied.map((other) => (other === known ? resource : other))
      : [...this.applied, resource];
    this.write();
  }

  delete(address: string): void {
    this.applied = this.applied.filter((resource) => resource.address !== address);
    this.write();
  }

  /** Gives the resources the order of these addresses, for the day when they are removed in reverse. */
  arrange(addresses: readonly string[]): void {
    const rank = new Map(addresses.map((address, index) => [address, index]));
    const arranged = [...this.applied].sort((a, b) => (rank.get(a.address) ?? -1) - (rank.get(b.address) ?? -1));
    if (arranged.every((resource, index) => resource === this.applied[index])) return;
    this.applied = arranged;
    this.write();
  }

  private read(): AppliedResource[] {
    try {
      const { version, resources } = JSON.parse(readFileSync(this.file, "utf8")) as StateFile;
      if (version === 1) return resources;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    }
    throw new LabError(
      `${this.file}, which says what was applied, cannot be read.`,
      "Take the lab down, then bring it up again.",
    );
  }

  private write(): void {
    if (this.applied.length === 0) {
      rmSync(this.file, { force: true });
      return;
    }
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const lines = this.applied.map((resource) => this.lineOf(resource)).join(",\n");
    const partial = `${this.file}.${process.pid}`;
    writeFileSync(partial, `{"version":1,"resources":[\n${lines}\n]}\n`, { mode: 0o600 });
    renameSync(partial, this.file);
  }

  /** The file is written at each step, so what has not changed is not rendered again. */
  private lineOf(resource: AppliedResource): string {
    const line = this.lines.get(resource) ?? JSON.stringify(resource);
    this.lines.set(resource, line);
    return line;
  }
}

interface StateFile {
  readonly version: number;
  readonly resources: AppliedResource[];
}
