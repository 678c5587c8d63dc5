import type { HostData, HostUnit } from "../constructs/linux/host";
import { hostLines } from "../constructs/linux/host-lines";
import { commandLine, quote } from "../constructs/linux/shell";
import { labNetwork } from "./topology";

/** Where a program, or a folder of programs, is on the machine. */
export interface Program {
  readonly folder: string;
  /** The file in the folder. @default the whole folder is meant */
  readonly program?: string;
}

/** What a lab host needs besides its data. */
export interface BootOptions {
  readonly host: HostData;
  readonly address: string;
  /** The host's own folder on the machine. */
  readonly folder: string;
  /** The name of its control groups. */
  readonly cgroup: string;
  /** Programs to show in the host, by their path inside. */
  readonly programs: Readonly<Record<string, Program>>;
  /** Folders of the machine that the host shares, by their path inside. */
  readonly shares: Readonly<Record<string, string>>;
  readonly supervisord: string;
}

/** Folders of the machine that the host sees as they are and writes to a layer of its own, kept while the lab exists. */
const keptTrees = ["/etc", "/opt", "/usr/local"];
/** The same, but what the host writes there is lost when it ends. */
const scratchTrees = ["/var", "/tmp"];

/**
 * The script that turns fresh namespaces into a host: it runs as their first process, prepares what a cloud machine finds
 * prepared, and ends by becoming the supervisor of the units. Nothing that it mounts or sets is seen outside.
 */
export function bootScript(options: BootOptions): string {
  return `#!/bin/sh
# Boots the lab host ${options.host.name}, in namespaces of its own.
set -eu
host=${quote(options.folder)}

overlay() { # <folder> <where its writable layer is kept>
  mkdir -p "$2/upper$1" "$2/work$1"
  chmod --reference="$1" "$2/upper$1"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper$1,workdir=$2/work$1" "$1"
}

# --- what belongs to the kernel
mount -t proc proc /proc
hostname ${quote(options.host.name)}
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /run/lock /run/meshform/host /run/meshform/programs /run/meshform/cgroup
mkdir -m 1777 ${succeededUnits}
mount --bind "$host" /run/meshform/host
${controlGroups(options.cgroup)}
# --- programs, held fast before the folders they may be in are covered
${Object.entries(options.programs).map(holdProgram).join("\n")}
${Object.entries(options.shares).map(holdShare).join("\n")}
# --- folders: the machine's below, the host's own layer above
for tree in ${keptTrees.join(" ")}; do
  # Some file systems cannot hold an upper layer: then it is kept in memory and lost when the host ends.
  overlay "$tree" "$host" || overlay "$tree" /run/meshform
done
for tree in ${scratchTrees.join(" ")}; do
  overlay "$tree" /run/meshform
done
# A machine that has agents of its own must not lend the lab their files.
if [ ! -e /etc/meshform-host ]; then
  rm -rf ${commandLine(ownDirectories(options.host))}
  : > /etc/meshform-host
fi
# --- users, directories, files
${hostLines(options.host, "/run/meshform/host/files").join("\n")}
${Object.entries(options.programs).map(showProgram).join("\n")}
${Object.keys(options.shares).map(showShare).join("\n")}
# --- network: the other end of eth0 is put on the switch from outside
ip link set lo up
tries=0
until ip link show dev eth0 >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ "$tries" -lt 1000 ] || { echo "no eth0 appeared" >&2; exit 1; }
  sleep 0.02
done
ip address add ${options.address}/${labNetwork.prefixLength} dev eth0
ip link set eth0 up
ip route add default via ${labNetwork.gateway}
# --- kernel modules and settings; only the network's are the host's own, others are left to the machine
${kernelLines(options.host)}
# --- steps of the host
${options.host.steps.join("\n")}
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -H -n)"
exec ${quote(options.supervisord)} --nodaemon --configuration /run/meshform/host/supervisord.conf
`;
}

/**
 * Nomad makes its control groups right below the root of each hierarchy, and no setting of it changes that on cgroup v1. So
 * the host gets a group of its own in each hierarchy and sees that as the root.
 */
function controlGroups(name: string): string {
  return `# --- control groups
groups=/run/meshform/cgroup
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/${name}/agents
  for controller in cpuset cpu io memory pids; do
    if ! grep -qw "$controller" /sys/fs/cgroup/cgroup.subtree_control; then
      # Written down, so that the end of the lab can undo it.
      echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control && echo "$controller" >> "$host/controllers" || true
    fi
    echo "+$controller" > /sys/fs/cgroup/${name}/cgroup.subtree_control || true
  done
  echo $$ > /sys/fs/cgroup/${name}/agents/cgroup.procs
  mount --bind /sys/fs/cgroup/${name} "$groups"
else
  mount -t tmpfs -o mode=0755 tmpfs "$groups"
  for hierarchy in /sys/fs/cgroup/*; do
    if [ -L "$hierarchy" ]; then
      cp -P "$hierarchy" "$groups/"
    elif [ -d "$hierarchy" ]; then
      mkdir -p "$hierarchy/${name}" "$groups/\${hierarchy##*/}"
      for file in cpuset.cpus cpuset.mems; do
        [ ! -e "$hierarchy/$file" ] || cat "$hierarchy/$file" > "$hierarchy/${name}/$file"
      done
      mount --bind "$hierarchy/${name}" "$groups/\${hierarchy##*/}"
    fi
  done
fi
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
mount --move "$groups" /sys/fs/cgroup
`;
}

/**
 * Holds a folder of the machine. The whole folder also for a single program: the file alone would do to start it, but not for
 * Nomad's exec driver, which seals its own program by looking at it in its folder, below any mount.
 */
function holdProgram([path, { folder }]: [string, Program]): string {
  return `mkdir ${held(path)}
mount -o bind,ro ${quote(folder)} ${held(path)}`;
}

function showProgram([path, { program }]: [string, Program]): string {
  if (program !== undefined) return `ln -sfn ${held(path)}/${quote(program)} ${quote(path)}`;
  return `mkdir -p ${quote(path)}
mount --bind ${held(path)} ${quote(path)}`;
}

function holdShare([path, folder]: [string, string]): string {
  return `mkdir ${held(path)}
mount --bind ${quote(folder)} ${held(path)}`;
}

function showShare(path: string): string {
  return `mkdir -p ${quote(path)}
mount --bind ${held(path)} ${quote(path)}`;
}

function held(path: string): string {
  return `/run/meshform/programs${path.replaceAll("/", "-").replace("-", "/")}`;
}

function ownDirectories(host: HostData): string[] {
  return host.directories.map(({ path }) => path).filter((path) => /^\/(etc|opt)\/./.test(path));
}

function kernelLines(host: HostData): string {
  const modules = host.kernelModules.map(
    (module) =>
      `if command -v modprobe >/dev/null; then modprobe --quiet ${quote(module)} || true; fi # may be built in`,
  );
  const settings = Object.entries(host.sysctls)
    .filter(([key]) => key.startsWith("net."))
    .map(([key, value]) => `printf '%s' ${quote(value)} > ${quote(`/proc/sys/${key.replaceAll(".", "/")}`)}`);
  return [...modules, ...settings].join("\n");
}

/** Where the supervisor of a host listens, inside the host. */
export const supervisorSocket = "/run/meshform/supervisor.sock";

/** Held units of a host start once this file is in the host's folder. */
export const gate = "open";
const gateInside = `/run/meshform/host/${gate}`;

/** Each unit that runs once leaves a file here when it has succeeded; units run as users of their own. */
const succeededUnits = "/run/meshform/succeeded";

/**
 * The script that a unit runs as: it waits for what the unit waits for, then becomes the unit's own command.
 *
 * @param units all units of the host: some may have to succeed before this one starts
 * @param held whether it waits for the gate too
 */
export function unitScript(unit: HostUnit, units: readonly HostUnit[], held: boolean): string {
  const awaited = units.filter((other) => runsOnce(other) && unit.after?.includes(other.name));
  const listening = (port: number) => {
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    return `until grep -qs ":${hex} [0:]* 0A" /proc/net/tcp /proc/net/tcp6; do sleep 0.05; done # port ${port}`;
  };
  return [
    "#!/bin/sh",
    `# ${unit.description}`,
    "set -eu",
    ...Object.entries(unit.environment ?? {}).map(([name, value]) => `export ${name}=${quote(value)}`),
    ...(held ? [`until [ -e ${gateInside} ]; do sleep 0.05; done`] : []),
    ...awaited.map(({ name }) => `until [ -e ${succeededUnits}/${name} ]; do sleep 0.05; done`),
    ...(unit.waitForPorts ?? []).map(listening),
    ...runLines(unit),
    "",
  ].join("\n");
}

function runsOnce({ oneshot, everySeconds }: HostUnit): boolean {
  return oneshot === true || everySeconds !== undefined;
}

function runLines(unit: HostUnit): string[] {
  const command = commandLine(unit.command);
  if (!runsOnce(unit)) return [`exec ${command}`];
  const retry = `sleep ${unit.restartSeconds ?? 2}`;
  const succeeded = `: > ${succeededUnits}/${unit.name}`;
  // The supervisor starts what failed again at once.
  if (unit.everySeconds === undefined) return [`${command} || { ${retry}; exit 1; }`, succeeded];
  return ["while :; do", `  if ${command}; then ${succeeded}; sleep ${unit.everySeconds}; else ${retry}; fi`, "done"];
}

/**
 * The supervisor's configuration: each unit a program with a log of its own, restarted whenever it ends, or whenever it fails if
 * it runs once.
 *
 * @see https://supervisord.org/configuration.html
 */
export function supervisorConfiguration(host: HostData): string {
  return [
    "[supervisord]",
    "user = root",
    "silent = true",
    "logfile = /run/meshform/host/log/supervisord.log",
    "pidfile = /run/meshform/supervisord.pid",
    "childlogdir = /run/meshform",
    "",
    "[unix_http_server]",
    `file = ${supervisorSocket}`,
    "chmod = 0700",
    "",
    "[supervisorctl]",
    `serverurl = unix://${supervisorSocket}`,
    "",
    "[rpcinterface:supervisor]",
    "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
    "",
    ...startOrder(host.units).flatMap((unit, index) => [
      `[program:${unit.name}]`,
      `command = /bin/sh /run/meshform/host/units/${unit.name}.sh`,
      `user = ${unit.user ?? "root"}`,
      `priority = ${index}`,
      "directory = /",
      ...(unit.oneshot && unit.everySeconds === undefined
        ? ["autorestart = unexpected", "exitcodes = 0", "startsecs = 0"]
        : ["autorestart = true", "startretries = 1000000"]),
      `stopsignal = ${(unit.killSignal ?? "SIGTERM").slice("SIG".length)}`,
      "stopwaitsecs = 30",
      // The shell that waits for a command does not hand a signal on to it.
      ...(runsOnce(unit) ? ["stopasgroup = true"] : []),
      `killasgroup = ${unit.killMode === "process" && !runsOnce(unit) ? "false" : "true"}`,
      "redirect_stderr = true",
      `stdout_logfile = /run/meshform/host/log/${unit.name}.log`,
      "stdout_logfile_maxbytes = 20MB",
      "stdout_logfile_backups = 1",
      "",
    ]),
  ].join("\n");
}

/** Units in an order in which each comes after those that it names. */
function startOrder(units: readonly HostUnit[]): HostUnit[] {
  const ordered: HostUnit[] = [];
  const visit = (unit: HostUnit, path: readonly string[]): void => {
    if (path.includes(unit.name)) throw new Error(`Units wait for each other: ${[...path, unit.name].join(" → ")}.`);
    if (ordered.includes(unit)) return;
    for (const name of unit.after ?? []) {
      const earlier = units.find((candidate) => candidate.name === name);
      if (earlier) visit(earlier, [...path, unit.name]);
    }
    ordered.push(unit);
  };
  for (const unit of units) visit(unit, []);
  return ordered;
}
