/**
 * Why a path cannot be the path of an HTTP check, or a path that Envoy exposes: the problem and the fix. Go escapes and cleans the path of
 * a request, and the result must be exactly this path.
 *
 * @param takesQuery whether the path can have a query
 */
export function problemOfRequestPath(path: string, takesQuery: boolean): [problem: string, fix: string] | undefined {
  const quoted = JSON.stringify(path);
  // The values of Nomad's variables are not known here.
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
