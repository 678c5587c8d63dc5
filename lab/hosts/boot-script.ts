import { basename, dirname } from "node:path";
import type { HostData, HostUnit, HostVolume } from "../../constructs/linux/host";
import { hostLines } from "../../constructs/linux/host-lines";
import { commandLine, quote } from "../../constructs/linux/shell";
import { LEFT_FILE } from "../../constructs/linux/systemd";
import { bytesOfVolume, labelOf } from "../../constructs/linux/volume-lines";
import { KEPT_TREES, SCRATCH_TREES } from "../machine/shown-folders";
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

/** Folders that are the host's own, and empty at first, by their mode. Anything else of the machine does not exist for it. */
const ownTrees = {
  "0755": ["/home", "/media", "/mnt", "/srv", "/var/cache", "/var/lib", "/var/log", "/var/spool"],
  "0700": ["/root"],
  "1777": ["/tmp", "/var/tmp"],
};
/** What programs need of the machine's devices: no disk, no memory, no kernel log. */
const devices = ["full", "null", "random", "tty", "urandom", "zero"];
/** What root on a host may not do, since it would be done to the machine. Privileged containers of LXC may not, either. */
const droppedCapabilities = [
  ...["sys_module", "sys_rawio", "sys_time", "sys_boot", "mac_admin", "mac_override"],
  // Files by their handles, wherever they are.
  "dac_read_search",
];

const root = "/run/meshform-root";
const supervisor = "/run/meshform/supervisor";

/**
 * The script that turns fresh namespaces into a host: it runs as their first process, prepares what a cloud machine finds
 * prepared, and ends by becoming the supervisor of the units. Nothing that it mounts or sets is seen outside. Of the machine's
 * files the host sees those which programs need, and can change none: its root is a file system of its own, in which layers
 * take what it writes.
 */
export function bootScript(options: BootOptions): string {
  return `#!/bin/sh
# Boots the lab host ${options.host.name}, in namespaces of its own.
set -eu
umask 022
host=${quote(options.folder)}
root=${root}

overlay() { # <folder> <where its writable layer is kept>
  mkdir -p "$2/upper$1" "$2/work$1" "$root$1"
  chmod --reference="$1" "$2/upper$1"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper$1,workdir=$2/work$1" "$root$1"
}

# --- a root of its own; it is not reached from the machine's, nor the machine's from it
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir "$root"
mount -t tmpfs -o mode=0755 tmpfs "$root"
cd "$root"
mkdir dev proc run sys
${Object.entries(ownTrees).map(makeTrees).join("\n")}
ln -s /run var/run
ln -s /run/lock var/lock
mount -t tmpfs -o mode=0755 tmpfs run
mkdir -p run/lock run/meshform/host run/meshform/programs
mkdir -m 1777 ${succeededUnits.slice(1)}
mount --bind "$host" run/meshform/host
# --- folders: the machine's below, the host's own layer above
for tree in ${SCRATCH_TREES.join(" ")}; do
  if [ -L "$tree" ]; then cp -P "$tree" ".$tree"
  elif [ -d "$tree" ]; then overlay "$tree" "$root/run/meshform"
  fi
done
for tree in ${KEPT_TREES.join(" ")}; do
  [ -d "$tree" ] || { mkdir -p ".$tree"; continue; }
  # Some file systems cannot hold an upper layer: then it is kept in memory and lost when the host ends.
  overlay "$tree" "$host" || overlay "$tree" "$root/run/meshform"
done
# --- programs and shares, wherever they are on the machine
${holdProgram([supervisor, { folder: dirname(dirname(options.supervisord)) }])}
${Object.entries(options.programs).map(holdProgram).join("\n")}
${Object.entries(options.shares).map(holdShare).join("\n")}
${holdVolumes(options.host.volumes)}
# --- what belongs to the kernel
hostname ${quote(options.host.name)}
mount -t proc proc proc
# Settings of the kernel are the machine's, but for those of the host's own network.
mount --bind proc/sys/net proc/sys/net
mount --rbind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
if [ -e proc/sysrq-trigger ]; then
  mount --bind proc/sysrq-trigger proc/sysrq-trigger
  mount -o remount,bind,ro proc/sysrq-trigger
fi
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=0755,nosuid tmpfs dev
for device in ${devices.join(" ")}; do
  : > "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/\${stream%:*}" "dev/\${stream#*:}"; done
mount -t tmpfs -o mode=1777 tmpfs dev/shm
${controlGroups(options.cgroup)}
mkdir run/machine
pivot_root . run/machine
cd /
umount --lazy /run/machine
rmdir /run/machine
# A machine that has agents of its own must not lend the lab their files.
if [ ! -e /etc/meshform-host ]; then
  rm -rf ${commandLine(ownDirectories(options.host))}
  : > /etc/meshform-host
fi
${options.host.volumes.map(({ mountPoint }) => showShare(mountPoint)).join("\n")}
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
exec setpriv --bounding-set ${droppedCapabilities.map((name) => `-${name}`).join(",")} \\
  ${held(supervisor)}/bin/${quote(basename(options.supervisord))} --nodaemon --configuration /run/meshform/host/supervisord.conf
`;
}

function makeTrees([mode, trees]: [string, readonly string[]]): string {
  return `mkdir -p -m ${mode} ${trees.map((tree) => `.${tree}`).join(" ")}`;
}

/**
 * Nomad makes its control groups right below the root of each hierarchy, and no setting of it changes that on cgroup v1. So
 * the host gets a group of its own in each hierarchy and sees that as the root.
 */
function controlGroups(name: string): string {
  return `# --- control groups
groups="$root/sys/fs/cgroup"
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
`;
}

/**
 * Holds a folder of the machine. The whole folder also for a single program: the file alone would do to start it, but not for
 * Nomad's exec driver, which seals its own program by looking at it in its folder, below any mount.
 */
function holdProgram([path, { folder }]: [string, Program]): string {
  return `mkdir "$root"${held(path)}
mount -o bind,ro ${quote(folder)} "$root"${held(path)}`;
}

function showProgram([path, { program }]: [string, Program]): string {
  if (program !== undefined) return `ln -sfn ${held(path)}/${quote(program)} ${quote(path)}`;
  return `mkdir -p ${quote(path)}
mount --bind ${held(path)} ${quote(path)}`;
}

function holdShare([path, folder]: [string, string]): string {
  return `mkdir "$root"${held(path)}
mount --bind ${quote(folder)} "$root"${held(path)}`;
}

function showShare(path: string): string {
  return `mkdir -p ${quote(path)}
mount --bind ${held(path)} ${quote(path)}`;
}

/**
 * The disk of a volume is a file in the host's folder: blank at first, kept while the lab exists, and as large as the volume. Where the
 * machine has no loop device for it, it is a folder.
 */
function holdVolumes(volumes: readonly HostVolume[]): string {
  if (volumes.length === 0) return "";
  return `# --- disks
hold_volume() { # <name> <label> <bytes> <where>
  mkdir -p "$host/disks" "$4"
  image="$host/disks/$1.img"
  if [ ! -d "$host/disks/$1" ]; then
    [ -e "$image" ] || : > "$image"
    truncate --size=">$3" "$image"
    blkid --probe "$image" >/dev/null 2>&1 || mkfs.ext4 -q -F -L "$2" "$image"
    e2fsck -f -p "$image" >/dev/null || [ $? -eq 1 ]
    resize2fs "$image" >/dev/null 2>&1
    if mount -t ext4 -o loop,noatime "$image" "$4"; then
      : > "$host/disks/$1.used"
      return
    fi
    if [ -e "$host/disks/$1.used" ]; then echo "no loop device for the disk $1 of this host" >&2; exit 1; fi
    rm "$image"
    mkdir "$host/disks/$1"
  fi
  mount --bind "$host/disks/$1" "$4"
}
${volumes
  .map((volume) => {
    const words = [volume.name, labelOf(volume), String(bytesOfVolume(volume))];
    return `hold_volume ${commandLine(words)} "$root"${held(volume.mountPoint)}`;
  })
  .join("\n")}`;
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
    ...(unit.downAfterLeave ? [`while [ -e ${LEFT_FILE} ]; do sleep 0.5; done`] : []),
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
      `stopwaitsecs = ${unit.stopSeconds ?? 30}`,
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
