import {
  ApiGatewayListener,
  GatewayCertificate,
  IngressListener,
  Protocol,
  type consul,
  type ForwardedHeaders,
  type HeaderChanges,
  type ServiceMesh,
} from "../../../constructs";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

interface Options {
  readonly forwardedHeaders?: ForwardedHeaders;
  readonly requestHeaders?: HeaderChanges;
  readonly isEncrypted?: boolean;
}

const addApi = (mesh: ServiceMesh, protocol = Protocol.HTTP) =>
  mesh.addService("api", { port: 9001, protocol, workload: anyWorkload });

/** What each kind of gateway does to the headers of a request. */
const KINDS: [string, (options: Options) => consul.HTTPHeaderModifiers | undefined][] = [
  [
    "an ingress gateway",
    ({ forwardedHeaders, requestHeaders, isEncrypted }) => {
      const { entries } = synthMesh((mesh) => {
        const listeners = [IngressListener.http({ port: 8080, tls: isEncrypted ? {} : undefined })];
        const ingress = mesh.addIngressGateway("gateway", { forwardedHeaders, listeners });
        ingress.connectTo(addApi(mesh), { hosts: ["api.example"], requestHeaders });
      });
      const entry = entries["ingress-gateway/gateway"] as consul.IngressGatewayConfigEntry;
      return entry.Listeners?.[0].Services?.[0].RequestHeaders;
    },
  ],
  [
    "an API gateway",
    ({ forwardedHeaders, requestHeaders, isEncrypted }) => {
      const certificates = [GatewayCertificate.fromEntryName("site")];
      const { entries } = synthMesh((mesh) => {
        const listeners = [ApiGatewayListener.http({ port: 8080, tls: isEncrypted ? { certificates } : undefined })];
        mesh.addApiGateway("gateway", { forwardedHeaders, listeners }).connectTo(addApi(mesh), { requestHeaders });
      });
      const entry = entries["http-route/gateway-api"] as consul.HTTPRouteConfigEntry;
      return entry.Rules?.[0].Filters?.Headers?.[0];
    },
  ],
];

const PEER = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%";

describe.each(KINDS)("%s", (_, headersOf) => {
  test("replaces what clients say of themselves by what it sees, unless it is told otherwise", () => {
    const changes = headersOf({});
    expect(changes).toEqual({
      Set: { "X-Forwarded-For": PEER, "X-Forwarded-Proto": "http" },
      Remove: expect.arrayContaining([
        "forwarded",
        "x-forwarded-host",
        "x-real-ip",
        "x-envoy-original-path",
      ]) as unknown,
    });
    expect(new Set(changes?.Remove).size).toBe(changes?.Remove?.length);
    expect(headersOf({ forwardedHeaders: "replace" })).toEqual(changes);
    expect(headersOf({ isEncrypted: true })?.Set).toMatchObject({ "X-Forwarded-Proto": "https" });
  });

  test("appends to what a trusted proxy says, and believes nothing about Envoys", () => {
    const changes = headersOf({ forwardedHeaders: "append" });
    expect(changes).toEqual({ Add: { "X-Forwarded-For": PEER }, Remove: expect.any(Array) as unknown });
    expect(changes?.Remove).toContain("x-envoy-original-path");
    expect(changes?.Remove?.filter((name) => !name.startsWith("x-envoy-"))).toEqual([]);
  });

  test("keeps all if it is told to", () => {
    expect(headersOf({ forwardedHeaders: "keep" })).toBeUndefined();
    expect(headersOf({ forwardedHeaders: "keep", requestHeaders: { remove: ["x-a"] } })).toEqual({ Remove: ["x-a"] });
  });

  test("leaves to a route what the route says of a header", () => {
    const changes = headersOf({
      requestHeaders: { set: { "x-forwarded-proto": "https", "X-Real-IP": PEER }, add: { "x-a": "1" } },
    });
    expect(changes?.Set).toEqual({ "X-Forwarded-For": PEER, "x-forwarded-proto": "https", "X-Real-IP": PEER });
    expect(changes?.Add).toEqual({ "x-a": "1" });
    expect(changes?.Remove).not.toContain("x-real-ip");
    expect(changes?.Remove).toContain("x-forwarded-host");
  });
});

test("connections as they are have no headers, and an ingress gateway refuses changes of them", () => {
  const { entries } = synthMesh((mesh) => {
    mesh
      .addIngressGateway("ingress", { listeners: [IngressListener.tcp({ port: 8080 })] })
      .connectTo(addApi(mesh, Protocol.TCP));
  });
  expect(entries["ingress-gateway/ingress"]).toMatchObject({ Listeners: [{ Services: [{ Name: "api" }] }] });
  expect(JSON.stringify(entries["ingress-gateway/ingress"])).not.toContain("RequestHeaders");
  expect(() =>
    synthMesh((mesh) => {
      mesh
        .addIngressGateway("ingress", { listeners: [IngressListener.tcp({ port: 8080 })] })
        .connectTo(addApi(mesh, Protocol.TCP), { requestHeaders: { remove: ["x-a"] } });
    }),
  ).toThrow(
    "Its listener on port 8080 is a tcp listener, which has no headers. Omit requestHeaders and responseHeaders, or use an http listener.",
  );
});
