/** A request for `books.example` that is not written as programs write them. */
export interface OddRequest {
  readonly name: string;
  /** HTTP/1 as it is sent. */
  readonly text?: string;
  /** HTTP/2, as its frames have it. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What the service is asked, where it is; else the request must be refused. */
  readonly arrivesAs?: string;
  /** Where a gateway does not know for whom it is. */
  readonly isLostAtGateways?: boolean;
}

const HOST = "books.example";

function get(path: string, ...headers: readonly string[]): string {
  return send("GET", path, ...headers);
}

function send(method: string, path: string, ...headers: readonly string[]): string {
  return [`${method} ${path} HTTP/1.1`, `Host: ${HOST}`, "Connection: close", ...headers, "", ""].join("\r\n");
}

function frames(path: string, headers: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return { ":method": "GET", ":path": path, ":authority": HOST, ...headers };
}

const path = (name: string, asked: string): OddRequest => ({ name: `${name}: ${asked}`, text: get(asked) });

/**
 * Ways round permissions that allow `/v1/orders`, but neither `/v1/orders/private` nor the header `x-role: guest`. Each is refused, or
 * arrives as what it was judged by, and without the header.
 */
export const ODD_REQUESTS: readonly OddRequest[] = [
  { name: "a plain one", text: get("/v1/orders/7"), arrivesAs: "/v1/orders/7" },
  { name: "the allowed path alone", text: get("/v1/orders"), arrivesAs: "/v1/orders" },
  path("the denied path", "/v1/orders/private"),
  path("two slashes", "/v1/orders//private"),
  path("two slashes earlier", "/v1//orders/private"),
  path("many slashes", "////v1///orders////private"),
  path("an encoded slash", "/v1/orders%2fprivate"),
  path("an encoded slash in capitals", "/v1/orders%2Fprivate"),
  path("a slash next to an encoded one", "/v1/orders/%2fprivate"),
  path("an encoded backslash", "/v1/orders%5cprivate"),
  path("a backslash", "/v1/orders\\private"),
  path("a slash and a backslash", "/v1/orders/\\private"),
  path("a dot", "/v1/orders/./private"),
  path("an encoded dot", "/v1/orders/%2e/private"),
  path("two dots", "/v1/orders/x/../private"),
  path("encoded dots", "/v1/orders/x/%2e%2E/private"),
  path("two dots and an encoded slash", "/v1/orders/x/..%2fprivate"),
  path("two dots and backslashes", "/v1/orders/x\\..\\private"),
  path("an encoded letter", "/v1/orders/%70rivate"),
  path("a NUL", "/v1/orders/private%00"),
  path("out of what is allowed, by dots", "/v1/orders/../../admin"),
  path("out of what is allowed, by encoded slashes", "/v1/orders/..%2f..%2fadmin"),
  path("out of what is allowed, by slashes", "//admin"),
  path("more letters than are allowed", "/v1/ordersprivate"),
  path("a fragment", "/v1/orders/private#x"),
  path("a fragment before dots", "/v1/orders#/../private"),
  { name: "an absolute target", text: get(`http://${HOST}/v1/orders/private`) },
  {
    name: "an absolute target for another host",
    text: get("http://other.example/v1/orders/7"),
    arrivesAs: "/v1/orders/7",
    isLostAtGateways: true,
  },
  {
    name: "dots in a query",
    text: get("/v1/orders?/../private"),
    arrivesAs: "/v1/orders?/../private",
  },
  { name: "another method", text: send("POST", "/v1/orders", "Content-Length: 0") },
  { name: "a method in lower case", text: send("get", "/v1/orders/private") },
  { name: "an unknown method", text: send("GETX", "/v1/orders") },
  {
    name: "a host with a dot at its end",
    text: get("/v1/orders/7").replace(HOST, `${HOST}.`),
    arrivesAs: "/v1/orders/7",
    isLostAtGateways: true,
  },
  {
    name: "two hosts",
    text: get("/v1/orders", "Host: other.example"),
    arrivesAs: "/v1/orders",
    isLostAtGateways: true,
  },
  { name: "a denied header", text: get("/v1/orders", "x-role: guest") },
  { name: "a denied header in capitals", text: get("/v1/orders", "X-ROLE: guest") },
  { name: "a denied header with an underscore", text: get("/v1/orders", "x_role: guest") },
  { name: "a denied header with a space before the colon", text: get("/v1/orders", "x-role : guest") },
  {
    name: "a denied header as a part of another one",
    text: get("/v1/orders", "x-other: 1", " x-role: guest"),
    arrivesAs: "/v1/orders",
  },
  {
    name: "a denied header that ends with the connection",
    text: get("/v1/orders", "Connection: x-role", "x-role: guest"),
    arrivesAs: "/v1/orders",
  },
  { name: "a forwarded address that ends with the connection", text: get("/v1/orders", "Connection: X-Forwarded-For") },
  { name: "a denied header twice", text: get("/v1/orders", "x-role: guest", "x-role: guest") },
  { name: "a denied header after another value", text: get("/v1/orders", "x-role: admin", "x-role: guest") },
  { name: "HTTP/1.0", text: get("/v1/orders").replace("HTTP/1.1", "HTTP/1.0") },
  { name: "an upgrade to h2c", text: get("/v1/orders/private", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__") },
  {
    name: "a length and chunks, and a request in the body",
    text:
      send("GET", "/v1/orders", "Content-Length: 4", "Transfer-Encoding: chunked") +
      `0\r\n\r\n${get("/v1/orders/private")}`,
  },
  {
    name: "a second request on the connection",
    text: get("/v1/orders").replace("Connection: close\r\n", "") + get("/v1/orders//private"),
  },
  { name: "HTTP/2", headers: frames("/v1/orders/7"), arrivesAs: "/v1/orders/7" },
  { name: "HTTP/2, two slashes", headers: frames("/v1/orders//private") },
  { name: "HTTP/2, an encoded slash", headers: frames("/v1/orders/%2fprivate") },
  { name: "HTTP/2, two dots", headers: frames("/v1/orders/x/../private") },
  { name: "HTTP/2, a denied header with an underscore", headers: frames("/v1/orders", { x_role: "guest" }) },
  { name: "HTTP/2, without a slash", headers: frames("v1/orders/private") },
];

/** What bypasses the two denies, as the documentation says: Envoy takes it for something else, and some applications do not. */
export const REMAINING: readonly OddRequest[] = [
  { name: "another case", text: get("/v1/orders/Private"), arrivesAs: "/v1/orders/Private" },
  { name: "a path parameter", text: get("/v1/orders/;/private"), arrivesAs: "/v1/orders/;/private" },
  {
    name: "a path that is encoded twice",
    text: get("/v1/orders/%252e%252fprivate"),
    arrivesAs: "/v1/orders/%252e%252fprivate",
  },
  { name: "an encoded mark", text: get("/v1/orders/%3b/private"), arrivesAs: "/v1/orders/%3b/private" },
  { name: "an overlong slash", text: get("/v1/orders/%c0%afprivate"), arrivesAs: "/v1/orders/%c0%afprivate" },
  {
    name: "another method by a header",
    text: get("/v1/orders", "X-HTTP-Method-Override: DELETE"),
    arrivesAs: "/v1/orders",
  },
];
