import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LabFiles, labNames } from "../../../lab/core/lab-files";
import { isAlive, kill, labMarker, markedLabs, markedProcesses, recordOf } from "../../../lab/machine/processes";
import { readState, writeState } from "../../../lab/hosts/state";

const lab = `state-test-${process.pid}`;

function start(): ChildProcess {
  return spawn("sleep", ["60"], { env: { PATH: process.env.PATH, [labMarker]: lab }, stdio: "ignore" });
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error("it did not start");
  return pid;
}

describe("a process record", () => {
  test("is alive until the process ends", async () => {
    const child = start();
    const record = recordOf(pidOf(child));
    expect(isAlive(record)).toBe(true);
    await kill([record].filter((it) => it !== undefined));
    expect(isAlive(record)).toBe(false);
  });

  test("is not taken for another process with the same pid", async () => {
    const child = start();
    const impostor = { pid: pidOf(child), startedAt: "another boot/1" };
    expect(isAlive(impostor)).toBe(false);
    await kill([impostor]);
    expect(recordOf(pidOf(child))).toBeDefined();
    child.kill();
  });

  test("is found by its mark alone", async () => {
    const child = start();
    await new Promise((resolve) => child.once("spawn", resolve));
    expect(markedProcesses(lab).map(({ pid }) => pid)).toEqual([child.pid]);
    expect(markedLabs()).toContain(lab);
    expect(markedProcesses(`${lab}-other`)).toEqual([]);
    await kill(markedProcesses(lab));
    expect(markedProcesses(lab)).toEqual([]);
  });
});

test("labs are known by their folders, and by what an up leaves that has only synthesized", () => {
  const root = mkdtempSync(join(tmpdir(), "meshform-labs-"));
  try {
    for (const name of ["shop", ".shop.cdktf.out", ".begun-1.cdktf.out"]) mkdirSync(join(root, name));
    writeFileSync(join(root, ".shop.lock"), "");
    expect(labNames(root).sort()).toEqual(["begun-1", "shop"]);
    expect(labNames(join(root, "none"))).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

describe("the state of a lab", () => {
  const folder = mkdtempSync(join(tmpdir(), "meshform-state-"));
  const files = new (class extends LabFiles {
    override get state(): string {
      return join(folder, "state.json");
    }
  })(lab);

  afterAll(() => {
    rmSync(folder, { recursive: true });
    rmSync(files.folder, { recursive: true, force: true });
  });

  test("is read back as it was written", () => {
    const state = { version: 2, hosts: [] } as const;
    writeState(files, state);
    expect(readState(files)).toEqual(state);
  });

  test.each(["", '{"version": 1, "hos', "[]", '{"version": 99, "hosts": []}'])("counts as none if it is %j", (text) => {
    writeFileSync(files.state, text);
    expect(readState(files)).toBeUndefined();
  });
});

describe("the name of a lab", () => {
  test.each(["default", "a", "two-labs", "x".repeat(32)])("may be %s", (name) => {
    expect(new LabFiles(name).folder).toBe(`/var/lib/meshform/labs/${name}`);
  });

  test.each(["", "..", "a/b", "A", "a.b", "-a", "a-", "x".repeat(33)])("fails if it is %j", (name) => {
    expect(() => new LabFiles(name)).toThrow(`"${name}" cannot be the name of a lab.`);
  });
});
