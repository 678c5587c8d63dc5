import { CertificateAuthority } from "@cdktf/provider-consul/lib/certificate-authority";
import { Construct } from "constructs";
import { addressByIdentity } from "../core/address";
import { isDuration, nanoseconds, optionalConsulDuration, type DurationLike } from "../core/duration";
import type { Place } from "../core/problems";
import * as is from "../core/shape";
import { toTerraformJson } from "../core/terraform-json";
import { isToken } from "../core/token";
import type { CaProvider } from "./ca-provider";

/** Props of {@link MeshCertificateAuthority}. */
export interface MeshCertificateAuthorityProps {
  /** What signs the certificates of services. */
  readonly provider: CaProvider;
  /** Lifetime of the certificates of services, from 1 hour to 8760 hours. @default "72h" */
  readonly leafCertTtl?: DurationLike;
  /** Lifetime of the intermediate certificate, at least three hours, and three times leafCertTtl. @default "8760h" */
  readonly intermediateCertTtl?: DurationLike;
  /** Lifetime of a root certificate that Consul creates, at least intermediateCertTtl. @default "87600h" */
  readonly rootCertTtl?: DurationLike;
  /** Type of the keys of root and intermediate certificates that Consul creates. @default "ec" */
  readonly privateKeyType?: "ec" | "rsa";
  /** Size of these keys: 224, 256, 384 or 521 for `ec`, 2048 or 4096 for `rsa`. @default 256 for ec, 2048 for rsa */
  readonly privateKeyBits?: number;
}

/** @internal */
export const CERTIFICATE_AUTHORITY_SHAPE: is.Shape<MeshCertificateAuthorityProps> = {
  provider: is.required(is.made("a provider, such as CaProvider.vault(…)")),
  leafCertTtl: is.duration,
  intermediateCertTtl: is.duration,
  rootCertTtl: is.duration,
  privateKeyType: is.oneOf(["ec", "rsa"]),
  privateKeyBits: is.number,
};

const DEFAULTS = { leafCertTtl: "72h", intermediateCertTtl: "8760h", rootCertTtl: "87600h" } as const;
const BITS = { ec: [224, 256, 384, 521], rsa: [2048, 4096] } as const;
const DEFAULT_BITS = { ec: 256, rsa: 2048 } as const;
const HOUR = 3600e9;

/**
 * The certificate authority of a mesh. Consul has one from the start; this changes its provider or its lifetimes. If that brings another
 * root certificate, the old root signs the new one, so that no connection fails.
 *
 * The token that applies it needs `operator = "write"` in Consul, so it belongs to a stack of the platform team, and only to one for each
 * cluster. Destroying it leaves Consul as it is.
 *
 * @example
 * new MeshCertificateAuthority(stack, "ca", {
 *   provider: CaProvider.vault({
 *     address: "https://vault.example.com:8200",
 *     auth: VaultAuth.appRole({ roleIdFile: "/etc/vault/role-id", secretIdFile: "/etc/vault/secret-id" }),
 *     rootPkiPath: "mesh-root",
 *     intermediatePkiPath: "mesh-intermediate",
 *   }),
 *   leafCertTtl: "24h",
 * });
 * @see https://developer.hashicorp.com/consul/docs/connect/ca
 */
export class MeshCertificateAuthority extends Construct {
  /** The Terraform resource, for dependencies and lifecycle. */
  readonly resource: CertificateAuthority;

  /** @throws MeshError if Consul would reject the options */
  constructor(scope: Construct, id: string, props: MeshCertificateAuthorityProps) {
    super(scope, id);
    is.refuseWrongValues(this, props, CERTIFICATE_AUTHORITY_SHAPE);
    is.refuseProblems(this, (place) => {
      examineLifetimes(place, props);
      examineKey(place, props);
    });
    const { provider, privateKeyType = "ec" } = props;
    const lifetime = (name: keyof typeof DEFAULTS) => optionalConsulDuration(props[name] ?? DEFAULTS[name]);
    this.resource = new CertificateAuthority(this, "Resource", {
      connectProvider: provider.kind,
      configJson: toTerraformJson(
        sorted({
          ...provider.render(),
          IntermediateCertTTL: lifetime("intermediateCertTtl"),
          LeafCertTTL: lifetime("leafCertTtl"),
          PrivateKeyBits: props.privateKeyBits ?? DEFAULT_BITS[privateKeyType],
          PrivateKeyType: privateKeyType,
          RootCertTTL: lifetime("rootCertTtl"),
        }),
      ),
    });
    addressByIdentity(this.resource, "certificate-authority");
  }
}

/** The provider compares the text with what it reads from Consul, whose names are sorted. */
function sorted(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const known = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    known
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, value]) => [name, isPlain(value) ? sorted(value) : value]),
  );
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !isToken(value);
}

function examineLifetimes(place: Place, props: MeshCertificateAuthorityProps): void {
  const [leaf, intermediate, root] = (["leafCertTtl", "intermediateCertTtl", "rootCertTtl"] as const).map((name) => {
    const value = props[name] ?? DEFAULTS[name];
    return isDuration(value) && !isToken(nanoseconds(value)) ? nanoseconds(value) : undefined;
  });
  if (leaf !== undefined && (leaf < HOUR || leaf > 8760 * HOUR)) {
    place.refuse("leafCertTtl", props.leafCertTtl, "from 1h to 8760h", "Use a duration in this range, such as 24h.");
  }
  if (leaf !== undefined && intermediate !== undefined && intermediate < Math.max(3 * HOUR, 3 * leaf)) {
    place.refuse(
      "intermediateCertTtl",
      props.intermediateCertTtl ?? DEFAULTS.intermediateCertTtl,
      "at least three hours, and three times leafCertTtl",
      "Increase it, or shorten leafCertTtl.",
    );
  }
  if (root !== undefined && intermediate !== undefined && root < intermediate) {
    place.refuse(
      "rootCertTtl",
      props.rootCertTtl ?? DEFAULTS.rootCertTtl,
      "at least intermediateCertTtl",
      "Increase it, or shorten intermediateCertTtl.",
    );
  }
}

function examineKey(place: Place, { privateKeyType = "ec", privateKeyBits }: MeshCertificateAuthorityProps): void {
  const allowed: readonly number[] = BITS[privateKeyType];
  if (privateKeyBits !== undefined && !isToken(privateKeyBits) && !allowed.includes(privateKeyBits)) {
    place.refuse("privateKeyBits", privateKeyBits, allowed.join(", "), `Use one of them for ${privateKeyType} keys.`);
  }
}
