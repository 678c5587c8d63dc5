import type { Place } from "../core/problems";
import { hostOf, isLoopback } from "../core/network-address";
import * as is from "../core/shape";
import { sharedClass } from "../core/shared-class";
import type { VaultAuth } from "./vault-auth";

/** Options of {@link CaProvider.vault}. */
export interface VaultCaOptions {
  /** Address of Vault as reached from Consul's servers, such as `https://vault.example.com:8200`. */
  readonly address: string;
  /** How Consul's servers log in. */
  readonly auth: VaultAuth;
  /**
   * Path of the PKI secrets engine with the root certificate. To rotate the root, use the path of another engine: Consul has the old root
   * sign the new one, so no request fails.
   */
  readonly rootPkiPath: string;
  /** Path of the PKI secrets engine whose intermediate certificate signs the certificates of services. */
  readonly intermediatePkiPath: string;
  /** Vault namespace of both engines (Enterprise). @default none */
  readonly namespace?: string;
  /** Path of a PEM file on Consul's servers with the CA of Vault's certificate. @default the CAs of the machine */
  readonly caFile?: string;
  /** Name that Vault's certificate must contain. @default the host of the address */
  readonly tlsServerName?: string;
}

/** Options of {@link CaProvider.vaultSecondary}: those of {@link CaProvider.vault}, without the root, which belongs to the primary. */
export type VaultSecondaryCaOptions = Omit<VaultCaOptions, "rootPkiPath">;

const VAULT_SECONDARY_CA_SHAPE: is.Shape<VaultSecondaryCaOptions> = {
  address: is.required(
    is.rule(
      "an https URL, or an http URL on the loopback interface",
      "Consul's servers send their credentials there.",
      (value) => {
        const url = is.httpUrl(value);
        return url !== undefined && (url.protocol === "https:" || isLoopback(hostOf(url)));
      },
    ),
  ),
  auth: is.required(is.made("a method, such as VaultAuth.appRole(…)")),
  intermediatePkiPath: is.required(is.name),
  namespace: is.name,
  caFile: is.name,
  tlsServerName: is.name,
};

const VAULT_CA_SHAPE: is.Shape<VaultCaOptions> = { ...VAULT_SECONDARY_CA_SHAPE, rootPkiPath: is.required(is.name) };

const withSlash = (path: string) => (path.endsWith("/") ? path : `${path}/`);

/**
 * What signs the certificates of services.
 *
 * @see https://developer.hashicorp.com/consul/docs/connect/ca
 */
export class CaProvider {
  static {
    sharedClass(this, "CaProvider");
  }

  /** Consul's servers themselves. The key of the CA is in their state. */
  static consul(): CaProvider {
    return new CaProvider("consul");
  }

  /**
   * Vault: the keys of the root and intermediate certificates never leave it. The servers need the permissions of
   * {@link CaProvider.vaultPolicy}.
   *
   * @see https://developer.hashicorp.com/consul/docs/connect/ca/vault
   */
  static vault(options: VaultCaOptions): CaProvider {
    return new CaProvider("vault", is.optionsOf("CaProvider.vault", options), VAULT_CA_SHAPE);
  }

  /**
   * Vault, in a secondary datacenter of a WAN federation: it has the key of the intermediate certificate of this datacenter, which the
   * servers of the primary have signed by their root. Those of this datacenter need only {@link CaProvider.vaultSecondaryPolicy}.
   *
   * @see https://developer.hashicorp.com/consul/docs/connect/ca#ca-and-certificate-relationship
   */
  static vaultSecondary(options: VaultSecondaryCaOptions): CaProvider {
    const known = is.optionsOf("CaProvider.vaultSecondary", options);
    return new CaProvider("vault", known, VAULT_SECONDARY_CA_SHAPE);
  }

  /**
   * The policy in Vault for Consul's servers, as HCL: no more than Consul needs if both PKI secrets engines exist, and the root engine has
   * its certificate.
   *
   * @param paths of the PKI secrets engines
   * @param formerRootPkiPath path of the root that is being replaced, which signs the new one
   */
  static vaultPolicy(
    paths: Pick<VaultCaOptions, "rootPkiPath" | "intermediatePkiPath">,
    formerRootPkiPath?: string,
  ): string {
    const root = withSlash(paths.rootPkiPath);
    const rules: Rule[] = [
      [`${root}cert/ca`, "read"],
      [`${root}ca/pem`, "read"],
      [`${root}ca_chain`, "read"],
      [`${root}root/sign-intermediate`, "update"],
      ...intermediateRules(paths.intermediatePkiPath),
    ];
    if (formerRootPkiPath !== undefined) {
      const former = withSlash(formerRootPkiPath);
      rules.push([`${former}root/sign-self-issued`, "update", "sudo"]);
    }
    return policyOf(rules);
  }

  /**
   * The policy in Vault for Consul's servers in a secondary datacenter, as HCL: nothing of it is about the root.
   *
   * @param paths of the PKI secrets engine of this datacenter
   */
  static vaultSecondaryPolicy(paths: Pick<VaultSecondaryCaOptions, "intermediatePkiPath">): string {
    return policyOf(intermediateRules(paths.intermediatePkiPath));
  }

  private constructor(
    /** The name of the provider in Consul's API. */
    readonly kind: "consul" | "vault",
    private readonly options: Partial<VaultCaOptions> = {},
    private readonly shape: object = {},
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties<object>(place, this.options, this.shape);
    const { rootPkiPath, intermediatePkiPath } = this.options;
    if (typeof rootPkiPath === "string" && typeof intermediatePkiPath === "string") {
      if (withSlash(rootPkiPath) === withSlash(intermediatePkiPath)) {
        place.refuse(
          "intermediatePkiPath",
          intermediatePkiPath,
          "another path than rootPkiPath",
          "Use a PKI secrets engine of its own: Consul replaces its certificate.",
        );
      }
    }
  }

  /** @internal The provider's fields in Consul's API. */
  render(): Readonly<Record<string, unknown>> {
    const { address, auth, rootPkiPath, intermediatePkiPath, namespace, caFile, tlsServerName } = this.options;
    return {
      Address: address,
      AuthMethod: auth?.render(),
      CAFile: caFile,
      IntermediatePKIPath: intermediatePkiPath && withSlash(intermediatePkiPath),
      Namespace: namespace,
      RootPKIPath: rootPkiPath && withSlash(rootPkiPath),
      TLSServerName: tlsServerName,
    };
  }
}

/** A path in Vault, and what is allowed there. */
type Rule = readonly [path: string, ...capabilities: string[]];

/** What Consul needs for the certificates of services, and for its own token. */
function intermediateRules(intermediatePkiPath: string): Rule[] {
  const intermediate = withSlash(intermediatePkiPath);
  return [
    [`${intermediate}*`, "create", "read", "update", "list"],
    // Of the intermediate certificate that the next one replaces. Each new leader gets one.
    [`${intermediate}issuer/*`, "read", "delete"],
    [`${intermediate}key/*`, "delete"],
    [`sys/mounts/${intermediate}tune`, "update"],
    ["auth/token/lookup-self", "read"],
    ["auth/token/renew-self", "update"],
    ["auth/token/revoke-self", "update"],
  ];
}

function policyOf(rules: readonly Rule[]): string {
  return rules
    .map(([path, ...capabilities]) => `path ${JSON.stringify(path)} {\n  capabilities = ${list(capabilities)}\n}\n`)
    .join("\n");
}

function list(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
}
