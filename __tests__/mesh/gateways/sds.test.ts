import {
  IngressListener,
  Metrics,
  Protocol,
  Sidecar,
  Tracing,
  type consul,
  type IngressConnectOptions,
  type IngressGatewayBaseProps,
  type IngressTls,
  type ServiceMeshProps,
} from "../../../constructs";
import { groupOf } from "../../support/job";
import { synthMesh } from "../../support/synth";
import { anyWorkload } from "../../support/workload";

const tls = { caFile: "/etc/ca.pem", certFile: "/etc/own.pem", keyFile: "/etc/own.key" };
const sdsServers = { vault: { address: "sds.example:8234", tls } };
const sds = { clusterName: "vault", certResource: "api" };

interface Given {
  readonly props?: Partial<IngressGatewayBaseProps>;
  readonly listener?: IngressTls;
  readonly route?: IngressConnectOptions;
  readonly mesh?: ServiceMeshProps;
}

/** An ingress gateway with a listener and a service. */
function synthIngress({ props = { sdsServers }, listener, route, mesh: meshProps }: Given) {
  return synthMesh((mesh) => {
    const listeners = [IngressListener.http({ port: 8443, tls: listener })];
    const api = mesh.addService("api", { port: 9001, protocol: Protocol.HTTP, workload: anyWorkload });
    mesh.addIngressGateway("ingress", { listeners, ...props }).connectTo(api, { hosts: ["api.example"], ...route });
  }, meshProps);
}

const entryOf = (given: Given) =>
  synthIngress(given).entries["ingress-gateway/ingress"] as consul.IngressGatewayConfigEntry;

/** The static clusters of the gateway's Envoy. */
function clustersOf(given: Given): readonly { readonly name: string }[] {
  const services = groupOf(synthIngress(given).jobs.ingress).Services ?? [];
  const proxy = services.find(({ Name }) => Name === "ingress-envoy")?.Connect?.SidecarService?.Proxy;
  return JSON.parse(`[${proxy?.Config?.envoy_extra_static_clusters_json as string}]`) as { name: string }[];
}

test("a listener and a route have certificates from a server", () => {
  expect(entryOf({ listener: { sds }, route: { sds: { ...sds, certResource: "own" } } })).toMatchObject({
    Listeners: [
      {
        TLS: { Enabled: true, SDS: { ClusterName: "vault", CertResource: "api" } },
        Services: [{ Name: "api", TLS: { SDS: { ClusterName: "vault", CertResource: "own" } } }],
      },
    ],
  });
});

test("the Envoy knows the server, which it verifies, and shows a certificate of its own", () => {
  const [cluster, ...others] = clustersOf({ props: { sdsServers, sidecar: Sidecar.docker() } });
  expect(others).toEqual([]);
  expect(cluster).toMatchObject({
    name: "vault",
    type: "STRICT_DNS",
    typed_extension_protocol_options: expect.anything() as unknown,
    transport_socket: {
      name: "envoy.transport_sockets.tls",
      typed_config: {
        sni: "sds.example",
        common_tls_context: {
          tls_certificates: [
            { certificate_chain: { filename: "/etc/own.pem" }, private_key: { filename: "/etc/own.key" } },
          ],
          validation_context: {
            trusted_ca: { filename: "/etc/ca.pem" },
            match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: "sds.example" } }],
          },
        },
      },
    },
    load_assignment: {
      endpoints: [
        {
          lb_endpoints: [{ endpoint: { address: { socket_address: { address: "sds.example", port_value: 8234 } } } }],
        },
      ],
    },
  });
});

test("the address of a server may be an IP address, which its certificate then contains", () => {
  const server = { address: "10.0.0.7:8234", tls: { caFile: "/etc/ca.pem" } };
  expect(clustersOf({ props: { sdsServers: { vault: server } } })).toMatchObject([
    {
      type: "STATIC",
      transport_socket: {
        typed_config: {
          common_tls_context: {
            validation_context: {
              match_typed_subject_alt_names: [{ san_type: "IP_ADDRESS", matcher: { exact: "10.0.0.7" } }],
            },
          },
        },
      },
    },
  ]);
});

test("plaintext needs a reason, and then has no TLS", () => {
  const server = { address: "10.0.0.7:8234", plaintext: "It runs on the same node." };
  const [cluster] = clustersOf({ props: { sdsServers: { vault: server } } });
  expect(cluster).not.toHaveProperty("transport_socket");
});

test("clusters of the mesh, such as its collector of traces, and of the sidecar stay", () => {
  const mesh = { tracing: Tracing.zipkin({ address: "10.0.0.8:9411" }), metrics: Metrics.prometheus() };
  expect(clustersOf({ mesh }).map(({ name }) => name)).toEqual(["tracing_collector", "vault"]);
  const sidecar = Sidecar.docker({ config: { envoy_extra_static_clusters_json: '{"name": "own"}' } });
  expect(clustersOf({ mesh, props: { sdsServers, sidecar } }).map(({ name }) => name)).toEqual(["own", "vault"]);
});

test("the server may be a static cluster of the sidecar", () => {
  const sidecar = Sidecar.docker({ config: { envoy_extra_static_clusters_json: '{"name": "vault"}' } });
  expect(entryOf({ props: { sidecar }, listener: { sds } })).toMatchObject({
    Listeners: [{ TLS: { SDS: { ClusterName: "vault" } } }],
  });
});

test.each<[string, Given, string]>([
  [
    "a listener refers to a server that the gateway does not have",
    { listener: { sds: { clusterName: "other", certResource: "api" } } },
    "Its certificate api is on the SDS server other, which the gateway does not have. Add the server to sdsServers. Its servers: vault.",
  ],
  [
    "a route refers to a server that the gateway does not have",
    { props: {}, listener: {}, route: { sds } },
    "Its certificate api is on the SDS server vault, which the gateway does not have. Add the server to sdsServers. Its servers: none.",
  ],
  [
    "a route has a certificate, but its listener no TLS",
    { route: { sds } },
    "Its route to api has a certificate, but its listener on port 8443 has no TLS. Set tls: {} of the listener.",
  ],
  [
    "a route has a certificate, but no hosts",
    { listener: {}, route: { sds, hosts: undefined } },
    "Its route to api has a certificate, but no hosts. Set the hosts for which the certificate is.",
  ],
  [
    "keys would pass in plaintext without a reason",
    { props: { sdsServers: { vault: { address: "10.0.0.7:8234" } } } },
    "It would get private keys from its SDS server vault in plaintext: the server has neither tls nor a reason for plaintext. Set tls with a caFile. If plaintext is intended, state the reason in `plaintext`.",
  ],
  [
    "a server has both TLS and a reason for plaintext",
    { props: { sdsServers: { vault: { address: "10.0.0.7:8234", tls, plaintext: "It is a test." } } } },
    "Its SDS server vault has both tls and a reason for plaintext. Remove one of them.",
  ],
  [
    "a server has half a client certificate",
    { props: { sdsServers: { vault: { address: "10.0.0.7:8234", tls: { caFile: "a", certFile: "b" } } } } },
    "Its SDS server vault has a certFile but no keyFile. Set both, or none of them.",
  ],
  [
    "the address of a server has no port",
    { props: { sdsServers: { vault: { address: "sds.example", tls } } } },
    'The address of its SDS server vault is "sds.example". Use host:port, such as "10.0.0.7:8234".',
  ],
])("fails if %s", (_, given, message) => {
  expect(() => synthIngress(given)).toThrow(message);
});
