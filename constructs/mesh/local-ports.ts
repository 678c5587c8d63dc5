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
  const start = createHash("sha256").update(key).digest().readUInt32BE(0) % size;
  for (let step = 0; step < size; step++) {
    const port = FIRST + ((start + step) % size);
    if (!taken.has(port)) {
      return port;
    }
  }
  throw new RangeError(`No local port from ${FIRST} to ${LAST} is left. Give some upstreams a localBindPort.`);
}
