import { createHash } from "node:crypto";

/** Where allocated local binds lie: below Nomad's dynamic ports (20000 up) and the kernel's ephemeral ones. */
const FIRST = 10_000;
const LAST = 14_999;

/**
 * Chooses the port on which a service finds an upstream on its own loopback. It depends on the upstream's name alone, so
 * a connection that is added leaves the others where they are; two names that fall on one port move the later one on.
 *
 * @param key what names the upstream within its service
 * @param taken ports of the service that are in use
 */
export function allocateLocalPort(key: string, taken: ReadonlySet<number>): number {
  const size = LAST - FIRST + 1;
  const start = placeOf(key) % size;
  for (let step = 0; step < size; step++) {
    const port = FIRST + ((start + step) % size);
    if (!taken.has(port)) {
      return port;
    }
  }
  throw new RangeError(`No local port from ${FIRST} to ${LAST} is left. Give some upstreams a localBindPort.`);
}

/** By key, since many services reach one. */
const places = new Map<string, number>();

function placeOf(key: string): number {
  const known = places.get(key);
  if (known !== undefined) {
    return known;
  }
  const place = createHash("sha256").update(key).digest().readUInt32BE(0);
  places.set(key, place);
  return place;
}

/** Where Envoy listens for an upstream. */
export interface LocalBind {
  /** `undefined` where traffic needs none. */
  readonly port: number | undefined;
  /** @default "127.0.0.1" */
  readonly address: string | undefined;
}

/** Ports that are in use inside the allocations of a group: all that is in one allocation shares them. */
export class AllocationPorts {
  private readonly ports: Set<number>;

  /** @param ports that the members of the group take themselves */
  constructor(...ports: readonly number[]) {
    this.ports = new Set(ports);
  }

  get taken(): ReadonlySet<number> {
    return this.ports;
  }

  /** Keeps a port free. */
  take(port: number): void {
    this.ports.add(port);
  }
}

/** Where the upstreams of one service listen; further versions of it share it, so that each upstream is at the same place in all. */
export class LocalBinds {
  private readonly byUpstream = new Map<string, LocalBind>();

  constructor(
    /** Those of its allocations. */
    readonly ports: AllocationPorts,
  ) {}

  /**
   * Where an upstream listens: as given, else as it does already, else at a port that is chosen.
   *
   * @param id of the upstream
   * @param needsPort whether one is to be chosen
   */
  bind(id: string, given: Partial<LocalBind>, needsPort: boolean): LocalBind {
    const known = this.byUpstream.get(id);
    const port = given.port ?? known?.port ?? (needsPort ? allocateLocalPort(id, this.ports.taken) : undefined);
    const bind = { port, address: given.address ?? known?.address };
    this.byUpstream.set(id, bind);
    if (port !== undefined) {
      this.ports.take(port);
    }
    return bind;
  }
}
