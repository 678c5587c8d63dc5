// Tells who is at the other end of a connection from the same machine. Part of the forwarder.
import { readSync } from "node:fs";
import { endianness } from "node:os";

/**
 * The states in which the other end still has its connection: established, and closed in its own direction only.
 *
 * @see https://docs.kernel.org/networking/proc_net_tcp.html
 */
const held = ["01", "04", "05"];

/**
 * @param tables open files of the kernel's tables `/proc/net/tcp` and `tcp6`: a table is that of the network namespace in which it
 * was opened
 * @returns what tells the user id that opened the other end of an accepted connection, or undefined if that cannot be told
 */
export function ownerFinder(tables) {
  return (socket) => {
    const owner = ownerIn(tables, socket);
    // A line is not read in one instant: of an end that is closed meanwhile it may show the state before and the user after.
    return owner === ownerIn(tables, socket) ? owner : undefined;
  };
}

function ownerIn(tables, { remoteAddress, remotePort, localAddress, localPort }) {
  if (remoteAddress === undefined || localAddress === undefined) return undefined;
  const [from, to] = [endOf(remoteAddress, remotePort), endOf(localAddress, localPort)];
  // A socket for IPv6 that leads to an IPv4 address is in the other table, its addresses longer.
  const line = new RegExp(`^ *\\d+: (?:${v4InV6})?${from} (?:${v4InV6})?${to} (.*)$`, "gm");
  for (const table of tables) {
    for (const [, rest] of readAll(table).matchAll(line)) {
      const [state, , , , uid, , inode] = rest.split(/ +/);
      // Once the other end is closed for good nobody owns it, and the kernel says 0, which would be root.
      if (held.includes(state) && inode !== "0") return Number(uid);
    }
  }
  return undefined;
}

/** An end of a connection as the kernel writes it: the address as words of the machine's byte order. */
function endOf(address, port) {
  const bytes = address.replace(/^::ffff:/, "").split(".");
  return `${word(bytes)}:${hex(port, 4)}`;
}

function word(bytes) {
  const ordered = endianness() === "LE" ? [...bytes].reverse() : bytes;
  return ordered.map((byte) => hex(Number(byte), 2)).join("");
}

const v4InV6 = `0{16}${word([0, 0, 255, 255])}`;

function hex(number, digits) {
  return number.toString(16).toUpperCase().padStart(digits, "0");
}

/** The table as it is now: it is read from its beginning each time. */
function readAll(file) {
  const chunks = [];
  for (let position = 0; ;) {
    const chunk = Buffer.allocUnsafe(64 * 1024);
    const length = readSync(file, chunk, 0, chunk.length, position);
    if (length === 0) return Buffer.concat(chunks).toString("latin1");
    chunks.push(chunk.subarray(0, length));
    position += length;
  }
}
