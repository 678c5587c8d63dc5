import { isIP } from "node:net";

/**
 * Returns the part of a variable or an argument that makes a program listen on all addresses, or `undefined` if no part does. A
 * network, such as 0.0.0.0/0, is not an address to listen on.
 *
 * @param port port of the program; an omitted address, as in `:80`, counts only for this port
 */
export function anyAddress(text: string, port: number): string | undefined {
  if (text.includes("0.0.0.0") && /(^|[^\d.])0\.0\.0\.0($|[^\d./]|\/(?!\d))/.test(text)) {
    return "0.0.0.0";
  }
  // All other forms contain a colon: of IPv6, of a port, or of a scheme.
  if (!text.includes(":")) {
    return undefined;
  }
  // Words in `--listen=…`, in lists and in JSON.
  return text.split(/[\s,;="'(){}]+/).find((word) => meansAnyAddress(word, port));
}

function meansAnyAddress(word: string, port: number): boolean {
  const withoutScheme = word.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
  const isUrl = withoutScheme !== word;
  // An option without a space before its value: -b[::]:80.
  const address = isUrl ? withoutScheme.split("/")[0] : word.replace(/^-[A-Za-z](?=[[:*\d])/, "");
  const host = address.replace(/:\d+$/, "");
  const hostPort = host === address ? undefined : Number(address.slice(host.length + 1));
  if (isAnyIpv6(address) || isAnyIpv6(host)) {
    return true;
  }
  return host === "*" || host === "+"
    ? isUrl || hostPort !== undefined
    : (host === "" || host === "0") && hostPort === port;
}

/** Whether it is `::`, in any notation. */
function isAnyIpv6(host: string): boolean {
  const inner = host.replace(/^\[(.*)\]$/, "$1");
  return isIP(inner) === 6 && /^[0:]+$/.test(inner);
}
