/**
 * Why a path cannot be what an HTTP check asks for, or what Envoy opens: a sentence, and what to do. Both compare it letter by
 * letter with what is sent, after Go has escaped and cleaned that.
 *
 * @param takesQuery whether `?` and what follows may be part of it
 */
export function problemOfRequestPath(path: string, takesQuery: boolean): [problem: string, fix: string] | undefined {
  const quoted = JSON.stringify(path);
  // What stands in Nomad's variables is not known here.
  const [pathname, ...queries] = path.replace(/\$\{[^}]*\}/g, "x").split("?");
  if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(path)) {
    return [`${quoted} is a URL, not a path.`, "Omit scheme, host and port."];
  }
  if (!path.startsWith("/")) {
    return [`The path ${quoted} does not begin with a slash.`, `Write ${JSON.stringify(`/${path}`)}.`];
  }
  if (path.includes("#")) {
    return [`The path ${quoted} has a fragment, which is never sent.`, "Omit # and what follows."];
  }
  if (queries.length > 0 && !takesQuery) {
    return [`The path ${quoted} has a query, but Envoy exposes only paths without one.`, "Omit ? and what follows."];
  }
  const odd = /[^A-Za-z0-9\-._~!$&'()*+,;=:@[\]/%]|%(?![0-9A-Fa-f]{2})/.exec(pathname)?.[0];
  if (odd !== undefined) {
    return [`The path ${quoted} has the character ${JSON.stringify(odd)}.`, "Percent-encode it, as in %20."];
  }
  if (pathname.split("/").some((segment) => segment === "." || segment === "..")) {
    return [`The path ${quoted} has a segment of dots, which is resolved before it is sent.`, "Use the resolved path."];
  }
  return undefined;
}
