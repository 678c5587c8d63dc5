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

const VAULT_CA_SHAPE: is.Shape<VaultCaOptions> = {
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
  rootPkiPath: is.required(is.name),
  intermediatePkiPath: is.required(is.name),
  namespace: is.name,
  caFile: is.name,
  tlsServerName: is.name,
};

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
    return new CaProvider("consul", {});
  }

  /**
   * Vault: the keys of the root and intermediate certificates never leave it. The servers need the permissions of
   * {@link CaProvider.vaultPolicy}.
   *
   * @see https://developer.hashicorp.com/consul/docs/connect/ca/vault
   */
  static vault(options: VaultCaOptions): CaProvider {
    return new CaProvider("vault", is.optionsOf("CaProvider.vault", options));
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
    const [root, intermediate] = [paths.rootPkiPath, paths.intermediatePkiPath].map(withSlash);
    const rules: [path: string, ...capabilities: string[]][] = [
      [`${root}cert/ca`, "read"],
      [`${root}ca/pem`, "read"],
      [`${root}ca_chain`, "read"],
      [`${root}root/sign-intermediate`, "update"],
      [`${intermediate}*`, "create", "read", "update", "list"],
      [`sys/mounts/${intermediate}tune`, "update"],
      ["auth/token/lookup-self", "read"],
      ["auth/token/renew-self", "update"],
      ["auth/token/revoke-self", "update"],
    ];
    if (formerRootPkiPath !== undefined) {
      const former = withSlash(formerRootPkiPath);
      rules.push([`${former}root/sign-self-issued`, "update", "sudo"]);
    }
    return rules
      .map(([path, ...capabilities]) => `path ${JSON.stringify(path)} {\n  capabilities = ${list(capabilities)}\n}\n`)
      .join("\n");
  }

  private constructor(
    /** The name of the provider in Consul's API. */
    readonly kind: "consul" | "vault",
    private readonly options: Partial<VaultCaOptions>,
  ) {}

  /** @internal */
  examine(place: Place): void {
    if (this.kind === "consul") {
      return;
    }
    is.examineProperties(place, this.options, VAULT_CA_SHAPE);
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

function list(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
}
