import { Construct } from "constructs";
import type * as consul from "../consul/generated/config-entries";
import type { JwtKeys } from "../consul/jwt-keys";
import type { JwtLocation } from "../consul/jwt-location";
import type { HasProviderName } from "../consul/jwt-requirement";
import { nanoseconds, type DurationLike } from "../core/duration";
import { overridden } from "../consul/override";
import type { Override } from "../core/override";
import * as is from "../core/shape";
import { Graph } from "../model/graph";
import { type ConsulConfigEntry, DerivedConfigEntry } from "./config-entry";
import type { Mesh } from "./mesh";
import { refuseUnknownName } from "./mesh-member";
import { MEMBER_SHAPE } from "./shapes";

/** How the service gets the claims of a token that Envoy has verified. */
export interface JwtForwarding {
  /** Name of the header with the payload of the token, in base64 for URLs. */
  readonly header: string;
  /** Whether the value is padded to a multiple of four characters. @default false */
  readonly padded?: boolean;
}

/** Props of {@link ServiceMesh.addJwtProvider}. */
export interface JwtProviderBaseProps {
  /** Name of the provider in Consul. @default the construct's id */
  readonly providerName?: string;
  /** The claim `iss` of all tokens of the provider. */
  readonly issuer: string;
  /** A token is valid if its claim `aud` contains one of these. @default any */
  readonly audiences?: readonly string[];
  /** The public keys of the provider. */
  readonly keys: JwtKeys;
  /** Where requests have their token. @default the header `authorization` with `Bearer `, and the query parameter `access_token` */
  readonly locations?: readonly JwtLocation[];
  /** How the service gets the verified claims. @default it does not */
  readonly forwarding?: JwtForwarding;
  /**
   * By how much the clocks of the issuer and of Envoy may differ, in whole seconds. Consul 1.21 does not pass it to Envoy, which allows for
   * 60 seconds: see the check `jwks-settings`.
   *
   * @default "30s"
   */
  readonly clockSkew?: DurationLike;
  /** Number of tokens whose result Envoy keeps. Consul 1.21 does not pass it to Envoy. @default 0 */
  readonly cacheSize?: number;
  /** Changes of the rendered config entry. @default none */
  readonly override?: Override<Omit<consul.JWTProviderConfigEntry, "Kind" | "Name">>;
}

/** Props of {@link JwtProvider}. */
export interface JwtProviderProps extends JwtProviderBaseProps {
  /** The mesh of the provider. */
  readonly mesh: Mesh;
}

/** Shape of the props of a JWT provider. */
const JWT_PROVIDER_SHAPE: is.Shape<JwtProviderProps> = {
  mesh: MEMBER_SHAPE.mesh,
  providerName: is.name,
  issuer: is.required(is.name),
  audiences: is.list(is.name),
  keys: is.required(is.made("JwtKeys, such as JwtKeys.local(…)")),
  locations: is.list(is.made('a JwtLocation, such as JwtLocation.header("x-token")')),
  forwarding: is.block<JwtForwarding>({ header: is.required(is.name), padded: is.flag }),
  clockSkew: is.duration,
  cacheSize: is.number,
  override: is.fields,
};

/**
 * An issuer of JSON Web Tokens, as the config entry `jwt-provider`: by which keys, issuer and audiences Envoys verify tokens. It requires
 * nothing of requests: services do, with {@link MeshService.requireJwt} and {@link HttpPermission.requireJwt}.
 *
 * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/jwt-provider
 */
export class JwtProvider extends Construct implements HasProviderName {
  /** References a provider that another app or team owns, in the cluster of the services that use it. */
  static fromName(scope: Construct, id: string, providerName: string): HasProviderName {
    return new ImportedJwtProvider(scope, id, providerName);
  }

  readonly providerName: string;
  /** The config entry `jwt-provider`. */
  readonly entry: ConsulConfigEntry<consul.JWTProviderConfigEntry>;

  constructor(scope: Construct, id: string, props: JwtProviderProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, JWT_PROVIDER_SHAPE);
    const { providerName = id, override } = props;
    refuseUnknownName(this, "JWT provider", providerName);
    this.providerName = providerName;
    props.mesh.addOwner(this);
    this.entry = new DerivedConfigEntry<consul.JWTProviderConfigEntry>(this, "Entry", {
      kind: "jwt-provider",
      name: providerName,
      entry: () => overridden(render(props), override),
      // Consul refuses to delete a provider while intentions refer to it.
      isRemovedLast: true,
    });
  }
}

/** A provider that another app or team owns. */
class ImportedJwtProvider extends Construct implements HasProviderName {
  constructor(
    scope: Construct,
    id: string,
    readonly providerName: string,
  ) {
    super(scope, id);
    is.refuseWrongArgument(this, "providerName", providerName, is.name);
    refuseUnknownName(this, "JWT provider", providerName);
    Graph.of(this).write(this, ({ importedJwtProviders }) => importedJwtProviders.add(providerName));
  }
}

function render(props: JwtProviderProps): Omit<consul.JWTProviderConfigEntry, "Kind" | "Name"> {
  const { issuer, audiences, keys, locations, forwarding, clockSkew = "30s", cacheSize } = props;
  return {
    JSONWebKeySet: keys.rendered,
    Issuer: issuer,
    Audiences: audiences,
    Locations: locations?.map(({ rendered }) => rendered),
    Forwarding: forwarding && { HeaderName: forwarding.header, PadForwardPayloadHeader: forwarding.padded ?? false },
    // Consul always answers with it; without it each plan would find a difference.
    ClockSkewSeconds: nanoseconds(clockSkew) / 1e9,
    CacheConfig: cacheSize === undefined ? undefined : { Size: cacheSize },
  };
}
