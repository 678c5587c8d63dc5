import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { freemem, release } from "node:os";
import { dirname, join } from "node:path";
import { isAtLeast } from "../../constructs/linux/version-number";
import { engineCache } from "./engines/cache";
import { CATALOGUE, TOOLS_FOLDER } from "./engines/catalogue";
import type { EngineName } from "./engines/engine";
import { findProgram } from "./find-program";
import { labsRoot } from "../core/lab-files";

/** How long one look at the machine may take, in milliseconds. */
const PROBE_MS = 15_000;
const GIB = 2 ** 30;

/** One thing that the lab needs of the machine, and whether it is there. */
export interface Finding {
  readonly id: string;
  readonly ok: boolean;
  /** What is needed. */
  readonly what: string;
  /** What the machine has instead, or the version that it has. */
  readonly found?: string;
  /** What to do when it is missing, as a whole sentence. */
  readonly remedy: string;
  /** The Debian package that brings it. `install` and `up` install that themselves. */
  readonly debianPackage?: string;
}

/** A look at the machine that changes nothing. */
export interface Machine {
  readonly platform: string;
  readonly kernel: string;
  readonly uid: number;
  readonly nodeVersion: string;
  /** In bytes. */
  readonly availableMemory: number;
  /** Bytes left where a folder is or will be. */
  readonly freeDisk: (folder: string) => Promise<number>;
  /** The absolute path of a program on PATH. */
  readonly find: (program: string) => string | undefined;
  /** Runs a command; what it said, and whether it succeeded. */
  readonly probe: (command: readonly [string, ...string[]]) => Promise<{ ok: boolean; output: string }>;
}

export interface PrerequisiteOptions {
  /** Engines that are still to be installed: they need compilers, disk and memory. @default none */
  readonly install?: readonly EngineName[];
  /** Whether what only the tests need is asked for too. @default false */
  readonly tests?: boolean;
  /** @default this machine */
  readonly machine?: Machine;
}

/**
 * Looks for everything that the lab needs of this machine. Touches nothing: what the kernel can do is tried in throw-away
 * namespaces. What cannot be judged yet, since something else is missing, is left out.
 */
export async function checkPrerequisites(options: PrerequisiteOptions = {}): Promise<Finding[]> {
  const machine = options.machine ?? thisMachine();
  const needs = new Set((options.install ?? []).flatMap((name) => CATALOGUE[name].needs));
  const findings = await Promise.all([
    ...basics(machine),
    ...resources(machine, needs),
    ...programs(machine, options.tests ?? false),
    ...kernelFeatures(machine),
    ...toolchains(machine, options.install ?? [], options.tests ?? false),
  ]);
  return findings.filter((finding) => finding !== undefined);
}

type Check = Finding | undefined | Promise<Finding | undefined>;

function basics(machine: Machine): Check[] {
  const minimum = minimumNode();
  return [
    {
      id: "linux",
      ok: machine.platform === "linux",
      what: "Linux",
      found: machine.platform === "linux" ? machine.kernel : machine.platform,
      remedy: "Use a Linux machine or a virtual machine.",
    },
    {
      id: "root",
      ok: machine.uid === 0,
      what: "root",
      found: machine.uid === 0 ? undefined : `user ${machine.uid}`,
      remedy: "Run the command as root, with sudo for example; only then can the kernel be checked.",
    },
    {
      id: "node",
      ok: isAtLeast(machine.nodeVersion, minimum),
      what: `Node ${minimum} or newer`,
      found: machine.nodeVersion,
      remedy: `Install Node ${minimum} or newer.`,
    },
  ];
}

function resources(machine: Machine, needs: ReadonlySet<string>): Check[] {
  const compiles = needs.has("go");
  // Go's module and build caches take most of the room, its linker most of the memory.
  const [disk, memory] = compiles ? [8, 3] : [1, 1];
  const purpose = compiles ? " to build the engines" : "";
  const cache = engineCache();
  const room = async (id: string, gibs: number, folder: string, why: string, remedy: string): Promise<Finding> => {
    const free = await machine.freeDisk(folder);
    return { id, ok: free >= gibs * GIB, what: `${gibs} GiB of free disk${why}`, found: gib(free), remedy };
  };
  return [
    ...(needs.size > 0
      ? [
          room(
            "disk",
            disk,
            cache,
            purpose,
            `Free ${disk} GiB on the disk of ${cache}, or set XDG_CACHE_HOME to another directory.`,
          ),
        ]
      : []),
    room("lab-disk", 1, labsRoot, " for the hosts and their tasks", `Free 1 GiB on the disk of ${labsRoot}.`),
    {
      id: "memory",
      ok: machine.availableMemory >= memory * GIB,
      what: `${memory} GiB of free memory${purpose}`,
      found: gib(machine.availableMemory),
      remedy: compiles
        ? `Free ${memory} GiB of memory, or install consul and nomad on PATH.`
        : `Free ${memory} GiB of memory.`,
    },
  ];
}

function programs(machine: Machine, tests: boolean): Check[] {
  const list: readonly WantedProgram[] = [
    { program: "ip", debianPackage: "iproute2", version: "-V" },
    { program: "iptables", debianPackage: "iptables", version: "--version" },
    { program: "unshare", debianPackage: "util-linux", version: "--version" },
    { program: "nsenter", debianPackage: "util-linux", version: "--version" },
    { program: "flock", debianPackage: "util-linux", version: "--version" },
    ...(tests ? testPrograms : []),
  ];
  return [...list.map((wanted) => programFinding(machine, wanted)), ...(tests ? [checkDockerClient(machine)] : [])];
}

interface WantedProgram {
  readonly program: string;
  readonly debianPackage: string;
  /** The argument with which it tells its version. */
  readonly version: string;
}

async function programFinding(machine: Machine, { program, debianPackage, version }: WantedProgram): Promise<Finding> {
  const path = machine.find(program);
  const said = path === undefined ? undefined : await machine.probe([path, version]);
  return {
    id: program,
    ok: path !== undefined,
    what: `the program ${program}`,
    found: said?.output.split("\n")[0],
    ...debian(debianPackage),
  };
}

const docker: WantedProgram = { program: "dockerd", debianPackage: "docker.io", version: "--version" };
/** Up to Debian 12 it comes with docker.io, from Debian 13 on in a package of its own. */
const dockerClient: WantedProgram = { program: "docker", debianPackage: "docker-cli", version: "--version" };

/** The Docker daemon, which only apps with containers need. */
export function checkDocker(machine: Machine): Promise<Finding> {
  return programFinding(machine, docker);
}

/** The client, which only builds from a Dockerfile need. Cannot be judged before the daemon is there, which may bring it. */
export async function checkDockerClient(machine: Machine): Promise<Finding | undefined> {
  return machine.find(docker.program) === undefined ? undefined : programFinding(machine, dockerClient);
}

/**
 * What only the tests, and some examples, run: containers, certificates, a look at the wire, Prometheus as a job, a browser for pages, and
 * what boots a cloud machine.
 */
const testPrograms: readonly WantedProgram[] = [
  docker,
  { program: "openssl", debianPackage: "openssl", version: "version" },
  { program: "tcpdump", debianPackage: "tcpdump", version: "--version" },
  { program: "prometheus", debianPackage: "prometheus", version: "--version" },
  { program: "promtool", debianPackage: "prometheus", version: "--version" },
  { program: "chromium", debianPackage: "chromium", version: "--version" },
  { program: "cloud-init", debianPackage: "cloud-init", version: "--version" },
  { program: "systemd-analyze", debianPackage: "systemd", version: "--version" },
  { program: "shellcheck", debianPackage: "shellcheck", version: "--version" },
  { program: "curl", debianPackage: "curl", version: "--version" },
  { program: "gpg", debianPackage: "gpg", version: "--version" },
  { program: "gpg-agent", debianPackage: "gpg-agent", version: "--version" },
];

function kernelFeatures(machine: Machine): Check[] {
  if (machine.platform !== "linux" || machine.uid !== 0 || machine.find("unshare") === undefined) return [];
  const rebuild = "Use a kernel with this feature; in a container, run it privileged.";
  const feature = async (id: string, what: string, namespaces: readonly string[], script: string): Promise<Finding> => {
    const tried = await machine.probe(["unshare", ...namespaces, "sh", "-ec", script]);
    const reason = tried.output.split("\n")[0];
    return { id, ok: tried.ok, what, found: tried.ok ? undefined : reason, remedy: rebuild };
  };
  const hasIp = machine.find("ip") !== undefined;
  const hasIptables = machine.find("iptables") !== undefined;
  const overlay =
    "mount -t tmpfs t /tmp; cd /tmp; mkdir l u w m; mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m";
  const nat = "iptables -t nat -A POSTROUTING -m comment --comment meshform -j MASQUERADE";
  return [
    feature("network-namespaces", "network namespaces", ["--net"], "true"),
    feature("process-namespaces", "process and mount namespaces", ["--pid", "--fork", "--mount-proc"], "true"),
    hasIp ? feature("bridge", "network bridges", ["--net"], "ip link add meshform0 type bridge") : undefined,
    hasIp
      ? feature(
          "veth",
          "virtual network cables (veth)",
          ["--net"],
          "ip link add meshform1 type veth peer name meshform2",
        )
      : undefined,
    hasIptables ? feature("nat", "address translation by iptables", ["--net"], nat) : undefined,
    feature("overlayfs", "overlay file systems", ["--mount"], overlay),
    bridgeFilter(machine),
  ];
}

async function bridgeFilter(machine: Machine): Promise<Finding> {
  const loaded = await machine.probe(["test", "-e", "/proc/sys/net/bridge/bridge-nf-call-iptables"]);
  const loadable = loaded.ok || (await machine.probe(["modprobe", "--dry-run", "br_netfilter"])).ok;
  return {
    id: "br_netfilter",
    ok: loadable,
    what: "packet filtering on bridges (br_netfilter)",
    found: loaded.ok ? "loaded" : loadable ? "loadable" : undefined,
    remedy: "Load the kernel module br_netfilter, or use a kernel that has it.",
  };
}

function toolchains(machine: Machine, install: readonly EngineName[], tests: boolean): Check[] {
  const needing = (tool: "go" | "c" | "python") => install.filter((name) => CATALOGUE[name].needs.includes(tool));
  // The tests generate the types again, with Go.
  const goModules = [...needing("go"), ...(tests ? ["typegen"] : [])];
  return [
    goModules.length > 0 ? go(machine, goModules) : undefined,
    ...(needing("c").length > 0 ? cCompiler(machine) : []),
    needing("python").length > 0 ? python(machine, needing("python")) : undefined,
  ];
}

async function go(machine: Machine, modules: readonly string[]): Promise<Finding> {
  const minimum = modules.map(goLine).reduce((a, b) => (isAtLeast(a, b) ? a : b));
  const said = await machine.probe(["go", "env", "GOVERSION", "GOTOOLCHAIN"]);
  const [version = "", toolchain = ""] = said.ok ? said.output.split("\n") : [];
  const fetchesNewer = toolchain !== "local" && isAtLeast(version, "1.21");
  return {
    id: "go",
    ok: said.ok && (isAtLeast(version, minimum) || fetchesNewer),
    what: `Go ${minimum} or newer, for ${modules.join(", ")}`,
    found: said.ok ? version.replace(/^go/, "") : undefined,
    remedy: `Install Go ${minimum} or newer (https://go.dev/doc/install) and put it on PATH.`,
  };
}

/** The version of Go that one of our modules asks for. */
function goLine(module: string): string {
  const text = readFileSync(join(TOOLS_FOLDER, module, "go.mod"), "utf8");
  return /^go (\S+)$/m.exec(text)?.[1] ?? "1.24";
}

function cCompiler(machine: Machine): Check[] {
  const compiler = machine.find("gcc") ?? machine.find("cc");
  const headers = "for folder in /usr/include /usr/include/*; do test -e $folder/stdlib.h && exit 0; done; exit 1";
  return [
    {
      id: "c-compiler",
      ok: compiler !== undefined,
      what: "a C compiler, for nomad",
      found: compiler,
      ...debian("gcc"),
    },
    machine.probe(["sh", "-c", headers]).then(({ ok }) => ({
      id: "c-headers",
      ok,
      what: "the headers of the C library, for nomad",
      ...debian("libc6-dev"),
    })),
  ];
}

async function python(machine: Machine, engines: readonly EngineName[]): Promise<Finding> {
  const minimum = "3.10";
  const said = await machine.probe(["python3", "-c", "import ensurepip, platform; print(platform.python_version())"]);
  const tooOld = said.ok && !isAtLeast(said.output, minimum);
  return {
    id: "python",
    ok: said.ok && !tooOld,
    what: `Python ${minimum} or newer with venv, for ${engines.join(", ")}`,
    found: said.ok ? said.output.trim() : undefined,
    ...(tooOld ? { remedy: `Install python3 ${minimum} or newer on PATH.` } : debian("python3-venv")),
  };
}

function debian(debianPackage: string): Pick<Finding, "remedy" | "debianPackage"> {
  return { remedy: `Install the package ${debianPackage}.`, debianPackage };
}

function minimumNode(): string {
  const manifest = JSON.parse(readFileSync(require.resolve("meshform/package.json"), "utf8")) as {
    engines: { node: string };
  };
  return manifest.engines.node.replace(/^\D+/, "");
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  return {
    platform: process.platform,
    kernel: release(),
    uid: process.getuid?.() ?? -1,
    nodeVersion: process.versions.node,
    // On Linux this is what the kernel calls available, page cache included.
    availableMemory: freemem(),
    freeDisk: async (folder) => {
      let existing = folder;
      while (!existsSync(existing)) existing = dirname(existing);
      const { bavail, bsize } = await statfs(existing);
      return bavail * bsize;
    },
    find: (program) => findProgram(program),
    // Away from any go.mod, which could make Go download another version of itself just to answer.
    probe: ([file, ...args]) =>
      new Promise((resolve) => {
        const child = execFile(file, args, { cwd: "/", timeout: PROBE_MS }, (error, stdout, stderr) => {
          resolve({ ok: error === null, output: (stdout + stderr).trim() });
        });
        child.stdin?.end();
      }),
  };
}
