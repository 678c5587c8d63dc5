import { isIP } from "node:net";

/**
 * What in a variable or an argument makes a program listen on every address; `undefined` for nothing. A network, such as
 * 0.0.0.0/0, is no place to listen.
 *
 * @param port of the program: an address that is left out, as in `:80`, counts for this one alone
 */
export function anyAddress(text: string, port: number): string | undefined {
  if (text.includes("0.0.0.0") && /(^|[^\d.])0\.0\.0\.0($|[^\d./]|\/(?!\d))/.test(text)) {
    return "0.0.0.0";
  }
  // All that follows has a colon, of IPv6, of a port or of a scheme.
  if (!text.includes(":")) {
    return undefined;
  }
  // Words, of `--listen=…`, of lists and of JSON.
  return text.split(/[\s,;="'(){}]+/).find((word) => meansAnyAddress(word, port));
}

function meansAnyAddress(word: string, port: number): boolean {
  const withoutScheme = word.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
  const isUrl = withoutScheme !== word;
  // The glued kind of an option: -b[::]:80.
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

/** `::`, however it is written. */
function isAnyIpv6(host: string): boolean {
  const inner = host.replace(/^\[(.*)\]$/, "$1");
  return isIP(inner) === 6 && /^[0:]+$/.test(inner);
}
