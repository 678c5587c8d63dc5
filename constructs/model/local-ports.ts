import { createHash } from "node:crypto";

/** The range of allocated local ports: below Nomad's dynamic ports (from 20000) and the kernel's ephemeral ports. */
const FIRST = 10_000;
const LAST = 14_999;

/**
 * Allocates the port for an upstream on the loopback interface of a service. It depends only on the upstream's name, so that
 * ports do not change when another connection is added. If two names result in the same port, the later one gets the next free
 * port.
 *
 * @param key identifies the upstream within its service
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

/** By key, because many services can have the same upstream. */
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

/** The address and port on which Envoy listens for an upstream. */
export interface LocalBind {
  /** `undefined` if no port is needed. */
  readonly port: number | undefined;
  /** @default "127.0.0.1" */
  readonly address: string | undefined;
  /** Path of a socket, with which no port is needed. @default none */
  readonly socket: string | undefined;
}

/** The ports in use inside the allocations of a group. All services of an allocation share them. */
export class AllocationPorts {
  private readonly ports: Set<number>;

  /**
   * @param ports ports that members of the group use
   */
  constructor(...ports: readonly number[]) {
    this.ports = new Set(ports);
  }

  get taken(): ReadonlySet<number> {
    return this.ports;
  }

  /** Reserves a port. */
  take(port: number): void {
    this.ports.add(port);
  }
}

/** The addresses and ports of the upstreams of a service. All versions of the service use the same ones. */
export class LocalBinds {
  private readonly byUpstream = new Map<string, LocalBind>();

  constructor(
    /** The ports in use inside its allocations. */
    readonly ports: AllocationPorts,
  ) {}

  /**
   * Returns where Envoy listens for an upstream: as given, else as before, else on an allocated port.
   *
   * @param id id of the upstream
   * @param needsPort whether to allocate a port
   */
  bind(id: string, given: Partial<LocalBind>, needsPort: boolean): LocalBind {
    const known = this.byUpstream.get(id);
    const socket = given.socket ?? known?.socket;
    const isOpen = needsPort && socket === undefined;
    const port = given.port ?? known?.port ?? (isOpen ? allocateLocalPort(id, this.ports.taken) : undefined);
    const bind = { port, address: given.address ?? known?.address, socket };
    this.byUpstream.set(id, bind);
    if (port !== undefined) {
      this.ports.take(port);
    }
    return bind;
  }
}
