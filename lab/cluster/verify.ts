import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { urlOf, type Cluster } from "./cluster";
import type { Connection, MeshPicture } from "./mesh-picture";
import { destinationDatacenter } from "./job-status";
import { allocationFolder, enterAllocation } from "../hosts/namespaces";
import type { ProcessRecord } from "../machine/processes";
import type { Listener } from "../hosts/state";
import type { LabHost } from "../hosts/topology";

export interface TryOptions {
  /** How long a connection or a page may fail before that counts, in milliseconds. Each is tried to the end at least once. */
  readonly settlingMs: number;
  /** The first process of a host. */
  readonly initOf: (host: string) => ProcessRecord | undefined;
  /** The hosts of the lab. */
  readonly hosts: readonly LabHost[];
  /** @default never */
  readonly signal?: AbortSignal;
}

/**
 * Sends a request through every connection of a mesh and to every published port, and again for a while where one
 * fails: endpoints and certificates take a moment to reach each Envoy.
 *
 * @returns how many were tried, what does not work, one sentence each, and which published ports are of UDP only
 */
export async function tryMesh(
  clusters: readonly Cluster[],
  { connections }: MeshPicture,
  published: readonly Listener[],
  { settlingMs, initOf, hosts, signal }: TryOptions,
): Promise<{ readonly tried: number; readonly problems: readonly string[]; readonly udp: readonly Listener[] }> {
  const udp = new Set<Listener>();
  const isOfUdp = async (it: Listener, problem: string): Promise<boolean> => {
    const accepts = problem === NOT_ACCEPTED && (await acceptsUdp(it, hosts, initOf));
    if (accepts) udp.add(it);
    return accepts;
  };
  const settled = async (
    what: string,
    look: () => Promise<string | undefined>,
    isFine: (problem: string) => Promise<boolean> = () => Promise.resolve(false),
  ): Promise<string | undefined> => {
    const end = Date.now() + settlingMs;
    for (let isFirst = true; ; isFirst = false) {
      signal?.throwIfAborted();
      const problem = await look().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
      if (problem === undefined) return undefined;
      const isLast = Date.now() >= end;
      // Not each time: the kernel limits how often it says that no program listens for UDP.
      if ((isFirst || isLast) && (await isFine(problem))) return undefined;
      if (isLast) return `${what}: ${problem}`;
      await sleep(100, undefined, { signal });
    }
  };
  const ofConnections = await Promise.all(
    connections
      .filter(isTestable)
      .map((it) =>
        settled(`${it.source} cannot reach ${it.destination}`, () => problemOfConnection(clusters, it, initOf)),
      ),
  );
  // After the connections, on which a page may depend.
  const ofPages = await Promise.all(
    published.map((it) =>
      settled(
        `${it.name} fails at ${urlOf(it)}`,
        () => problemOfPublished(it),
        (problem) => isOfUdp(it, problem),
      ),
    ),
  );
  const all = [...ofConnections, ...ofPages];
  return { tried: all.length, problems: all.filter((problem) => problem !== undefined), udp: [...udp] };
}

/**
 * Whether a request shows at once that a connection works. Consul runs the prepared query of an upstream only every 30 seconds, and a
 * socket outside of the shared directory of an allocation is in the file system of a task.
 */
export function isTestable({ query, localPort, socketPath = "" }: Connection): boolean {
  return query === undefined && (localPort !== 0 || IN_ALLOCATION.test(socketPath));
}

/** Where tasks and Envoy share sockets, as an Envoy has it that is a program, or in a container. */
const IN_ALLOCATION = /^\/?(?=alloc\/)/;

/** What a probe saw: an answer, an open connection, or why neither. */
interface Sighting {
  readonly status?: number;
  readonly body?: string;
  readonly open?: boolean;
  readonly error?: string;
}

const NOT_ACCEPTED =
  "no instance accepts connections on it (ECONNRESET): its program listens only on 127.0.0.1 of its allocation, or on another port. Have it listen on 0.0.0.0, which a published port needs";

/**
 * Asks for the root page of a published service, as a browser on the machine would. Anything that answers is fine unless it
 * answers with a server error; what does not speak HTTP is fine if it takes the connection.
 *
 * @returns what is wrong, or undefined
 */
async function problemOfPublished({ port }: Listener): Promise<string | undefined> {
  const http = await probe([], "127.0.0.1", port, "http");
  if (http.status !== undefined) {
    return http.status < 500 ? undefined : `it returns status ${http.status}: ${http.body ?? ""}`;
  }
  const { open, error = "no answer" } = await probe([], "127.0.0.1", port, "tcp");
  if (open) return undefined;
  // The forwarder resets a connection that no host accepts. The instances are healthy by then, so their programs run.
  return error.includes("ECONNRESET") ? NOT_ACCEPTED : error;
}

/**
 * Whether the port of a host is one of UDP: of those Nomad says nothing, and a program that listens for it need not answer. Where
 * none listens, the kernel refuses what is sent.
 */
async function acceptsUdp(
  { wanted, targets }: Listener,
  hosts: readonly LabHost[],
  initOf: TryOptions["initOf"],
): Promise<boolean> {
  const seen = await Promise.all(
    hosts.map(async ({ name, address }) => {
      const init = targets.includes(address) ? initOf(name) : undefined;
      return init && probe(["nsenter", "--target", String(init.pid), "--net"], address, wanted, "udp");
    }),
  );
  return seen.some((it) => it?.open);
}

/**
 * Sends a request through a connection of the mesh: from the network namespace of each source instance to its upstream's
 * local port, or to the destination's virtual address, so through both Envoys.
 *
 * @param initOf the first process of a host
 * @returns what is wrong, or undefined
 */
async function problemOfConnection(
  clusters: readonly Cluster[],
  connection: Connection,
  initOf: (host: string) => ProcessRecord | undefined,
): Promise<string | undefined> {
  const { destination, group, localPort, socketPath, job } = connection;
  const there = destinationDatacenter(connection, job.datacenter);
  const home = clusters.find(({ datacenter }) => datacenter === there);
  const defaults = (await home?.consul.get(`/v1/config/service-defaults/${destination}`)) as
    { Protocol?: string } | undefined;
  const kind = ["http", "http2", "grpc"].includes(defaults?.Protocol ?? "tcp") ? "http" : "tcp";
  const problems = await Promise.all(
    job.instances
      .filter((instance) => instance.group === group && instance.isRunning)
      .map(async ({ allocation, node }) => {
        const init = initOf(node);
        if (!init) return `host ${node} is not running`;
        if (socketPath !== undefined) {
          const folder = allocationFolder(init, allocation);
          return problemOf(await probe([], folder, socketPath.replace(IN_ALLOCATION, ""), kind), connection);
        }
        const enter = await enterAllocation(init, allocation);
        if (localPort !== undefined) return problemOf(await probe(enter, "127.0.0.1", localPort, kind), connection);
        const address = await virtualAddressOf(home, destination);
        if (address === undefined) return "Consul has no virtual address of it: none of its Envoys is registered";
        return problemOf(await probe(enter, address, ANY_PORT, kind, UNPRIVILEGED), connection);
      }),
  );
  return problems.find((problem) => problem !== undefined);
}

/** A virtual address stands for a service at whatever port. */
const ANY_PORT = 80;
/** A user that runs no Envoy: only the traffic of other users is redirected to it. */
const UNPRIVILEGED = 65_533;

/** The address that names such as `api.virtual.consul` resolve to. */
async function virtualAddressOf(cluster: Cluster | undefined, service: string): Promise<string | undefined> {
  const path = `/v1/catalog/connect/${encodeURIComponent(service)}`;
  const proxies = ((await cluster?.consul.get(path)) ?? []) as {
    readonly ServiceTaggedAddresses?: Readonly<Record<string, { readonly Address: string }>> | null;
  }[];
  return proxies
    .flatMap(({ ServiceTaggedAddresses }) => ServiceTaggedAddresses?.["consul-virtual"]?.Address ?? [])
    .at(0);
}

/** Envoy answers itself where it may not, or cannot, pass a request on. */
function problemOf({ status, body = "", open, error }: Sighting, { partly }: Connection): string | undefined {
  if (status === undefined) return open ? undefined : (error ?? "no answer");
  if (status === 403 && body.startsWith("RBAC: ")) return partly ? undefined : "an intention denies it";
  return /^(no healthy upstream|upstream connect error)/.test(body) ? `Envoy says: ${body}` : undefined;
}

/** How many processes that probe run at a time. */
const atATime = 6;
/** How long one may take on a busy machine, in milliseconds; it gives up long before. */
const probeMs = 20_000;
/** How long further probes from the same place are waited for, in milliseconds: one process makes them all. */
const gatherMs = 50;
let running = 0;
const waiting: (() => void)[] = [];
/** Probes that no process has begun, by their place. */
const gathered = new Map<string, Asked[]>();

interface Asked {
  readonly target: readonly [host: string, port: number | string, kind: "http" | "tcp" | "udp"];
  readonly answer: (sighting: Sighting) => void;
}

/**
 * @param host an address, or a directory
 * @param port a port, or the path of a Unix socket in the directory
 * @param user id of the user that makes the request. @default the user of this process
 */
function probe(
  enter: readonly string[],
  host: string,
  port: number | string,
  kind: "http" | "tcp" | "udp",
  user?: number,
): Promise<Sighting> {
  const directory = typeof port === "string" ? host : undefined;
  const place = JSON.stringify([enter, directory, user]);
  return new Promise((answer) => {
    const asked: Asked = { target: [host, port, kind], answer };
    const others = gathered.get(place);
    if (others !== undefined) {
      others.push(asked);
      return;
    }
    gathered.set(place, [asked]);
    void sleep(gatherMs).then(() => probeAll(enter, place, { directory, user }));
  });
}

async function probeAll(
  enter: readonly string[],
  place: string,
  from: { readonly directory?: string; readonly user?: number },
): Promise<void> {
  while (running >= atATime) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  const asked = gathered.get(place) ?? [];
  gathered.delete(place);
  const request = JSON.stringify({ ...from, targets: asked.map(({ target }) => target) });
  const [command, ...args] = [...enter, process.execPath, join(__dirname, "probe.mjs"), request];
  try {
    const { stdout } = await promisify(execFile)(command, args, { timeout: probeMs });
    const sightings = JSON.parse(stdout) as Sighting[];
    for (const [index, { answer }] of asked.entries()) answer(sightings[index]);
  } catch (failure) {
    const error = failure instanceof Error ? failure.message : String(failure);
    for (const { answer } of asked) answer({ error });
  } finally {
    running--;
    waiting.shift()?.();
  }
}
