import type * as consul from "../../consul/generated/config-entries";
import { Protocol } from "../../consul/protocol";
import type { ListenerRecord } from "../../model/records";
import type { GatewayListener, ListenerOptions } from "./inbound-gateway";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { LISTENER_SHAPE } from "../shapes";
import { renderSds, SDS_SHAPE, type SdsCertificate } from "./sds";
import { TLS_VERSION_SHAPE, type TlsVersionOptions } from "../../consul/tls-versions";

/**
 * TLS of a listener of an ingress gateway. By default, the mesh's CA issues the certificate, for the hosts of the routes. Clients must
 * then trust the CA roots of Consul.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/ingress-gateway#tls
 */
export interface IngressTls extends TlsVersionOptions {
  /** Another certificate, from a server of the secret discovery service (SDS). A route can have its own. @default none */
  readonly sds?: SdsCertificate;
}

/** Options of an {@link IngressListener}. */
export interface IngressListenerOptions extends ListenerOptions {
  /** TLS settings; `{}` for a certificate of the mesh's CA. @default none: the listener accepts plaintext */
  readonly tls?: IngressTls;
}

const TLS_SHAPE: is.Shape<IngressTls> = {
  ...TLS_VERSION_SHAPE,
  sds: is.block(SDS_SHAPE),
};
const INGRESS_LISTENER_SHAPE: is.Shape<IngressListenerOptions> = { ...LISTENER_SHAPE, tls: is.block(TLS_SHAPE) };

/** A listener of an ingress gateway. The services to which it routes must have the protocol of the listener. */
export class IngressListener implements GatewayListener {
  private constructor(
    /** Protocol of the clients. The services to which the listener routes must have the same protocol. */
    readonly protocol: Protocol,
    /** Port and TLS, as passed. */
    readonly options: IngressListenerOptions,
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, INGRESS_LISTENER_SHAPE);
  }

  /** A listener for connections, which it forwards to a single service. */
  static tcp(options: IngressListenerOptions): IngressListener {
    return new IngressListener(Protocol.TCP, options);
  }

  /** A listener for HTTP requests, which it routes by host. */
  static http(options: IngressListenerOptions): IngressListener {
    return new IngressListener(Protocol.HTTP, options);
  }

  /** A listener for HTTP/2 requests, which it routes by host. */
  static http2(options: IngressListenerOptions): IngressListener {
    return new IngressListener(Protocol.HTTP2, options);
  }

  /** A listener for gRPC calls, which it routes by host. */
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
        SDS: tls.sds && renderSds(tls.sds),
        TLSMinVersion: tls.minVersion,
        TLSMaxVersion: tls.maxVersion,
        CipherSuites: tls.cipherSuites,
      },
      Services: services,
    };
  }
}
