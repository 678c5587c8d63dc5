import { readFileSync } from "node:fs";
import type { LabFiles } from "../core/lab-files";
import { replaceFile } from "../core/replace-file";
import type { ProcessRecord } from "../machine/processes";
import type { Topology } from "./topology";

/** The two processes that hold a set of namespaces: `unshare`, and the init that it started inside. */
export interface NamespaceRecord {
  readonly holder: ProcessRecord;
  /** Undefined for the instant between the two. */
  readonly init?: ProcessRecord;
}

export interface HostRecord extends NamespaceRecord {
  readonly name: string;
  /** Changes when anything about the host changes; a host that runs with another one is booted again. */
  readonly fingerprint: string;
  /** Whether it has been seen to boot and to be joined to the network. */
  readonly booted: boolean;
}

/** A port on the machine that leads into the lab. */
export interface Listener {
  /** What is reached through it: `consul`, `nomad`, or a service. */
  readonly name: string;
  /** Where that is. */
  readonly datacenter: string;
  /** The port asked for. */
  readonly wanted: number;
  /** The port inside the lab. @default the one asked for */
  readonly targetPort?: number;
  /** The port on 127.0.0.1 of the machine; another one than asked for if that was taken. */
  readonly port: number;
  /** Addresses inside the lab, tried in turn. */
  readonly targets: readonly string[];
  /** How the forwarder proves what it is where the lab speaks mutual TLS, and whom it trusts. @default no TLS */
  readonly tls?: ListenerTls;
  /**
   * Ids of the users of the machine for whom it is there; then it passes on HTTP only, and nothing that a web page of another
   * origin sends. @default everybody, any protocol
   */
  readonly callers?: readonly number[];
}

/** What to show and to trust. It is read for each connection, since it may be rotated at any time. */
export interface ListenerTls {
  /** A JSON file on the machine which has, by engine, `ca` as PEM, and `certificate` and `key` if the engine wants to see one. */
  readonly document: string;
  readonly engine: "consul" | "nomad" | "vault";
  /** The name that must be in the certificate of the one that answers. */
  readonly serverName: string;
}

export interface ForwarderRecord {
  readonly process: ProcessRecord;
  readonly listeners: readonly Listener[];
}

/** What a lab knows about itself between two commands. */
export interface LabState {
  readonly version: 2;
  readonly topology?: Topology;
  readonly network?: NamespaceRecord;
  readonly hosts: readonly HostRecord[];
  readonly forwarder?: ForwarderRecord;
}

/** The recorded state; undefined if there is none, or none that can be read. */
export function readState(files: LabFiles): LabState | undefined {
  try {
    const state = JSON.parse(readFileSync(files.state, "utf8")) as Partial<LabState>;
    return state.version === 2 && state.hosts ? { ...state, version: 2, hosts: state.hosts } : undefined;
  } catch {
    return undefined;
  }
}

/** Replaces the recorded state. */
export function writeState(files: LabFiles, state: LabState): void {
  replaceFile(files.state, JSON.stringify(state, null, 2));
}
