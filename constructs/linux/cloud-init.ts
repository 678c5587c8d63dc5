import { ValueError } from "../core/errors";
import { gzip } from "pako";
import { stringify } from "yaml";
import { type Asset, assetLines, assetOf, assetSource, isLarge } from "./assets";
import type { HostData, HostFile } from "./host";
import { fileLines, hostLines } from "./host-lines";
import {
  factLines,
  factsIn,
  factSource,
  FILL_FUNCTION,
  FILLED,
  filledLines,
  hasFacts,
  refuseMisplacedFacts,
  withoutValues,
} from "./instance-facts";
import { FETCH_FUNCTIONS, packageScript, type PackageOptions } from "./packages/package-lines";
import type { CloudPlatform } from "./platform";
import { commandLine, quote } from "./shell";
import { bootUnit, bootUnitFile, RUN_FOLDER, unitFiles, unitNames } from "./systemd";
import { UNRESOLVED, unresolvedIn } from "./unresolved";
import { VOLUME_FUNCTIONS, volumeLines } from "./volume-lines";

/** Options of {@link cloudInit}: the machine's distribution, and the sources of its files and packages. */
export interface CloudInitOptions extends PackageOptions {
  /**
   * Location from which machines fetch files of more than 4 KiB at boot: `https://…`, or a location that the platform supports,
   * with the credentials of the machine's own role. Upload {@link CloudInit.assets} to it.
   * @default none: these files are part of the user data
   */
  readonly assets?: string;
  /** The cloud in which the machines run. @default that of the cluster; without a platform, machines use no features of a cloud */
  readonly platform?: CloudPlatform;
}

/** One part of a host's user data. */
export interface CloudInitPart {
  /** Name of the file. */
  readonly name: string;
  /** Size in bytes when it is compressed separately. */
  readonly bytes: number;
}

/** The user data of a cloud machine, and what must exist before it boots. */
export interface CloudInit {
  /** The `#cloud-config`, uncompressed, for people to read. */
  readonly text: string;
  /** The compressed text in base64, for `user_data_base64` of an instance and `user_data` of a launch template. */
  readonly userData: string;
  /** Compressed size in bytes, which clouds limit. */
  readonly bytes: number;
  /** The files that must be uploaded to the location of the assets before a machine boots. */
  readonly assets: readonly Asset[];
  /**
   * Tags, or entries of custom metadata, that the template of the machines must add. The machines read the values of
   * {@link instanceFact} from them at boot. Empty if no instance facts are used.
   */
  readonly tags: Readonly<Record<string, string>>;
  /** The parts of the user data, the largest first. Compressed together they are smaller than their sum. */
  readonly parts: readonly CloudInitPart[];
}

/** Directory with the files and the scripts that prepare a cloud host. */
const folder = "/usr/local/lib/meshform";

/** Directory with the contents of files, each at its own path below it. */
const keptFolder = `${folder}/files`;

/** The functions of the boot script, if machines fetch assets. */
const FUNCTIONS_FILE = `${folder}/boot-functions`;

/**
 * Renders hosts to cloud-init user data, for Debian and Ubuntu machines on amd64 and arm64.
 *
 * All hosts of a group have the same user data: each machine keeps its own name, and go-sockaddr templates give it its own
 * addresses.
 *
 * cloud-init runs only at the first boot. It writes files, and installs and starts systemd units. One of the units runs a script
 * at every boot, before the agents start. The script creates users, directories and files, installs packages, loads kernel
 * modules, applies kernel settings and runs the steps. A machine does not fetch again what it has already fetched.
 *
 * @param host a host; its name is the name of the group
 * @throws ValueError if a package cannot be installed with these options, or if a value is known only to Terraform
 * @see https://docs.cloud-init.io/en/latest/reference/modules.html
 *
 * @example
 * const greeter = { name: "greeter", description: "A greeter", command: ["/usr/bin/logger", "Hello."], everySeconds: 60 };
 * const { userData } = cloudInit(composeHost("greeters", { units: [greeter] }), { distribution: "debian-12" });
 */
export function cloudInit(host: HostData, options: CloudInitOptions): CloudInit {
  for (const property of [...unresolvedIn(host, "host"), ...unresolvedIn(options, "options")]) {
    throw new ValueError(`${property} ${UNRESOLVED.problem}`, UNRESOLVED.fix);
  }
  return renderCloudInit(host, options);
}

/**
 * Renders user data without checking for values that only Terraform knows.
 * @internal
 */
export function renderCloudInit(withValues: HostData, options: CloudInitOptions): CloudInit {
  const { assets: location = "", platform } = options;
  refuseMisplacedFacts(withValues);
  const facts = factsIn([...withValues.files.map(({ content }) => content), location]);
  const files = withValues.files.map((file) => ({ ...file, content: withoutValues(file.content) }));
  const host = { ...withValues, files };
  const large = options.assets === undefined ? [] : files.filter(isLarge);
  const small = files.filter((file) => !large.includes(file));
  const kept = small.map((file) => ({ ...file, path: `${keptFolder}${file.path}`, mode: "0600" }));
  const boot = bootScript(host, { small, large, facts: [...facts.keys()] }, options);
  const script = { path: `${folder}/boot`, mode: "0755", content: boot.content };
  const written: readonly HostFile[] = [...kept, script, bootUnitFile(script.path, host), ...unitFiles(host)];
  const config = {
    write_files: written.map(({ path, mode = "0644", content, encoding }) => ({
      ...{ path, permissions: mode, content },
      ...(encoding === "base64" && { encoding: "b64" }),
    })),
    runcmd: [
      "set -e",
      "systemctl daemon-reload",
      commandLine(["systemctl", "enable", bootUnit, ...unitNames(host)]),
      // This unit starts the others.
      commandLine(["systemctl", "start", bootUnit]),
    ],
  };
  // cloud-init reads YAML 1.1, in which more words must be quoted to be strings.
  const yaml = stringify(config, { version: "1.1", lineWidth: 0, blockQuote: "literal" });
  const text = `#cloud-config\n# The hosts ${host.name}\n${yaml}`;
  const compressed = compress(text);
  return {
    text,
    userData: Buffer.from(compressed).toString("base64"),
    bytes: compressed.length,
    assets: boot.fetched.map(assetOf),
    tags: Object.fromEntries([...facts].map(([name, value]) => [platform?.instanceFacts.tagOf(name) ?? name, value])),
    parts: written
      .map(({ path, content }) => ({ name: path.replace(`${keptFolder}/`, "/"), bytes: compress(content).length }))
      .sort((a, b) => b.bytes - a.bytes),
  };
}

/** The output of Node's own gzip depends on the processor, so Terraform would see a change on another machine. */
function compress(text: string): Uint8Array {
  return gzip(Buffer.from(text), { level: 9 });
}

interface Contents {
  readonly small: readonly HostFile[];
  /** Files that machines fetch. */
  readonly large: readonly HostFile[];
  /** Names of instance facts. */
  readonly facts: readonly string[];
}

interface BootScript {
  readonly content: string;
  /** Files that the script fetches. */
  readonly fetched: readonly HostFile[];
}

/**
 * Returns the script that prepares a machine. If the machine fetches assets, it also fetches those functions of the script that
 * are not needed earlier. They are the same on every machine, make up most of the script, and would take space in the user data.
 */
function bootScript(host: HostData, { small, large, facts }: Contents, options: CloudInitOptions): BootScript {
  const source = large.length > 0 ? assetSource(options.assets ?? "", options.platform) : undefined;
  const packages = packageScript(host, options);
  const factReader = factSource(facts, options.platform);
  const readsFirst = factReader !== undefined && hasFacts(withoutValues(options.assets ?? ""));
  const reader = factReader === undefined ? [] : [factReader.functions];
  const functions = [
    ...(readsFirst ? [] : reader),
    ...(facts.length > 0 ? [FILL_FUNCTION] : []),
    ...(host.volumes.length > 0 ? [VOLUME_FUNCTIONS] : []),
    ...packages.functions,
  ];
  const functionsFile = { path: FUNCTIONS_FILE, content: functions.map((text) => `${text}\n`).join("") };
  const fetched = functions.length > 0 ? [...large, functionsFile] : large;
  const sourced = functions.length > 0 ? [commandLine([".", `${keptFolder}${FUNCTIONS_FILE}`])] : [];
  const factSection = { "facts of this machine": factLines(facts, factReader) };
  const sections = {
    ...(readsFirst && factSection),
    assets: source === undefined ? [] : [...assetLines(fetched, source, keptFolder), ...sourced],
    ...(!readsFirst && factSection),
    disks: volumeLines(host.volumes),
    "users, directories": hostLines({ ...host, files: [] }, keptFolder),
    files: placedLines([...small, ...large], keptFolder),
    packages: packages.lines,
    "kernel modules and settings": kernelLines(host),
    steps: host.steps,
  };
  const content = [
    "#!/bin/bash",
    `# Brings a host of the group ${host.name} to what its data says. Runs at every boot, before the agents.`,
    "set -Eeuo pipefail",
    "umask 022",
    ...progressLines,
    ...(source !== undefined || packages.lines.length > 0 ? [FETCH_FUNCTIONS] : []),
    ...(readsFirst ? reader : []),
    ...(source === undefined ? functions : []),
    ...Object.entries(sections).flatMap(([name, lines]) =>
      lines.length > 0 ? ["", `# --- ${name}`, commandLine(["stage", name]), ...lines] : [],
    ),
    "",
    "progress 'done'",
    "",
  ].join("\n");
  return { content, fetched: source === undefined ? [] : fetched };
}

/**
 * Shell lines that report the progress of the boot in a file, in the journal and on the console of the machine. After a failed
 * attempt, the next one waits first, twice as long each time, up to five minutes. systemd counts the attempts, from zero again if
 * a person starts the unit.
 */
const progressLines = [
  `attempts=0
[ -z "\${INVOCATION_ID:-}" ] || attempts=$(systemctl show --property=NRestarts --value ${bootUnit})
stage=start
progress() { # <state> [<reason>]
  [ -n "\${INVOCATION_ID:-}" ] || return 0
  local reason=\${2:-}
  reason=\${reason//[^[:print:]]/ } reason=\${reason//\\\\/\\\\\\\\} reason=\${reason//\\"/\\\\\\"}
  mkdir -p ${RUN_FOLDER}
  printf '{"state": "%s", "attempt": %d, "stage": "%s", "since": "%s", "reason": "%s"}\\n' \\
    "$1" "$((attempts + 1))" "$stage" "$(date -u +%FT%TZ)" "$reason" > ${RUN_FOLDER}/boot.new
  mv ${RUN_FOLDER}/boot.new ${RUN_FOLDER}/boot.json
}
stage() { # <name>
  stage=$1
  echo "Attempt $((attempts + 1)) to prepare this host: $stage"
  progress running
}
failed() { # <line> <file> <command>
  echo "Line $1 of $2 failed: $3" >&2
  progress failed "Line $1 of $2 failed: $3"
}
trap 'failed "$LINENO" "\${BASH_SOURCE[0]}" "$BASH_COMMAND"' ERR
if [ "$attempts" -gt 0 ]; then
  pause=$((attempts > 6 ? 300 : 5 << attempts - 1))
  echo "Attempt $((attempts + 1)) to prepare this host begins in $pause s. At once: systemctl restart ${bootUnit}"
  sleep "$pause"
fi`,
];

/** Returns shell lines that install files, with the values of facts inserted. */
function placedLines(files: readonly HostFile[], kept: string): string[] {
  const unfilled = files.filter(({ content }) => hasFacts(content));
  return [
    ...filledLines(
      unfilled.map(({ path }) => path),
      kept,
    ),
    ...files.flatMap((file) => fileLines([file], unfilled.includes(file) ? FILLED : kept)),
  ];
}

function kernelLines(host: HostData): string[] {
  return [
    // A kernel without loadable modules has these functions built in. If it lacks them, applying the settings fails.
    ...host.kernelModules.map((module) => `${commandLine(["modprobe", module])} || echo "Is ${module} built in?" >&2`),
    ...Object.entries(host.sysctls).map(([key, value]) => `sysctl --quiet --write ${quote(`${key}=${value}`)}`),
  ];
}
