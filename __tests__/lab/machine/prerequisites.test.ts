import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installDebianPackages } from "../../../lab/machine/debian-packages";
import { ensureDockerClient } from "../../../lab/machine/prepare-machine";
import { checkPrerequisites, type Machine, thisMachine } from "../../../lab/machine/prerequisites";

const ALL = ["consul", "nomad", "cni", "envoy", "supervisor"] as const;
const GIB = 2 ** 30;

describe("the prerequisites", () => {
  test("are all there on a machine that has everything", async () => {
    const findings = await checkPrerequisites({ install: ALL, tests: true, machine: fit });

    expect(findings.filter(({ ok }) => !ok)).toEqual([]);
    expect(findings.map(({ id }) => id)).toEqual([
      ...["linux", "root", "node", "disk", "lab-disk", "memory"],
      ...["ip", "iptables", "unshare", "nsenter", "flock"],
      ...["dockerd", "openssl", "tcpdump", "prometheus", "promtool", "chromium"],
      ...["cloud-init", "systemd-analyze", "shellcheck", "curl", "gpg", "gpg-agent", "docker"],
      ...["network-namespaces", "process-namespaces", "bridge", "veth", "nat", "overlayfs", "br_netfilter"],
      ...["go", "c-compiler", "c-headers", "python"],
    ]);
  });

  test("that are missing are all listed at once, each with a remedy", async () => {
    const bare: Machine = {
      ...fit,
      uid: 1000,
      nodeVersion: "18.20.0",
      availableMemory: GIB / 2,
      freeDisk: () => Promise.resolve(GIB / 2),
      find: () => undefined,
      probe: () => Promise.resolve({ ok: false, output: "" }),
    };

    const findings = await checkPrerequisites({ install: ALL, tests: true, machine: bare });

    const missing = findings.filter(({ ok }) => !ok);
    expect(missing.map(({ id, debianPackage }) => [id, debianPackage])).toEqual([
      ["root", undefined],
      ["node", undefined],
      ["disk", undefined],
      ["lab-disk", undefined],
      ["memory", undefined],
      ["ip", "iproute2"],
      ["iptables", "iptables"],
      ["unshare", "util-linux"],
      ["nsenter", "util-linux"],
      ["flock", "util-linux"],
      ["dockerd", "docker.io"],
      ["openssl", "openssl"],
      ["tcpdump", "tcpdump"],
      ["prometheus", "prometheus"],
      ["promtool", "prometheus"],
      ["chromium", "chromium"],
      ["cloud-init", "cloud-init"],
      ["systemd-analyze", "systemd"],
      ["shellcheck", "shellcheck"],
      ["curl", "curl"],
      ["gpg", "gpg"],
      ["gpg-agent", "gpg-agent"],
      ["go", undefined],
      ["c-compiler", "gcc"],
      ["c-headers", "libc6-dev"],
      ["python", "python3-venv"],
    ]);
    for (const { remedy } of missing) expect(remedy).toMatch(/^[A-Z].*\.$/);
  });

  test.each([
    ["bridge", "type bridge"],
    ["veth", "type veth"],
    ["nat", "MASQUERADE"],
    ["overlayfs", "overlay"],
    ["process-namespaces", "--mount-proc"],
  ])("a kernel without %s is found by trying, and its own words are shown", async (id, attempt) => {
    const findings = await checkPrerequisites({
      machine: failing((command) => command.includes(attempt), "RTNETLINK answers: Operation not supported"),
    });

    expect(findings.filter(({ ok }) => !ok)).toEqual([
      expect.objectContaining({ id, found: "RTNETLINK answers: Operation not supported" }),
    ]);
  });

  test("br_netfilter suffices when it can be loaded, and is missing when it cannot", async () => {
    const notLoaded = failing((command) => command.startsWith("test -e /proc/sys/net/bridge"));
    const notThere = failing((command) => command.startsWith("test -e") || command.startsWith("modprobe"));

    expect(await finding("br_netfilter", notLoaded)).toMatchObject({ ok: true, found: "loadable" });
    expect(await finding("br_netfilter", notThere)).toMatchObject({ ok: false });
  });

  test("without root the kernel is not judged", async () => {
    const findings = await checkPrerequisites({ machine: { ...fit, uid: 1000 } });

    expect(findings.map(({ id }) => id)).not.toContain("bridge");
    expect(findings.filter(({ ok }) => !ok).map(({ id }) => id)).toEqual(["root"]);
  });

  test("compilers and Python are asked for only by the engines that need them", async () => {
    const always = (await checkPrerequisites({ machine: fit })).map(({ id }) => id);
    const ids = async (install: readonly ("consul" | "nomad" | "supervisor")[]) =>
      (await checkPrerequisites({ install, machine: fit }))
        .map(({ id }) => id)
        .filter((id) => !always.includes(id) && id !== "disk");

    expect(always).toHaveLength(17);
    expect(await ids(["consul"])).toEqual(["go"]);
    expect(await ids(["nomad"])).toEqual(["go", "c-compiler", "c-headers"]);
    expect(await ids(["supervisor"])).toEqual(["python"]);
  });

  test.each([
    ["go1.26.8\nlocal", true],
    ["go1.24.4\nlocal", false],
    ["go1.24.4\nauto", true], // fetches a newer one automatically
    ["go1.19.8\n", false],
  ])("Go that says %j is enough for Nomad: %s", async (output, ok) => {
    const machine = answering((command) => command.startsWith("go env"), output);
    expect(await finding("go", machine, ["nomad"])).toMatchObject({ ok });
  });

  test("a Python that is too old is not cured by a package", async () => {
    const machine = answering((command) => command.startsWith("python3"), "3.9.2");

    const python = await finding("python", machine, ["envoy"]);

    expect(python).toMatchObject({
      ok: false,
      found: "3.9.2",
      remedy: "Install python3 3.10 or newer on PATH.",
    });
    expect(python).not.toHaveProperty("debianPackage");
  });

  test("looking at this very machine changes none of its interfaces and mounts", async () => {
    const look = async () => [
      await thisMachine().probe(["sh", "-c", "ls /sys/class/net"]),
      await thisMachine().probe(["sh", "-c", "grep -c overlay /proc/self/mounts"]),
    ];
    const before = await look();

    const findings = await checkPrerequisites({ tests: true });

    expect(findings.find(({ id }) => id === "linux")).toMatchObject({ ok: true });
    expect(await look()).toEqual(before);
  });
});

describe("Debian packages", () => {
  let folder: string;
  const path = process.env.PATH;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "meshform-apt-"));
    process.env.PATH = `${folder}:${path ?? ""}`;
  });

  afterEach(() => {
    process.env.PATH = path;
    rmSync(folder, { recursive: true });
  });

  /** A command in place of apt-get, so that the test changes nothing on the machine. */
  function aptGet(script: string): void {
    writeFileSync(join(folder, "apt-get"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, "apt-get"), 0o755);
  }

  test("are installed after the lists were updated, without a question, and no service of theirs is started", async () => {
    aptGet('echo "$DEBIAN_FRONTEND $SYSTEMD_OFFLINE $*"');
    const said: string[] = [];

    await installDebianPackages(["iproute2", "iptables"], { onLine: (line) => said.push(line) });

    expect(said).toEqual([
      "noninteractive 1 --option DPkg::Lock::Timeout=120 update",
      "noninteractive 1 --option DPkg::Lock::Timeout=120 install --yes --no-install-recommends iproute2 iptables",
    ]);
  });

  test("do not let cloud-init set this machine up at its next boot", async () => {
    aptGet("exit 0");
    const etc = join(folder, "etc");

    await installDebianPackages(["cloud-init"], { etc });

    expect(existsSync(join(etc, "cloud/cloud-init.disabled"))).toBe(true);
  });

  test("bring the Docker client of its own package where the daemon's has none, before an image is built", async () => {
    aptGet('case "$*" in *install*) echo "$*";; esac');
    const [asked, said]: [string[], string[]] = [[], []];
    const ensure = (machine: Machine) =>
      ensureDockerClient({ machine, onInstall: (name) => asked.push(name), onLine: (line) => said.push(line) });
    const without = (...missing: string[]): Machine => ({
      ...fit,
      find: (program) => (missing.includes(program) ? undefined : fit.find(program)),
    });

    await ensure(fit);
    expect(asked).toEqual([]);
    await ensure(without("docker"));
    expect(asked).toEqual(["docker-cli"]);
    expect(said).toEqual([expect.stringMatching(/ install .* docker-cli$/)]);
    await expect(ensure(without("docker", "apt-get"))).rejects.toThrow(
      /^This machine does not meet a requirement of the lab:\n {2}- the program docker\. .*docker-cli.* Nothing was deployed\./s,
    );
  });

  test("that cannot be installed end in apt-get's own last words", async () => {
    aptGet('case "$*" in *install*) echo "E: Unable to locate package iproute2" >&2; exit 100;; esac');

    await expect(installDebianPackages(["iproute2"])).rejects.toThrow(
      /^The installation of the Debian packages iproute2 failed: .* exited with code 100\. Last output:\n {2}E: Unable to locate package iproute2 Fix /s,
    );
  });

  test("are installed even where one source of packages is broken", async () => {
    aptGet('case "$*" in *update*) exit 100;; esac');

    await expect(installDebianPackages(["iproute2"])).resolves.toBeUndefined();
  });
});

/** A machine that has everything. */
const fit: Machine = {
  platform: "linux",
  kernel: "6.1.0",
  uid: 0,
  nodeVersion: "20.19.0",
  availableMemory: 4 * GIB,
  freeDisk: () => Promise.resolve(20 * GIB),
  find: (program) => `/usr/bin/${program}`,
  probe: (command) =>
    Promise.resolve({
      ok: true,
      output: command[0] === "go" ? "go1.26.0\nlocal" : command[0] === "python3" ? "3.11.2" : "",
    }),
};

function failing(matches: (command: string) => boolean, output = ""): Machine {
  return {
    ...fit,
    probe: (command) => (matches(command.join(" ")) ? Promise.resolve({ ok: false, output }) : fit.probe(command)),
  };
}

function answering(matches: (command: string) => boolean, output: string): Machine {
  return {
    ...fit,
    probe: (command) => (matches(command.join(" ")) ? Promise.resolve({ ok: true, output }) : fit.probe(command)),
  };
}

async function finding(id: string, machine: Machine, install: readonly ("nomad" | "envoy")[] = []) {
  const findings = await checkPrerequisites({ machine, install });
  return findings.find((finding) => finding.id === id);
}
