import type { HostData, HostFile, HostUnit } from "./host";

/** Seconds that a unit waits for the ports of others before that counts as a failure. */
const PORTS_SECONDS = 60;

/** Seconds between two attempts to prepare a host: each attempt itself waits longer and longer for what it fetches. */
const BOOT_RETRY_SECONDS = 10;

/** Name of the unit that prepares the host at every boot. */
export const bootUnit = "meshform-boot.service";

/** Units that a host starts at every boot, in the order in which they are told to systemd. */
export function unitNames(host: HostData): string[] {
  return host.units.flatMap((unit) => [`${unit.name}.service`, ...(isTimed(unit) ? [`${unit.name}.timer`] : [])]);
}

/**
 * The unit that runs a command before any other unit of the host, at every boot. Should it fail, none of them starts, and the
 * console of the machine says why; it is tried again until it succeeds.
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
      RestartSec: String(BOOT_RETRY_SECONDS),
      TimeoutStartSec: "30min",
      StandardOutput: "journal+console",
      StandardError: "journal+console",
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
  return unitFile(`${unit.name}.service`, {
    Unit: {
      Description: unit.description,
      Requires: [bootUnit, ...services(required)].join(" "),
      Wants: [networkOnline.Wants, ...services(wanted)].join(" "),
      After: [networkOnline.After, bootUnit, ...services(earlier)].join(" "),
      // An agent that fails is started again however often: it may wait for another host.
      StartLimitIntervalSec: "0",
    },
    Service: {
      User: unit.user,
      Environment: Object.entries(unit.environment ?? {}).map(([name, value]) => quoteWord(`${name}=${value}`, /%/g)),
      ExecStartPre: waitLine(unit.waitForPorts ?? []),
      ...(runsOnce(unit) ? onceSettings(unit) : longRunningSettings(unit)),
      TimeoutStartSec: "infinity",
      TimeoutStopSec: "30",
      KillMode: unit.killMode ?? "control-group",
      KillSignal: unit.killSignal ?? "SIGTERM",
      LimitNOFILE: "65536",
      ...(unit.killMode === "process" ? tasksOutliveIt : {}),
      ...(isRoot(unit) ? {} : hardening(unit, host)),
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
    ProtectSystem: "strict",
    ReadWritePaths: own.map(({ path }) => path).join(" ") || undefined,
    ProtectHome: "yes",
    PrivateTmp: "yes",
    PrivateDevices: "yes",
    ProtectClock: "yes",
    ProtectControlGroups: "yes",
    ProtectKernelLogs: "yes",
    ProtectKernelModules: "yes",
    ProtectKernelTunables: "yes",
    NoNewPrivileges: "yes",
    CapabilityBoundingSet: "",
    LockPersonality: "yes",
    MemoryDenyWriteExecute: "yes",
    // netlink tells Go the interfaces and their addresses.
    RestrictAddressFamilies: "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    RestrictNamespaces: "yes",
    RestrictRealtime: "yes",
    RestrictSUIDSGID: "yes",
    SystemCallArchitectures: "native",
    SystemCallFilter: "@system-service",
    // Refused rather than killed: Nomad tries at its start which sandboxes there are.
    SystemCallErrorNumber: "EPERM",
  };
}

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
