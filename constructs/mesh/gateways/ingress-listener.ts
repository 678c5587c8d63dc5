import type * as consul from "../../consul/generated/config-entries";
import { Protocol } from "../../consul/protocol";
import type { ListenerRecord } from "../../model/records";
import type { GatewayListener, ListenerOptions } from "./inbound-gateway";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { LISTENER_SHAPE } from "../shapes";
import { TLS_VERSION_SHAPE, type TlsVersionOptions } from "../../consul/tls-versions";

/**
 * TLS at a listener of an ingress gateway. Without more the certificate comes from the mesh's own authority, for the hosts
 * of the routes: clients must trust Consul's roots.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/ingress-gateway#tls
 */
export interface IngressTls extends TlsVersionOptions {
  /** Where Envoy gets another certificate from: a server of the secret discovery service. @default none */
  readonly sds?: {
    /** Name of a static cluster in Envoy's bootstrap: `envoy_extra_static_clusters_json` of the sidecar's `config`. */
    readonly clusterName: string;
    /** What the server calls the certificate. */
    readonly certResource: string;
  };
}

/** Options of an {@link IngressListener}. */
export interface IngressListenerOptions extends ListenerOptions {
  /** `{}` for a certificate of the mesh's own authority. @default plaintext */
  readonly tls?: IngressTls;
}

const TLS_SHAPE: is.Shape<IngressTls> = {
  ...TLS_VERSION_SHAPE,
  sds: is.block({ clusterName: is.required(is.text), certResource: is.required(is.text) }),
};
const INGRESS_LISTENER_SHAPE: is.Shape<IngressListenerOptions> = { ...LISTENER_SHAPE, tls: is.block(TLS_SHAPE) };

/** Where an ingress gateway takes connections. The services that it leads to must speak the listener's protocol. */
export class IngressListener implements GatewayListener {
  private constructor(
    /** What clients speak to it; the services that it leads to must speak the same. */
    readonly protocol: Protocol,
    /** Port and TLS, as they were given. */
    readonly options: IngressListenerOptions,
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, INGRESS_LISTENER_SHAPE);
  }

  /** Connections as they are, to a single service. */
  static tcp(options: IngressListenerOptions): IngressListener {
    return new IngressListener(Protocol.TCP, options);
  }

  /** HTTP requests, to services by the host that they are for. */
  static http(options: IngressListenerOptions): IngressListener {
    return new IngressListener(Protocol.HTTP, options);
  }

  /** HTTP/2 requests. */
  static http2(options: IngressListenerOptions): IngressListener {
    return new IngressListener(Protocol.HTTP2, options);
  }

  /** gRPC calls. */
  static grpc(options: IngressListenerOptions): IngressListener {
    return new IngressListener(Protocol.GRPC, options);
  }

  /** @internal */
  get name(): string {
    return `listener-${this.options.port}`;
  }

  /** @internal */
  get record(): ListenerRecord {
    const { port, hostPort = port, tls } = this.options;
    return { ...{ port, hostPort, protocol: this.protocol }, tls: tls && { hasInlineKey: false } };
  }

  /** @internal */
  render(services: readonly consul.IngressService[]): consul.IngressListener {
    const { port, tls } = this.options;
    return {
      Port: port,
      Protocol: this.protocol,
      TLS: tls && {
        Enabled: true,
        SDS: tls.sds && { ClusterName: tls.sds.clusterName, CertResource: tls.sds.certResource },
        TLSMinVersion: tls.minVersion,
        TLSMaxVersion: tls.maxVersion,
        CipherSuites: tls.cipherSuites,
      },
      Services: services,
    };
  }
}
