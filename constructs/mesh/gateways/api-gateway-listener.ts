import type * as consul from "../../consul/generated/config-entries";
import { JWT_REQUIREMENTS, renderJwtRequirement, type JwtRequirement } from "../../consul/jwt-requirement";
import type { Override } from "../../core/override";
import { overridden } from "../../consul/override";
import { Protocol } from "../../consul/protocol";
import type { ListenerRecord } from "../../model/records";
import type { GatewayListener, ListenerOptions } from "./inbound-gateway";
import type { GatewayCertificate } from "./gateway-certificate";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { LISTENER_SHAPE } from "../shapes";
import { TLS_VERSION_SHAPE, type TlsVersionOptions } from "../../consul/tls-versions";

/** TLS of a listener of an API gateway. */
export interface ApiGatewayTls extends TlsVersionOptions {
  /**
   * Certificates of the gateway: one, or several inline certificates. With several, Envoy chooses one by the server name (SNI) of the
   * client. They must be inline, since Consul reads the names only in inline certificates. No name may be in them twice, not even as the
   * common name (CN) and as a subject alternative name (SAN) of one certificate: for such a name Consul 1.21 serves a certificate of the
   * mesh's CA instead. Certificates of public CAs usually repeat the name, so prefer one certificate with all names.
   */
  readonly certificates: readonly GatewayCertificate[];
}

/** Options of {@link ApiGatewayListener.tcp}. */
export interface ApiGatewayListenerOptions extends ListenerOptions {
  /** TLS settings of the listener. @default none: the listener accepts plaintext */
  readonly tls?: ApiGatewayTls;
  /** Other fields of the listener in the config entry. @default none */
  readonly override?: Override<consul.APIGatewayListener>;
}

/** Options of {@link ApiGatewayListener.http}. */
export interface ApiGatewayHttpListenerOptions extends ApiGatewayListenerOptions {
  /** Host name of the requests that the listener accepts. The leftmost label can be `*`. @default any host */
  readonly hostname?: string;
  /** The tokens that requests need. Requires Consul Enterprise. @default none */
  readonly jwt?: ApiGatewayJwt;
}

/**
 * The tokens that requests to a listener need, one of each list.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/api-gateway#listeners-default
 */
export interface ApiGatewayJwt {
  /** For requests of routes that require no tokens themselves. @default none */
  readonly default?: readonly JwtRequirement[];
  /** For requests of all routes, instead of what a route requires. @default none */
  readonly override?: readonly JwtRequirement[];
}

const TLS_SHAPE: is.Shape<ApiGatewayTls> = {
  ...TLS_VERSION_SHAPE,
  certificates: is.required(
    is.literalList(is.made("a GatewayCertificate, such as GatewayCertificate.files({ certFile, keyFile })")),
  ),
};
const TCP_LISTENER_SHAPE: is.Shape<ApiGatewayListenerOptions> = {
  ...LISTENER_SHAPE,
  tls: is.block(TLS_SHAPE),
  override: is.fields,
};
const HTTP_LISTENER_SHAPE: is.Shape<ApiGatewayHttpListenerOptions> = {
  ...TCP_LISTENER_SHAPE,
  hostname: is.text,
  jwt: is.block<ApiGatewayJwt>({ default: JWT_REQUIREMENTS, override: JWT_REQUIREMENTS }),
};

/** A listener of an API gateway. The services to which it routes must have the protocol of the listener. */
export class ApiGatewayListener implements GatewayListener {
  private constructor(
    /** `http` routes requests, `tcp` forwards connections to one service. */
    readonly protocol: Protocol.HTTP | Protocol.TCP,
    /** Port, host name and TLS, as passed. */
    readonly options: ApiGatewayHttpListenerOptions,
    private readonly shape: is.Shape<ApiGatewayListenerOptions>,
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, this.shape);
  }

  /** A listener for HTTP requests, which it routes by host, path, headers, parameters and method. */
  static http(options: ApiGatewayHttpListenerOptions): ApiGatewayListener {
    return new ApiGatewayListener(Protocol.HTTP, options, HTTP_LISTENER_SHAPE);
  }

  /** A listener for connections, which it forwards to a single service. */
  static tcp(options: ApiGatewayListenerOptions): ApiGatewayListener {
    return new ApiGatewayListener(Protocol.TCP, options, TCP_LISTENER_SHAPE);
  }

  /** @internal Name of the listener in the config entry. */
  get name(): string {
    return `listener-${this.options.port}`;
  }

  /** @internal */
  get record(): ListenerRecord {
    const { port, hostPort = port, hostname, tls } = this.options;
    const hasInlineKey = tls?.certificates.some(({ isInline }) => isInline) ?? false;
    const certificates = tls?.certificates.map(({ text }) => text);
    return { ...{ port, hostPort, hostname, protocol: this.protocol }, tls: tls && { hasInlineKey, certificates } };
  }

  /** @internal */
  render(certificates: readonly consul.ResourceReference[]): consul.APIGatewayListener {
    const { hostname, port, tls, jwt, override } = this.options;
    const rendered: consul.APIGatewayListener = {
      Name: this.name,
      Hostname: hostname,
      Port: port,
      Protocol: this.protocol,
      TLS: tls && {
        Certificates: certificates,
        MinVersion: tls.minVersion,
        MaxVersion: tls.maxVersion,
        CipherSuites: tls.cipherSuites,
      },
      Default: jwt?.default && { JWT: renderJwtRequirement(jwt.default) },
      Override: jwt?.override && { JWT: renderJwtRequirement(jwt.override) },
    };
    return overridden(rendered, override);
  }
}
