// Tells requests of the lab's own people from those that a web page of somebody else makes their browser send. Part of the
// forwarder.

/**
 * Why a request to an engine is refused, with what to do, as one sentence or two; undefined if it is not. Commands send none of a
 * browser's headers and pass; a browser passes with the engine's own pages, and with what a person opens.
 *
 * @see https://fetch.spec.whatwg.org/#origin-header
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function refusalOf({ headers, rawHeaders, url, socket: { localPort } }) {
  const names = ["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${localPort}`);
  const { host = "", origin, "sec-fetch-site": site, "user-agent": agent = "" } = headers;
  const instead = `type http://${names[0]}/ui/ into the address bar`;
  // Under a name of its own that leads here, a page would be of one origin with the engine ("DNS rebinding").
  const isOne = rawHeaders.filter((value, index) => index % 2 === 0 && /^host$/i.test(value)).length === 1;
  if (!isOne || !names.includes(host.toLowerCase())) {
    return `This port accepts requests only for ${names.slice(0, 2).join(" and ")}, and this one is for ${shown(host)}. Use one of those names.\n`;
  }
  if (!url.startsWith("/")) return `This is not a proxy for ${shown(url)}. Request a path.\n`;
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return `A page of ${shown(origin)} cannot send requests here. To use this, ${instead}.\n`;
  }
  // "none" is a person's own doing: the address bar, a bookmark.
  if (site !== undefined && site !== "same-origin" && site !== "none") {
    return `A page of another origin sent your browser here (${shown(site)}). To use this, ${instead}.\n`;
  }
  if (site === undefined && origin === undefined && agent.startsWith("Mozilla/")) {
    return "This browser does not send the origin of requests (Sec-Fetch-Site). Use a browser from 2023 or later.\n";
  }
  return undefined;
}

function shown(value) {
  return JSON.stringify(value.slice(0, 200));
}
