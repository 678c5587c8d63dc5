/** Whether text can be a name in DNS, by the engines' own lenient reading. @see https://pkg.go.dev/github.com/miekg/dns#IsDomainName */
export function isDomainName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  return (
    text !== "" &&
    (text === "." || labels.every((label) => label !== "" && Buffer.byteLength(label) < 64)) &&
    Buffer.byteLength(text) <= 255
  );
}

/** Whether text can be the name of a host, of which `*` may be the leftmost label. */
export function isHostName(host: string): boolean {
  return /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i.test(host);
}
