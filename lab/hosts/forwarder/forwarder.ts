import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { LabError } from "../../core/errors";
import { lastLines } from "../host";
import type { LabFiles } from "../../core/lab-files";
import { cleanEnvironment } from "../namespaces";
import { isAlive, kill, labMarker, recordOf, type ProcessRecord } from "../../machine/processes";
import type { ForwarderRecord, Listener } from "../state";

/** What should be reachable from the machine. */
export type WantedListener = Omit<Listener, "port">;

/**
 * Makes ports of a lab reachable at 127.0.0.1 of the machine. A forwarder that already does just that is left alone.
 *
 * @param network the first process of the switch's namespaces
 * @param onRecord called with the process before anything depends on it
 */
export async function ensureForwarder(
  files: LabFiles,
  network: ProcessRecord,
  wanted: readonly WantedListener[],
  known: ForwarderRecord | undefined,
  onRecord: (record: ForwarderRecord) => void,
): Promise<ForwarderRecord> {
  if (known && isAlive(known.process) && isDeepStrictEqual(known.listeners.map(essence), wanted.map(essence))) {
    return known;
  }
  if (known) await kill([known.process]);

  const sockets = await Promise.all(wanted.map((listener) => listen(listener, portBefore(known, listener))));
  const listeners = wanted.map((listener, index) => ({ ...essence(listener), port: portOf(sockets[index]) }));
  const child = startForwarder(files, network);
  try {
    const process = child.pid === undefined ? undefined : recordOf(child.pid);
    if (!process) throw ended(files);
    const record = { process, listeners };
    onRecord(record);
    const exit = once(child, "exit").then(() => Promise.reject(ended(files)));
    for (const [index, { name, wanted, targetPort: port = wanted, targets, tls, callers }] of listeners.entries()) {
      const ready = once(child, "message", { signal: AbortSignal.timeout(10_000) });
      child.send({ name, port, targets, tls, callers }, sockets[index]);
      await Promise.race([ready, exit]);
    }
    return record;
  } finally {
    for (const socket of sockets) socket.close();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

function ended(files: LabFiles): LabError {
  return new LabError(
    `The program that forwards the lab's ports exited immediately.\n${lastLines(forwarderLog(files))}`,
    "Remove the lab with `down` and try again. If a package is missing, run `npm ci` first.",
  );
}

function forwarderLog({ log }: LabFiles): string {
  return join(log, "forwarder.log");
}

/** Without the port, which a listener of before has too. */
function essence({ name, datacenter, wanted, targetPort, targets, tls, callers }: WantedListener): WantedListener {
  return {
    ...{ name, datacenter, wanted, targets },
    ...(targetPort && { targetPort }),
    ...(tls && { tls }),
    ...(callers && { callers }),
  };
}

/** The port that a listener had before, so that it stays where people found it. */
function portBefore(known: ForwarderRecord | undefined, { name, datacenter, wanted }: WantedListener): number {
  const isSame = (it: Listener) => it.name === name && it.datacenter === datacenter && it.wanted === wanted;
  return known?.listeners.find(isSame)?.port ?? wanted;
}

async function listen(listener: WantedListener, preferred: number): Promise<Server> {
  const candidates = [...new Set([preferred, listener.wanted, 0])];
  for (const port of candidates) {
    const server = createServer();
    const outcome = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      server.once("error", resolve);
      server.listen({ host: "127.0.0.1", port }, () => {
        resolve(undefined);
      });
    });
    if (!outcome) return server;
    if (outcome.code !== "EADDRINUSE") throw outcome;
  }
  throw new Error(`No free port for ${listener.name}.`);
}

function portOf(server: Server | undefined): number {
  const address = server?.address();
  if (!address || typeof address === "string") throw new Error("A listening socket has no port.");
  return address.port;
}

function startForwarder(files: LabFiles, network: ProcessRecord): ChildProcess {
  mkdirSync(files.log, { recursive: true });
  const log = openSync(forwarderLog(files), "a", 0o600);
  // Opened here, in the machine's network, they go on showing the machine's connections in any other.
  const tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].filter(existsSync).map((file) => openSync(file, "r"));
  const program = [join(__dirname, "forwarder.mjs"), ...tables.map((_, index) => String(firstTable + index))];
  try {
    return spawn("nsenter", ["--target", String(network.pid), "--net", process.execPath, ...program], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", log, log, "ipc", ...tables],
      env: { ...cleanEnvironment, [labMarker]: files.name },
    });
  } finally {
    for (const file of [log, ...tables]) closeSync(file);
  }
}

/** The forwarder's file descriptor after its streams and the channel to it. */
const firstTable = 4;
