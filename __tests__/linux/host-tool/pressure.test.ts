import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../support/lab";

jest.setTimeout(60_000);

/** What the host tool's module of this name says to an expression. */
async function asked(expression: string): Promise<unknown> {
  const script = `
import dataclasses, json, pathlib, sys
sys.path.insert(0, ${JSON.stringify(join(__dirname, "../../../host-tool"))})
from meshform_host.pressure import *
print(json.dumps([it.reason for it in ${expression}]))`;
  const { code, output } = await run("python3", ["-c", script]);
  expect({ code, output }).toExit(0);
  return JSON.parse(output);
}

describe("a clock", () => {
  test.each([29, -29])("that is %d s off is no danger yet: engines allow for a minute", async (offset) => {
    expect(await asked(`clock_pressure(${offset}, "https://10.0.0.1:8501")`)).toEqual([]);
  });

  test.each([
    [45, "behind"],
    [-45, "ahead of"],
  ])("that is %d s off is named, with the server that it is compared with", async (offset, order) => {
    expect(await asked(`clock_pressure(${offset}, "https://10.0.0.1:8501")`)).toEqual([
      `The clock of this host is 45 s ${order} that of https://10.0.0.1:8501: from 60 s on, certificates and tokens are refused. ` +
        "Correct it: `chronyc tracking` or `timedatectl` says who sets it.",
    ]);
  });

  test("is compared with the time that a server tells, to about a second", async () => {
    const server = (seconds: number) =>
      `type("Server", (), {"base": "https://10.0.0.1:8501", "date": lambda self, limit: email.utils.formatdate(time.time() + ${seconds}, usegmt=True)})()`;
    expect(await asked(`clock_pressures(lambda: [${server(0)}])`)).toEqual([]);
    expect(await asked(`clock_pressures(lambda: [${server(120)}])`)).toEqual([
      expect.stringMatching(/^The clock of this host is 1(19|20) s behind that of https:\/\/10\.0\.0\.1:8501: /),
    ]);
  });
});

describe("memory", () => {
  let proc: string;

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), "meshform-proc-"));
    mkdirSync(join(proc, "pressure"));
  });
  afterEach(() => rmSync(proc, { recursive: true }));

  const told = (available: number, stalled: number) => {
    writeFileSync(
      join(proc, "meminfo"),
      `MemTotal:        4096000 kB\nMemFree:          10000 kB\nMemAvailable:    ${available} kB\n`,
    );
    writeFileSync(
      join(proc, "pressure/memory"),
      `some avg10=0.00 avg60=${stalled} avg300=0.00 total=1\nfull avg10=0.00 avg60=99.00 avg300=0.00 total=1\n`,
    );
    return asked(`memory_pressures(pathlib.Path(${JSON.stringify(proc)}))`);
  };

  test("that suffices is not mentioned, nor what the kernel does not tell", async () => {
    expect(await told(409_600, 9.99)).toEqual([]);
    rmSync(proc, { recursive: true });
    expect(await asked(`memory_pressures(pathlib.Path(${JSON.stringify(proc)}))`)).toEqual([]);
    mkdirSync(proc);
  });

  test("for lack of which the kernel has killed something is named for an hour, with what it killed", async () => {
    const log = join(proc, "kmsg");
    const record = (second: number, text: string) => `3,1,${second}000000,-;${text}\n SUBSYSTEM=memory\n`;
    writeFileSync(
      log,
      record(10, "Out of memory: Killed process 7 (early) total-vm:1kB") +
        record(9_000, "Memory cgroup out of memory: Killed process 8 (java) total-vm:1kB") +
        record(9_500, "Out of memory: Killed process 9 (consul) total-vm:1kB") +
        record(9_600, "eth0: link up"),
    );
    const at = (uptime: number) => asked(`kill_pressures(pathlib.Path(${JSON.stringify(log)}), ${uptime})`);
    expect(await at(10_000)).toEqual([
      "The kernel has killed consul, java for lack of memory within the last hour. Give them more, or move jobs to other hosts: " +
        "`journalctl --dmesg --grep 'Killed process'`.",
    ]);
    expect(await at(20_000)).toEqual([]);
    rmSync(log);
    expect(await at(10_000)).toEqual([]);
  });

  test("that is nearly used up or waited for is named with its figure", async () => {
    expect(await told(204_800, 12.5)).toEqual([
      "200 MiB of memory are available, 5 % of it. Move jobs to other hosts, or take larger ones.",
      "Processes waited for memory during 12 % of the last minute. See which process grows, for example with `systemd-cgtop --order=memory`.",
    ]);
  });
});
