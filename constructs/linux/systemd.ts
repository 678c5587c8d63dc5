import { basename } from "node:path";
import type { HostData, HostFile, HostUnit, HostUnitRights } from "./host";

/** Seconds that a unit waits for ports until this counts as a failure. */
const PORTS_SECONDS = 60;

/** Name of the unit that prepares the host at every boot. */
export const bootUnit = "meshform-boot.service";

/** Directory in memory with the state of the running host: the progress of its boot, and whether it has left its cluster. */
export const RUN_FOLDER = "/run/meshform";

/** This file exists if the host has left its cluster permanently. Its agents are then not started until the next boot. */
export const LEFT_FILE = `${RUN_FOLDER}/left`;

/** This file exists from the drain before a reboot until the host accepts jobs again. The host tool writes it. */
export const DRAINED_FILE = "/etc/meshform/drained";

/** Names of the units that a host starts at every boot, in the order in which systemd gets them. */
export function unitNames(host: HostData): string[] {
  return host.units.flatMap((unit) => [`${unit.name}.service`, ...(isTimed(unit) ? [`${unit.name}.timer`] : [])]);
}

/**
 * Returns the unit that runs a command at every boot, before any other unit of the host. If the command fails, the other units
 * are not started, the console of the machine shows the reason, and the command is retried until it succeeds. The command itself
 * waits longer before each attempt, based on the number of restarts that systemd reports, because only systemd 254 and newer can
 * increase the delay (`RestartSteps`).
 *
 * When the command has succeeded, this unit starts the other units. They cannot rely on `Requires` alone: a unit that requires
 * this one fails with its first attempt and is not retried. Only systemd 254 and newer prevent this (`RestartMode=direct`), and
 * Debian 12 has 252.
 */
export function bootUnitFile(command: string, host: HostData): HostFile {
  const units = unitNames(host);
  return unitFile(bootUnit, {
    Unit: {
      Description: "Bring this host to what its data says",
      ...networkOnline,
      // What the command waits for may take any number of attempts.
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
  const earlier = host.units.filter(({ name, first }) => unit.after?.includes(name) || (first && !unit.first));
  // A unit that runs once must have succeeded. A unit with a timer is not required, because `Requires` would start it again
  // whenever this unit starts. It is retried until it succeeds anyway.
  const required = earlier.filter((other) => other.oneshot && !isTimed(other));
  const wanted = earlier.filter((other) => !runsOnce(other));
  const services = (units: readonly HostUnit[]) => units.map(({ name }) => `${name}.service`);
  // Containers continue to run during a drain only if their daemon is still running.
  const docker = host.systemPackages.includes("docker.io") ? ["docker.service"] : [];
  return unitFile(`${unit.name}.service`, {
    Unit: {
      Description: unit.description,
      Requires: [bootUnit, ...services(required)].join(" "),
      Wants: [networkOnline.Wants, ...services(wanted)].join(" "),
      After: [networkOnline.After, ...docker, bootUnit, ...services(earlier)].join(" "),
      // A failed agent is restarted without a limit, because it may be waiting for another host.
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
 * Retries within a single start of the unit. If each attempt were a separate start, the first failure would fail all units that
 * wait for this one.
 */
function onceSettings(unit: HostUnit) {
  const untilSucceeded = `until "$@"; do sleep ${unit.restartSeconds ?? 2}; done`;
  return {
    Type: "oneshot",
    RemainAfterExit: isTimed(unit) ? "no" : "yes",
    ExecStart: execLine(["/bin/sh", "-c", untilSucceeded, "sh", ...unit.command]),
  };
}

/** For an agent whose tasks are its child processes and continue to run when it stops. */
const tasksOutliveIt = { LimitNPROC: "infinity", TasksMax: "infinity" };

/**
 * Sandboxing of a process that does not run as root: the system is read-only for it, except for the directories of its user.
 *
 * @see https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Sandboxing
 */
function hardening(unit: HostUnit, host: HostData): Settings {
  const own = host.directories.filter(({ owner }) => owner?.split(":").at(0) === unit.user);
  return {
    ...sandbox,
    ReadWritePaths: own.map(({ path }) => path).join(" ") || undefined,
    CapabilityBoundingSet: "",
    // Forbidden system calls return an error instead of killing the process: at its start, Nomad tests which sandboxes are
    // available.
    SystemCallErrorNumber: "EPERM",
  };
}

/** Sandboxing of a process of root, which keeps some of its privileges. */
function confinement({ capabilities, writablePaths }: HostUnitRights): Settings {
  return {
    ...sandbox,
    // Missing paths are not an error.
    ReadWritePaths: writablePaths.map((path) => `-${path}`).join(" ") || undefined,
    CapabilityBoundingSet: capabilities.join(" "),
    SystemCallErrorNumber: "EPERM",
    // Here it keeps secrets briefly, in memory.
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
  // Go uses netlink to read the interfaces and their addresses.
  RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  RestrictNamespaces: "yes",
  RestrictRealtime: "yes",
  RestrictSUIDSGID: "yes",
  SystemCallArchitectures: "native",
  SystemCallFilter: "@system-service",
};

/**
 * Privileges that the preparation of a host does not need. It installs packages and runs steps of users, so it can write
 * everywhere, can use `sudo`, and sees devices. It also uses the mount namespace of the machine, because otherwise no other
 * process would see what a step mounts. Settings that need a separate mount namespace are therefore not used.
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

/** Returns a command line in which systemd takes each word literally. */
function execLine(words: readonly string[]): string {
  return words.map((word) => quoteWord(word, /[%$]/g)).join(" ");
}

/** @param special the characters that mean something to systemd unless doubled */
function quoteWord(word: string, special: RegExp): string {
  const literal = word.replace(special, "$&$&");
  if (/^[\w@%+=:,./$-]+$/.test(literal)) return literal;
  return `"${literal.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
