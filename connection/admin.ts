/** What Envoy's admin listener answers, by path. */
export type AdminAnswers = Readonly<Record<string, string>>;

/** A socket that listens in the network of an allocation. */
export interface Socket {
  readonly address: string;
  readonly port: number;
}

/** What was seen in the network of an allocation. */
export interface AllocationView {
  /** The admin listeners that answer, and their answers. */
  readonly admins: readonly AdminAnswers[];
  /** Addresses of admin listeners that do not answer. */
  readonly silent: readonly string[];
  readonly sockets: readonly Socket[];
}

/** Runs a program in the network of an allocation, and returns what it prints. */
export type RunInAllocation = (command: readonly string[]) => Promise<string>;

/**
 * Asks each Envoy of an allocation. Nomad and Consul put the admin listeners on loopback addresses, from port 19000 up. It is a
 * script for bash, which the images of Envoy contain, while they do not contain curl.
 */
const SCRIPT = `
marker=$1
shift
admins=()
# Read at once: line by line, bash has the kernel write the whole table again for each of them.
for table in tcp tcp6; do
  echo "$marker sockets"
  [[ -r /proc/self/net/$table ]] || continue
  mapfile -t lines < /proc/self/net/$table
  for line in "\${lines[@]}"; do
    [[ $line =~ ^\\ *[0-9]+:\\ ([0-9A-F]+:[0-9A-F]{4})\\ [0-9A-F]+:[0-9A-F]{4}\\ 0A\\  ]] || continue
    echo "$line"
    local=\${BASH_REMATCH[1]}
    [[ $local =~ ^([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})7F:(4A[3-9][0-9A-F])$ ]] || continue
    admins+=("127.$((16#\${BASH_REMATCH[3]})).$((16#\${BASH_REMATCH[2]})).$((16#\${BASH_REMATCH[1]}))/$((16#\${BASH_REMATCH[4]}))")
  done
done
for admin in "\${admins[@]}"; do
  for path in "$@"; do
    exec 3<>"/dev/tcp/$admin" || break
    printf 'GET %s HTTP/1.1\\r\\nHost: envoy\\r\\nConnection: close\\r\\n\\r\\n' "$path" >&3
    echo "$marker answer \${admin/\\//:} $path"
    timeout 5 cat <&3 || { echo; echo "$marker silent \${admin/\\//:}"; break; }
    exec 3>&-
    echo
  done
done
`;

const MARKER = "@@meshform";

/** Asks the Envoys of an allocation, and looks which sockets listen there. Changes nothing. */
export async function viewAllocation(run: RunInAllocation, paths: readonly string[]): Promise<AllocationView> {
  const output = await run(["bash", "-c", SCRIPT, "meshform", MARKER, ...paths]);
  const admins = new Map<string, Record<string, string>>();
  const silent: string[] = [];
  const sockets: Socket[] = [];
  for (const part of output.split(`${MARKER} `).slice(1)) {
    const end = part.indexOf("\n");
    const [what, address = "", path = ""] = part.slice(0, end).trim().split(" ");
    const body = part.slice(end + 1);
    if (what === "sockets") sockets.push(...parseSockets(body));
    if (what === "silent") silent.push(address);
    if (what === "answer") {
      const answers = admins.get(address) ?? {};
      answers[path] = bodyOf(body);
      admins.set(address, answers);
    }
  }
  const answering = [...admins].filter(([address]) => !silent.includes(address)).map(([, answers]) => answers);
  return { admins: answering, silent, sockets };
}

/** The body of a response as it comes, whole or in chunks. */
function bodyOf(response: string): string {
  const end = response.indexOf("\r\n\r\n");
  const [head, rest] = [response.slice(0, end), response.slice(end + 4)];
  if (!/^transfer-encoding: *chunked/im.test(head)) return rest;
  // Lengths are in bytes.
  const bytes = Buffer.from(rest);
  const chunks: Buffer[] = [];
  for (let start = 0; ;) {
    const line = bytes.indexOf("\r\n", start);
    const length = line < 0 ? 0 : parseInt(bytes.toString("latin1", start, line), 16);
    if (!(length > 0)) return Buffer.concat(chunks).toString();
    chunks.push(bytes.subarray(line + 2, line + 2 + length));
    start = line + 2 + length + 2;
  }
}

const LISTENS = "0A";

/** Reads the kernel's tables. Addresses are groups of four bytes in its own byte order, the last one first. */
function parseSockets(table: string): Socket[] {
  return table.split("\n").flatMap((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    const match = /^([0-9A-F]+):([0-9A-F]{4})$/.exec(local);
    if (state !== LISTENS || match === null) return [];
    const [, address, port] = match;
    const words = address.match(/.{8}/g) ?? [];
    const bytes = words.flatMap((word) => (word.match(/../g) ?? []).map((byte) => parseInt(byte, 16)).reverse());
    return [{ address: textOfAddress(bytes), port: parseInt(port, 16) }];
  });
}

function textOfAddress(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  if (isMapped) return bytes.slice(12).join(".");
  const groups = Array.from({ length: 8 }, (_, index) => ((bytes[2 * index] << 8) | bytes[2 * index + 1]).toString(16));
  return groups
    .join(":")
    .replace(/^(0:)+/, "::")
    .replace(/^(::)0$/, "::");
}
