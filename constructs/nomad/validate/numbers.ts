import { type Place } from "../../core/problems";
import { isToken, isTokenObject } from "../../core/token";
import type * as nomad from "../generated/job";

/** Fields with the configuration of a driver, proxy or plugin, which can contain any number. */
const OPAQUE = new Set(["Config", "Policy"]);

/** Fields with port numbers. */
const PORTS = new Set(["LocalBindPort", "LocalPathPort", "Port", "To", "Value"]);

/** Names in the job specification of API fields with different names. */
const WORDS: Readonly<Record<string, string>> = {
  Affinities: "affinity",
  Artifacts: "artifact",
  CSIPluginConfig: "csi_plugin",
  Checks: "check",
  Constraints: "constraint",
  Devices: "device",
  DynamicPorts: "port",
  EphemeralDisk: "ephemeral_disk",
  Listeners: "listener",
  LogConfig: "logs",
  MBits: "mbits",
  MemoryMB: "memory",
  MemoryMaxMB: "memory_max",
  Networks: "network",
  ReschedulePolicy: "reschedule",
  ReservedPorts: "port",
  RestartPolicy: "restart",
  SecretsMB: "secrets",
  Services: "service",
  SizeMB: "size",
  SpreadTarget: "target",
  Spreads: "spread",
  TaskGroups: "group",
  Tasks: "task",
  Templates: "template",
  Upstreams: "upstreams",
  VolumeMounts: "volume_mount",
};

/**
 * All numbers of a job are integers. Nomad would refuse a fraction. It would treat `NaN` as a field that is not set, since JSON cannot
 * represent it.
 */
export function examineNumbers(place: Place, job: nomad.Job): void {
  if (holdsFraction(job)) {
    walk(place, job);
  }
}

/** Whether a job contains a number that is not an integer. It builds no paths, since very few jobs contain one. */
function holdsFraction(fields: object): boolean {
  for (const key in fields) {
    const value = (fields as Readonly<Record<string, unknown>>)[key];
    if (typeof value === "number") {
      if (!Number.isInteger(value)) {
        return true;
      }
    } else if (
      typeof value === "object" &&
      value !== null &&
      !OPAQUE.has(key) &&
      !isTokenObject(value) &&
      holdsFraction(value)
    ) {
      return true;
    }
  }
  return false;
}

function walk(place: Place, fields: object): void {
  for (const [key, value] of Object.entries(fields) as [string, unknown][]) {
    if (typeof value === "number") {
      if (!Number.isInteger(value)) {
        const saidBy = PORTS.has(key) ? "port-range" : undefined;
        place.refuse(wordOf(key), value, "a whole number", "Use a whole number.", { saidBy });
      }
    } else if (Array.isArray(value)) {
      value.forEach((item: unknown, index) => {
        if (isBlock(item)) {
          walk(place.labelled(wordOf(key), labelOf(item) ?? index + 1), item);
        }
      });
    } else if (isBlock(value) && !OPAQUE.has(key)) {
      walk(place.block(wordOf(key)), value);
    }
  }
}

function isBlock(value: unknown): value is object {
  return typeof value === "object" && value !== null && !isToken(value);
}

function labelOf(block: { readonly Name?: unknown; readonly Label?: unknown }): unknown {
  return block.Name ?? block.Label;
}

function wordOf(key: string): string {
  return WORDS[key] ?? key.replace(/([a-z])([A-Z])/g, "$1_$2").toLowerCase();
}
