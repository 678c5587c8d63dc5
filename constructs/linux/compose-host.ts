import { isDeepStrictEqual } from "node:util";
import type { HostData, HostFile } from "./host";
import { refuseWrongVolumes } from "./volumes";

/**
 * The parts of a host that a role contributes, without a name.
 */
export type HostRole = Partial<Omit<HostData, "name">>;

/**
 * Combines roles into one host.
 *
 * Two roles may define the same item (a file, a user, a sysctl) if they define it identically. Kernel modules and sysctls are
 * also written to files, so that they persist after a reboot.
 *
 * @param name the host's name, also the name of its agents
 * @throws Error if two roles contradict each other, or if volumes cannot be distinguished
 *
 * @example
 * const clock = { systemPackages: ["chrony"] };
 * const greeting = { files: [{ path: "/etc/motd", content: "Whatever is changed here manually is lost.\n" }] };
 * const host = composeHost("client-1", clock, greeting);
 */
export function composeHost(name: string, ...roles: readonly HostRole[]): HostData {
  const packages = roles.flatMap((role) => role.packages ?? []);
  const users = roles.flatMap((role) => role.users ?? []);
  const volumes = merge(
    name,
    "volume",
    roles.flatMap((role) => role.volumes ?? []),
    byName,
  );
  refuseWrongVolumes(name, volumes);
  const directories = roles.flatMap((role) => role.directories ?? []);
  const files = roles.flatMap((role) => role.files ?? []);
  const units = roles.flatMap((role) => role.units ?? []);
  const kernelModules = [...new Set(roles.flatMap((role) => role.kernelModules ?? []))];
  const sysctls = mergeSettings(name, roles);
  return {
    name,
    packages: merge(name, "package", packages, byName),
    systemPackages: [...new Set(roles.flatMap((role) => role.systemPackages ?? []))],
    users: merge(name, "user", users, byName),
    volumes,
    directories: merge(name, "directory", directories, byPath),
    files: [...merge(name, "file", files, byPath), ...kernelFiles(kernelModules, sysctls)],
    kernelModules,
    sysctls,
    steps: [...new Set(roles.flatMap((role) => role.steps ?? []))],
    units: merge(name, "unit", units, byName),
  };
}

const byName = (item: { readonly name: string }) => item.name;
const byPath = (item: { readonly path: string }) => item.path;

function merge<T>(host: string, kind: string, items: readonly T[], idOf: (item: T) => string): T[] {
  const merged = new Map<string, T>();
  for (const item of items) {
    const known = merged.get(idOf(item));
    if (known && !isDeepStrictEqual(known, item)) throw contradiction(host, kind, idOf(item));
    merged.set(idOf(item), item);
  }
  return [...merged.values()];
}

function mergeSettings(host: string, roles: readonly HostRole[]): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const [key, value] of roles.flatMap((role) => Object.entries(role.sysctls ?? {}))) {
    if ((merged[key] ?? value) !== value) throw contradiction(host, "sysctl", key);
    merged[key] = value;
  }
  return merged;
}

function contradiction(host: string, kind: string, id: string): Error {
  return new Error(
    `Host ${host}: two of its roles define ${kind} ${id} differently. Use the same options in both roles, or use separate hosts.`,
  );
}

function kernelFiles(kernelModules: readonly string[], sysctls: Readonly<Record<string, string>>): HostFile[] {
  const lines = (list: readonly string[]) => list.map((line) => `${line}\n`).join("");
  const files = [
    { path: "/etc/modules-load.d/meshform.conf", content: lines(kernelModules) },
    { path: "/etc/sysctl.d/60-meshform.conf", content: lines(Object.entries(sysctls).map(([k, v]) => `${k} = ${v}`)) },
  ];
  return files.filter((file) => file.content !== "");
}
