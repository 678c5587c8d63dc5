import { Fn } from "cdktf";
import { isIP } from "node:net";
import { optionalConsulDuration, optionalMilliseconds, type DurationLike } from "../core/duration";
import { hostOf } from "../core/network-address";
import { Shown, type Place } from "../core/problems";
import * as is from "../core/shape";
import { isToken } from "../core/token";
import type * as consul from "./generated/config-entries";
import { problemOfJwks } from "./jwks";

/** Certificates of the authorities that sign the certificate of a server with keys. Exactly one of the properties is required. */
export interface JwksAuthority {
  /** Path of a file with certificates, on the machine or in the container of each Envoy. @default none */
  readonly file?: string;
  /** The certificates, in PEM format. @default none */
  readonly pem?: string;
  /** Name of an environment variable of each Envoy that contains the certificates. @default none */
  readonly environmentVariable?: string;
}

/** How often Envoy requests the keys again when that fails. */
export interface JwksRetry {
  /** Number of retries. */
  readonly numRetries: number;
  /** Time before the first retry. @default Envoy's: "1s" */
  readonly baseInterval?: DurationLike;
  /** Maximum time between retries. @default ten times `baseInterval` */
  readonly maxInterval?: DurationLike;
}

/**
 * Options of {@link JwtKeys.remote}.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/jwt-provider#jsonwebkeyset-remote
 */
export interface RemoteJwksOptions {
  /**
   * Address of the key set, with `https` or `http`: `https://login.example.com/jwks.json`. Each Envoy of the mesh connects to it directly, from
   * the network of its allocation, and not through the mesh.
   */
  readonly uri: string;
  /** Timeout of a request, in whole seconds. @default "5s" */
  readonly requestTimeout?: DurationLike;
  /**
   * After which time Envoy requests the keys again. Consul 1.21 passes nanoseconds as seconds, so that Envoy refuses the configuration: see the
   * check `jwks-settings`.
   *
   * @default Envoy's: "10m"
   */
  readonly cacheDuration?: DurationLike;
  /** Whether Envoy opens its listener before it has the keys. Until then it refuses tokens. @default false */
  readonly fetchAsynchronously?: boolean;
  /** Whether Envoy names the host in the TLS handshake, as most servers require. @default true for a host name with https */
  readonly useSni?: boolean;
  /** @default no retries; Envoy requests the keys again at the next request with a token */
  readonly retry?: JwksRetry;
  /**
   * The authorities of the server's certificate. Envoy accepts any certificate without them, and with them any certificate that one of them
   * has signed: Consul has no setting for the name in the certificate.
   *
   * @default none: the check `jwks-unverified` fails
   */
  readonly authority?: JwksAuthority;
  /** How Envoy finds the addresses of the host. @default "STATIC" for an IP address, otherwise "STRICT_DNS" */
  readonly discoveryType?: "STATIC" | "STRICT_DNS" | "LOGICAL_DNS";
  /** Timeout of a connection, in whole seconds. @default Envoy's: "5s" */
  readonly connectTimeout?: DurationLike;
}

const REMOTE_SHAPE: is.Shape<RemoteJwksOptions> = {
  uri: is.required(is.rule("a URI with https or http", "Set the address of the key set.", (it) => !!is.httpUrl(it))),
  requestTimeout: is.duration,
  cacheDuration: is.durationText,
  fetchAsynchronously: is.flag,
  useSni: is.flag,
  retry: is.block<JwksRetry>({
    numRetries: is.required(is.number),
    baseInterval: is.durationText,
    maxInterval: is.durationText,
  }),
  authority: is.block<JwksAuthority>({ file: is.name, pem: is.name, environmentVariable: is.name }),
  discoveryType: is.oneOf(["STATIC", "STRICT_DNS", "LOGICAL_DNS"]),
  connectTimeout: is.durationText,
};

/** The public keys with which Envoy verifies tokens. */
export class JwtKeys {
  private constructor(
    private readonly content: () => consul.JSONWebKeySet,
    private readonly examineContent: (place: Place) => void,
  ) {}

  /**
   * A JSON Web Key Set in the config entry. Its keys must be public: private and symmetric keys are refused, because the entry is part of the
   * Terraform state. To replace a key without refusing tokens, first add the new key, and remove the old one when its last token has expired.
   *
   * @param jwks the set as an object, or as JSON
   */
  static local(jwks: string | { readonly keys: readonly object[] }): JwtKeys {
    return new JwtKeys(
      () => ({ Local: { JWKS: base64(textOf(jwks)) } }),
      (place) => {
        const problem = isToken(jwks) ? undefined : problemOfJwks(textOf(jwks));
        if (problem !== undefined) {
          // The value may contain a private key, so the message does not.
          place.refuse("jwks", new Shown("not a public key set"), problem, "Publish only the public keys.");
        }
      },
    );
  }

  /**
   * A file with a JSON Web Key Set. It must exist on the machine or in the container of every Envoy whose service requires a token of the
   * provider. Envoy reads it when it gets its configuration.
   */
  static file(path: string): JwtKeys {
    return new JwtKeys(
      () => ({ Local: { Filename: path } }),
      (place) => {
        is.required(is.name)(place, "path", path);
      },
    );
  }

  /** A JSON Web Key Set that Envoys request from a server. */
  static remote(options: RemoteJwksOptions): JwtKeys {
    is.optionsOf("JwtKeys.remote", options);
    return new JwtKeys(
      () => ({ Remote: renderRemote(options) }),
      (place) => {
        is.examineProperties(place, options, REMOTE_SHAPE);
      },
    );
  }

  /** @internal */
  examine(place: Place): void {
    this.examineContent(place);
  }

  /** @internal In Consul's format. */
  get rendered(): consul.JSONWebKeySet {
    return this.content();
  }
}

function renderRemote(options: RemoteJwksOptions): consul.RemoteJWKS {
  const { uri, requestTimeout = "5s", cacheDuration, retry, authority } = options;
  const url = is.httpUrl(uri);
  const isAddress = url !== undefined && isIP(hostOf(url)) !== 0;
  return {
    URI: uri,
    RequestTimeoutMs: optionalMilliseconds(requestTimeout),
    CacheDuration: optionalConsulDuration(cacheDuration),
    FetchAsynchronously: options.fetchAsynchronously,
    UseSNI: options.useSni ?? (url?.protocol === "https:" && !isAddress ? true : undefined),
    RetryPolicy: retry && {
      NumRetries: retry.numRetries,
      RetryPolicyBackOff:
        retry.baseInterval === undefined && retry.maxInterval === undefined
          ? undefined
          : {
              BaseInterval: optionalConsulDuration(retry.baseInterval),
              MaxInterval: optionalConsulDuration(retry.maxInterval),
            },
    },
    // Without this block, Consul gives Envoy a cluster for IP addresses, and Envoy refuses one with a host name.
    JWKSCluster: {
      DiscoveryType: options.discoveryType ?? (isAddress ? "STATIC" : "STRICT_DNS"),
      TLSCertificates: authority && {
        TrustedCA: {
          Filename: authority.file,
          InlineString: authority.pem,
          EnvironmentVariable: authority.environmentVariable,
        },
      },
      ConnectTimeout: optionalConsulDuration(options.connectTimeout),
    },
  };
}

function base64(text: string): string {
  return isToken(text) ? Fn.base64encode(text) : Buffer.from(text).toString("base64");
}

function textOf(jwks: unknown): string {
  return typeof jwks === "string" ? jwks : JSON.stringify(jwks ?? null);
}
