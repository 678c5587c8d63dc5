import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { engineCache, fillOnce, removeEngines, sweepCache } from "../../../lab/machine/engines/cache";
import { withLock } from "../../../lab/machine/engines/lock";

const repository = join(__dirname, "..", "..", "..");
const options = { what: "The other installation", timeoutMs: 10_000 };

// Each test starts processes of its own, which take their time on a loaded machine.
jest.setTimeout(60_000);

let cache: string;
let target: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "meshform-cache-"));
  target = join(cache, "consul", "1.2.3");
});

afterEach(() => {
  rmSync(cache, { recursive: true });
});

/**
 * A process of its own that fills the target with a shell command, whose working directory is the folder to fill; it says
 * what the command says.
 */
function installer(shell: string) {
  const program = `
    const { existsSync } = require("node:fs");
    const { interruptible } = require("${repository}/cli/interruptible.ts");
    const { fillOnce } = require("${repository}/lab/machine/engines/cache.ts");
    const { runTool } = require("${repository}/lab/machine/run-tool.ts");
    const run = (cwd, signal) => runTool(["sh", "-c", ${JSON.stringify(shell)}], {
      what: "It", fix: "Fix it.", timeoutMs: 90_000, cwd, signal, onLine: (line) => console.log(line),
    });
    interruptible((signal) => fillOnce("${target}", {
      what: "It", timeoutMs: 30_000, signal,
      isFilled: async () => existsSync("${target}"),
      fill: (partial) => run(partial, signal),
    })).catch((error) => { process.exitCode = error.exitCode ?? 1; });`;
  return spawn(process.execPath, ["--require", require.resolve("tsx/cjs"), "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

describe("a folder of the cache", () => {
  test("appears only when it is complete", async () => {
    let whileFilling = true;
    await fillOnce(target, {
      ...options,
      isFilled: () => Promise.resolve(false),
      fill: (partial) => {
        writeFileSync(join(partial, "program"), "whole");
        whileFilling = existsSync(target);
        return Promise.resolve();
      },
    });

    expect(whileFilling).toBe(false);
    expect(readdirSync(join(cache, "consul"))).toEqual([".lock", "1.2.3"]);
    expect(readFileSync(join(target, "program"), "utf8")).toBe("whole");
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("does not appear, not even half, when %s comes midway", async (signal, exitCode) => {
    const process = installer("echo half > program; echo begun; sleep 60; echo whole > program");
    await once(process.stdout, "data");

    process.kill(signal);

    expect(await once(process, "close")).toEqual([exitCode, null]);
    expect(readdirSync(join(cache, "consul"))).toEqual([".lock"]);
  });

  test("is cleaned of what a killed installation left, at the next start", async () => {
    const installation = installer("echo half > program; echo $$; exec sleep 60");
    const [orphan] = (await once(installation.stdout, "data")) as [Buffer];
    installation.kill("SIGKILL");
    await once(installation, "exit");
    process.kill(Number(orphan.toString()));
    expect(readdirSync(join(cache, "consul"))).toHaveLength(2);
    await withLock(join(cache, "consul", ".lock"), options, () => Promise.resolve()); // the kernel has noticed

    await sweepCache(cache);

    expect(readdirSync(join(cache, "consul"))).toEqual([".lock"]);
  });

  test("is not swept while somebody is filling it", async () => {
    await fillOnce(target, {
      ...options,
      isFilled: () => Promise.resolve(false),
      fill: async (partial) => {
        await sweepCache(cache);
        writeFileSync(join(partial, "program"), "whole");
      },
    });

    expect(readdirSync(target)).toEqual(["program"]);
  });

  test("is filled once when two processes want it at the same time", async () => {
    const shell = `echo filled >> ${cache}/log; sleep 0.5; echo whole > program`;
    const processes = [installer(shell), installer(shell)];

    const ends = await Promise.all(processes.map((process) => once(process, "close")));

    expect(ends).toEqual([
      [0, null],
      [0, null],
    ]);
    expect(readFileSync(join(cache, "log"), "utf8")).toBe("filled\n");
    expect(readdirSync(join(cache, "consul"))).toEqual([".lock", "1.2.3"]);
  });
});

describe("a lock", () => {
  test("that stays with somebody else is refused in time, and the caller hears that it waits", async () => {
    const file = join(cache, "lock");
    const onWait = jest.fn();
    await withLock(file, options, async () => {
      const second = withLock(file, { ...options, timeoutMs: 800, onWait }, () => Promise.resolve());
      await expect(second).rejects.toThrow(
        `The other installation did not finish within 1 s, so ${file} is still locked. Wait for the other process`,
      );
    });
    expect(onWait).toHaveBeenCalledTimes(1);
  });

  test("is free again after its action has failed", async () => {
    const file = join(cache, "lock");
    await expect(withLock(file, options, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    await expect(withLock(file, { ...options, timeoutMs: 0 }, () => Promise.resolve("held"))).resolves.toBe("held");
  });

  test("is not waited for any longer once the wait is stopped", async () => {
    const file = join(cache, "lock");
    const controller = new AbortController();
    await withLock(file, options, async () => {
      const second = withLock(file, { ...options, signal: controller.signal }, () => Promise.resolve());
      controller.abort(new Error("stopped"));
      await expect(second).rejects.toThrow("stopped");
    });
  });
});

test("a lock file that its holder removes still lets in one process at a time", async () => {
  const file = join(cache, "locks", "lock");
  const inside = join(cache, "inside");
  const log = join(cache, "log");
  // As `down` does: the file goes, and the folder, while others wait for it.
  const program = `
    const fs = require("node:fs");
    const { withLock } = require("${repository}/lab/machine/engines/lock.ts");
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    (async () => {
      for (let n = 0; n < 8; n++) {
        await withLock("${file}", { what: "Another process", timeoutMs: 20_000 }, async () => {
          fs.writeFileSync("${inside}", "", { flag: "wx" });
          await pause(Math.random() * 10);
          fs.rmSync("${inside}");
          fs.rmSync("${file}");
          fs.appendFileSync("${log}", "x");
        });
        try { fs.rmdirSync("${join(cache, "locks")}"); } catch {}
      }
    })();`;
  const ends = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const args = ["--require", require.resolve("tsx/cjs"), "--eval", program];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
      const [said, [code]] = await Promise.all([text(child.stderr), once(child, "close") as Promise<[number]>]);
      return { code, said };
    }),
  );
  expect(ends).toEqual(Array(5).fill({ code: 0, said: "" }));
  expect(readFileSync(log, "utf8")).toHaveLength(40);
});

test("a cache that is not there yet is nothing to sweep", async () => {
  mkdirSync(join(cache, "empty"));
  await expect(sweepCache(join(cache, "absent"))).resolves.toBeUndefined();
});

test("all engines can be removed, and nothing else", async () => {
  const env = { XDG_CACHE_HOME: cache };
  expect(await removeEngines(env)).toBeUndefined();
  const engines = engineCache(env);
  mkdirSync(join(engines, "consul", "1.2.3"), { recursive: true });
  writeFileSync(join(cache, "of-others"), "");
  expect(await removeEngines(env)).toBe(engines);
  expect(readdirSync(cache)).toEqual(["of-others"]);
});
