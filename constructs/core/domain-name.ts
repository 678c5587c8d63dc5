/** Whether text is a DNS name by the lenient rules of Consul and Nomad. @see https://pkg.go.dev/github.com/miekg/dns#IsDomainName */
export function isDomainName(text: string): boolean {
  const labels = text.replace(/\.$/, "").split(".");
  return (
    text !== "" &&
    (text === "." || labels.every((label) => label !== "" && Buffer.byteLength(label) < 64)) &&
    Buffer.byteLength(text) <= 255
  );
}

/** Whether text is a host name. The leftmost label can be `*`. */
export function isHostName(host: string): boolean {
  return /^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i.test(host);
}

/** Whether text can be the `Host` header of requests: a host name or an address, and optionally a port. */
export function isHostOfRequests(text: string): boolean {
  const [, host = "", port = "80"] = /^(\[[0-9a-f:.]+\]|[^:]*)(?::(\d{1,5}))?$/i.exec(text) ?? [];
  return Number(port) > 0 && Number(port) <= 65535 && (host.startsWith("[") || isHostName(host));
}
