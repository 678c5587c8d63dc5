import { basename } from "node:path";
import type { HostData, HostFile, HostUnit, HostUnitRights } from "./host";

/** Seconds that a unit waits for the ports of others before that counts as a failure. */
const PORTS_SECONDS = 60;

/** Name of the unit that prepares the host at every boot. */
export const bootUnit = "meshform-boot.service";

/** What is written while a host runs, in memory: how its boot went, and whether it has left its cluster. */
export const RUN_FOLDER = "/run/meshform";

/** While this file is there the host has left its cluster for good: its agents stay down until the next boot. */
export const LEFT_FILE = `${RUN_FOLDER}/left`;

/** There from the drain for a reboot until the host takes jobs again. The host tool writes it. */
export const DRAINED_FILE = "/etc/meshform/drained";

/** Units that a host starts at every boot, in the order in which they are told to systemd. */
export function unitNames(host: HostData): string[] {
  return host.units.flatMap((unit) => [`${unit.name}.service`, ...(isTimed(unit) ? [`${unit.name}.timer`] : [])]);
}

/**
 * The unit that runs a command before any other unit of the host, at every boot. Should it fail, none of them starts, and the
 * console of the machine says why; it is tried again until it succeeds. The command itself waits longer before each attempt, by the
 * number of restarts that systemd tells it: only systemd 254 and newer wait longer and longer on their own (`RestartSteps`).
 *
 * It starts the others when it has succeeded, since a unit that requires it fails with its first attempt and is not tried again:
 * only systemd 254 and newer spare it that (`RestartMode=direct`), and Debian 12 has 252.
 */
export function bootUnitFile(command: string, host: HostData): HostFile {
  const units = unitNames(host);
  return unitFile(bootUnit, {
    Unit: {
      Description: "Bring this host to what its data says",
      ...networkOnline,
      // What it waits for may take longer than any number of attempts.
      StartLimitIntervalSec: "0",
    },
    Service: {
      Type: "oneshot",
      RemainAfterExit: "yes",
      ExecStart: execLine([command]),
      ExecStartPost: units.length > 0 ? execLine(["/bin/systemctl", "start", "--no-block", ...units]) : undefined,
      Restart: "on-failure",
      RestartSec: "1",
      TimeoutStartSec: "30min",
      StandardOutput: "journal+console",
      StandardError: "journal+console",
      ...bootHardening,
    },
    Install: { WantedBy: "multi-user.target" },
  });
}

/**
 * The systemd units of a host, as files.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html
 */
export function unitFiles(host: HostData): HostFile[] {
  return host.units.flatMap((unit) => [service(unit, host), ...timer(unit)]);
}

const networkOnline = { Wants: "network-online.target", After: "network-online.target" };

function service(unit: HostUnit, host: HostData): HostFile {
  const earlier = host.units.filter(({ name }) => unit.after?.includes(name));
  // One that runs once must have succeeded. One that has a timer has, since it is tried until it does; to require it would
  // start it again whenever this unit starts.
  const required = earlier.filter((other) => other.oneshot && !isTimed(other));
  const wanted = earlier.filter((other) => !runsOnce(other));
  const services = (units: readonly HostUnit[]) => units.map(({ name }) => `${name}.service`);
  // Containers outlive a drain only if their daemon does.
  const docker = host.systemPackages.includes("docker.io") ? ["docker.service"] : [];
  return unitFile(`${unit.name}.service`, {
    Unit: {
      Description: unit.description,
      Requires: [bootUnit, ...services(required)].join(" "),
      Wants: [networkOnline.Wants, ...services(wanted)].join(" "),
      After: [networkOnline.After, ...docker, bootUnit, ...services(earlier)].join(" "),
      // An agent that fails is started again however often: it may wait for another host.
      StartLimitIntervalSec: "0",
      ConditionPathExists: unit.downAfterLeave ? `!${LEFT_FILE}` : undefined,
    },
    Service: {
      User: unit.user,
      Environment: Object.entries(unit.environment ?? {}).map(([name, value]) => quoteWord(`${name}=${value}`, /%/g)),
      ExecStartPre: waitLine(unit.waitForPorts ?? []),
      ...(runsOnce(unit) ? onceSettings(unit) : longRunningSettings(unit)),
      ExecStop: unit.stopCommand && execLine(unit.stopCommand),
      TimeoutStartSec: "infinity",
      TimeoutStopSec: String(unit.stopSeconds ?? 30),
      KillMode: unit.killMode ?? "control-group",
      KillSignal: unit.killSignal ?? "SIGTERM",
      LimitNOFILE: "65536",
      ...(unit.killMode === "process" ? tasksOutliveIt : {}),
      ...(isRoot(unit) ? unit.rights && confinement(unit.rights) : hardening(unit, host)),
    },
    Install: { WantedBy: "multi-user.target" },
  });
}

function timer(unit: HostUnit): HostFile[] {
  if (!isTimed(unit)) return [];
  return [
    unitFile(`${unit.name}.timer`, {
      Unit: { Description: `${unit.description}, again and again` },
      Timer: { OnUnitInactiveSec: String(unit.everySeconds), AccuracySec: "1s" },
      Install: { WantedBy: "timers.target" },
    }),
  ];
}

function longRunningSettings(unit: HostUnit) {
  return {
    Type: unit.notify ? "notify" : "exec",
    ExecStart: execLine(unit.command),
    Restart: "on-failure",
    RestartSec: String(unit.restartSeconds ?? 2),
  };
}

/**
 * Tried again within one start: were each attempt a start of its own, the first failure would fail all units that wait for
 * this one.
 */
function onceSettings(unit: HostUnit) {
  const untilSucceeded = `until "$@"; do sleep ${unit.restartSeconds ?? 2}; done`;
  return {
    Type: "oneshot",
    RemainAfterExit: isTimed(unit) ? "no" : "yes",
    ExecStart: execLine(["/bin/sh", "-c", untilSucceeded, "sh", ...unit.command]),
  };
}

/** For an agent whose tasks are processes below it, and outlive it. */
const tasksOutliveIt = { LimitNPROC: "infinity", TasksMax: "infinity" };

/**
 * What a process that is not root can do without: it sees the system read-only, but for the directories that are its user's.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Sandboxing
 */
function hardening(unit: HostUnit, host: HostData): Settings {
  const own = host.directories.filter(({ owner }) => owner?.split(":").at(0) === unit.user);
  return {
    ...sandbox,
    ReadWritePaths: own.map(({ path }) => path).join(" ") || undefined,
    CapabilityBoundingSet: "",
    // Refused rather than killed: Nomad tries at its start which sandboxes there are.
    SystemCallErrorNumber: "EPERM",
  };
}

/** The same for a process of root, which keeps some of its rights. */
function confinement({ capabilities, writablePaths }: HostUnitRights): Settings {
  return {
    ...sandbox,
    // What is not there yet is no error.
    ReadWritePaths: writablePaths.map((path) => `-${path}`).join(" ") || undefined,
    CapabilityBoundingSet: capabilities.join(" "),
    SystemCallErrorNumber: "EPERM",
    // Where it keeps secrets for a moment, in memory.
    RuntimeDirectory: basename(RUN_FOLDER),
    RuntimeDirectoryMode: "0755",
    RuntimeDirectoryPreserve: "yes",
    UMask: "0077",
  };
}

const sandbox: Settings = {
  ProtectSystem: "strict",
  ProtectHome: "yes",
  PrivateTmp: "yes",
  PrivateDevices: "yes",
  ProtectClock: "yes",
  ProtectControlGroups: "yes",
  ProtectHostname: "yes",
  ProtectKernelLogs: "yes",
  ProtectKernelModules: "yes",
  ProtectKernelTunables: "yes",
  NoNewPrivileges: "yes",
  LockPersonality: "yes",
  MemoryDenyWriteExecute: "yes",
  // netlink tells Go the interfaces and their addresses.
  RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  RestrictNamespaces: "yes",
  RestrictRealtime: "yes",
  RestrictSUIDSGID: "yes",
  SystemCallArchitectures: "native",
  SystemCallFilter: "@system-service",
};

/**
 * What preparing a host does without. It installs packages and runs anyone's steps, so it writes where it wants, may use `sudo`, and
 * sees devices. It also sees the mounts of the machine itself, or nothing else would see what a step mounts: none of the settings that
 * need a view of their own.
 */
const bootHardening: Settings = {
  CapabilityBoundingSet: `~${[
    ...["SYS_TIME", "SYS_BOOT", "SYS_RAWIO", "SYS_PACCT", "SYS_TTY_CONFIG", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND"],
    ...["BPF", "MAC_OVERRIDE", "AUDIT_CONTROL", "AUDIT_READ", "IPC_OWNER", "LEASE"],
  ]
    .map((name) => `CAP_${name}`)
    .join(" ")}`,
  LockPersonality: "yes",
  RestrictRealtime: "yes",
  SystemCallArchitectures: "native",
  SystemCallFilter: "~@clock @cpu-emulation @debug @obsolete @raw-io @reboot",
  SystemCallErrorNumber: "EPERM",
  UMask: "0022",
};

function waitLine(ports: readonly number[]): string | undefined {
  if (ports.length === 0) return undefined;
  const script = 'for port; do until (: > "/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.2; done; done';
  return execLine(["/usr/bin/timeout", String(PORTS_SECONDS), "/bin/bash", "-c", script, "bash", ...ports.map(String)]);
}

function isRoot(unit: HostUnit): boolean {
  return unit.user === undefined || unit.user === "root";
}

function isTimed(unit: HostUnit): boolean {
  return unit.everySeconds !== undefined;
}

function runsOnce(unit: HostUnit): boolean {
  return unit.oneshot === true || isTimed(unit);
}

type Settings = Readonly<Record<string, string | readonly string[] | undefined>>;

function unitFile(name: string, sections: Readonly<Record<string, Settings>>): HostFile {
  const texts = Object.entries(sections).map(([section, settings]) =>
    [
      `[${section}]\n`,
      ...Object.entries(settings).flatMap(([key, value]) => [value ?? []].flat().map((it) => `${key}=${it}\n`)),
    ].join(""),
  );
  return { path: `/etc/systemd/system/${name}`, content: texts.join("\n") };
}

/** A command line of which systemd takes each word literally. */
function execLine(words: readonly string[]): string {
  return words.map((word) => quoteWord(word, /[%$]/g)).join(" ");
}

/** @param special the characters that mean something to systemd unless doubled */
function quoteWord(word: string, special: RegExp): string {
  const literal = word.replace(special, "$&$&");
  if (/^[\w@%+=:,./$-]+$/.test(literal)) return literal;
  return `"${literal.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
