import { isIP } from "node:net";

/**
 * What in a variable or an argument makes a program listen on every address; `undefined` for nothing. A network, such as
 * 0.0.0.0/0, is no place to listen.
 *
 * @param port of the program: an address that is left out, as in `:80`, counts for this one alone
 */
export function anyAddress(text: string, port: number): string | undefined {
  if (/(^|[^\d.])0\.0\.0\.0($|[^\d./]|\/(?!\d))/.test(text)) {
    return "0.0.0.0";
  }
  // Words, of `--listen=…`, of lists and of JSON.
  return text.split(/[\s,;="'(){}]+/).find((word) => meansAnyAddress(word, port));
}

function meansAnyAddress(word: string, port: number): boolean {
  const [, scheme, place] = /^([a-z][a-z0-9+.-]*:\/\/)?(?:-[A-Za-z](?=[[:*\d]))?(.*)$/i.exec(word) ?? [];
  const address = scheme === undefined ? place : place.split("/")[0];
  if (isAnyIpv6(address)) {
    return true;
  }
  const [, host, hostPort] = /^(.*):(\d+)$/.exec(address) ?? [undefined, address, undefined];
  switch (host) {
    case "*":
    case "+":
      return hostPort !== undefined || scheme !== undefined;
    case "":
    case "0":
      return Number(hostPort) === port;
    default:
      return isAnyIpv6(host);
  }
}

/** `::`, however it is written. */
function isAnyIpv6(host: string): boolean {
  const [, inner = host] = /^\[(.*)\]$/.exec(host) ?? [];
  return isIP(inner) === 6 && /^[0:]+$/.test(inner);
}
