import type { HostRole } from "./compose-host";
import type { HostUnit } from "./host";
import { HOST_TOOL, hostTool, type HostToolConfig } from "./host-tool/host-tool";
import type { SecretStore } from "./host-tool/secret-store";
import { DEFAULT_SNAPSHOT_STORE, type SnapshotStore } from "./host-tool/snapshot-store";

/**
 * A role that fetches the host's secrets at each boot, before any agent starts. The first server that boots creates them. Every
 * six hours, and whenever secrets are rotated, it fetches changed secrets and renews certificates that expire soon. On servers, it also
 * enables the ACL systems, saves snapshots, and replaces allocations that lost their identity.
 */
export function secureHost(config: HostToolConfig): HostRole {
  const isServer = config.roles.some((role) => role.endsWith("-server"));
  const tool = hostTool(config);
  return {
    ...tool,
    directories: [
      ...(tool.directories ?? []),
      ...(isServer ? snapshotFolders(config).map((path) => ({ path, mode: "0700" })) : []),
      ...(config.logs === undefined ? [] : [{ path: LOGS_FOLDER, mode: "0700" }]),
    ],
    steps: [...(tool.steps ?? []), `${HOST_TOOL} secrets`],
    units: [
      ...(tool.units ?? []),
      renewal(config),
      membership(config),
      ...logs(config),
      ...(isServer ? serverUnits(config) : []),
    ],
  };
}

/** Default number of seconds that jobs get to move to other hosts. */
export const DRAIN_SECONDS = 300;

/** All units read secrets and keys that belong to the agents' users. Most units only read them. */
const reads = ["CAP_DAC_READ_SEARCH"];

/** What the host tool and the agents keep on a host. */
const folders = ["/etc/meshform", "/etc/consul.d", "/etc/nomad.d", "/opt/consul", "/opt/nomad"];

function renewal({ store }: HostToolConfig): HostUnit {
  return {
    name: "meshform-renewal",
    description: "Renewal of secrets and certificates, every six hours and whenever they are rotated",
    command: [HOST_TOOL, "follow"],
    after: ["consul", "nomad"],
    rights: {
      // To change the owner of files to the agents, and to find the agents and send them signals.
      capabilities: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SYS_PTRACE"],
      writablePaths: [...folders, ...foldersOf(store)],
    },
  };
}

/**
 * This unit stops first when the machine shuts down or reboots. Before it has stopped, jobs have moved to other hosts, and
 * another server has become leader.
 */
function membership({ drainSeconds = DRAIN_SECONDS }: HostToolConfig): HostUnit {
  return {
    name: "meshform-leave",
    description: "Jobs and leadership, handed over before this host is switched off, and jobs taken again after",
    command: [HOST_TOOL, "resume"],
    stopCommand: [HOST_TOOL, "--wait", "60", "leave"],
    // The transfer of leadership and access to the secrets take some seconds, too.
    stopSeconds: drainSeconds + 120,
    after: ["consul", "nomad"],
    oneshot: true,
    rights: { capabilities: reads, writablePaths: ["/etc/meshform"] },
  };
}

/** Where the host tool notes what it has sent. */
const LOGS_FOLDER = "/var/lib/meshform/logs";

function logs({ logs: store }: HostToolConfig): HostUnit[] {
  if (store === undefined) return [];
  return [
    {
      name: "meshform-logs",
      description: "The journal of this host, sent to the logs of the cloud",
      command: [HOST_TOOL, "logs"],
      // What agents write when they stop is sent, too.
      first: true,
      rights: { capabilities: reads, writablePaths: [LOGS_FOLDER] },
    },
  ];
}

function serverUnits(config: HostToolConfig): HostUnit[] {
  const { snapshots, store, healthMetrics } = config;
  const after = ["consul", "nomad"];
  const acl: HostUnit = {
    name: "meshform-acl",
    description: "Access control of Consul and Nomad, switched on once",
    command: [HOST_TOOL, "acl"],
    after,
    oneshot: true,
    rights: {
      // To restore the state of a lost cluster as the agents' users, and to restart the agents afterwards.
      capabilities: [...reads, "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_PTRACE"],
      writablePaths: [...folders, ...foldersOf(store)],
    },
  };
  const snapshot: HostUnit = {
    name: "meshform-snapshot",
    description: "Snapshot of what the servers of Consul and Nomad know",
    command: [HOST_TOOL, "snapshot"],
    after,
    everySeconds: snapshots?.everySeconds ?? 3600,
    rights: { capabilities: reads, writablePaths: snapshotFolders(config) },
  };
  const repair: HostUnit = {
    name: "meshform-repair",
    description: "Replacement of allocations that lost their identity, and of nodes that lost their name",
    command: [HOST_TOOL, "repair"],
    after,
    rights: { capabilities: reads, writablePaths: [] },
  };
  const metrics: HostUnit = {
    name: "meshform-metrics",
    description: "What alarms watch, put into the metrics of the cloud",
    command: [HOST_TOOL, "metrics"],
    after,
    rights: { capabilities: reads, writablePaths: [] },
  };
  return [
    ...[acl, repair],
    ...(snapshots === undefined ? [] : [snapshot]),
    ...(healthMetrics === undefined ? [] : [metrics]),
  ];
}

function snapshotFolders({ snapshots }: HostToolConfig): string[] {
  if (snapshots === undefined) return [];
  const { store = DEFAULT_SNAPSHOT_STORE } = snapshots;
  return foldersOf(store);
}

/** A store of a cloud has no directory. */
function foldersOf({ type, path }: SecretStore | SnapshotStore): string[] {
  return type === "directory" && path !== undefined ? [path] : [];
}
