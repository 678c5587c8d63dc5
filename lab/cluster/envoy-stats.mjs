// Asks every Envoy of one allocation what it has counted, and prints the answers in one line of JSON. It runs inside the
// allocation's network namespace, so it is a program of its own. Usage: envoy-stats.mjs <filter>
import { readFileSync } from "node:fs";
import process from "node:process";

const [filter] = process.argv.slice(2);
const LISTENS = "0A";

/** Where Envoys may have their admin listener: Nomad and Consul put it on loopback, from port 19000 up. */
function adminAddresses() {
  const lines = readFileSync("/proc/self/net/tcp", "utf8").trim().split("\n").slice(1);
  return lines.flatMap((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    const [address, port] = local.split(":");
    const bytes = address.match(/../g).map((byte) => parseInt(byte, 16));
    const number = parseInt(port, 16);
    // The kernel writes addresses in its own byte order: the first number of the address comes last.
    const isAdmin = state === LISTENS && bytes[3] === 127 && number >= 19000 && number < 19100;
    return isAdmin ? [`${bytes.reverse().join(".")}:${number}`] : [];
  });
}

async function ask(address) {
  const url = `http://${address}/stats/prometheus?filter=${encodeURIComponent(filter)}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  return { address, at: Date.now(), stats: await response.text() };
}

console.log(JSON.stringify(await Promise.all(adminAddresses().map(ask))));
