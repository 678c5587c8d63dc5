import type { Construct } from "constructs";
import type * as consul from "../../consul/generated/config-entries";
import { MeshError } from "../../core/errors";
import type { Place } from "../../core/problems";
import * as is from "../../core/shape";
import { type ConsulConfigEntry, DerivedConfigEntry } from "../config-entry";
import { isToken } from "../../core/token";

/** Files with a certificate and its key, which Envoy of the gateway reads. */
export interface CertificateFiles {
  /**
   * File with the certificate, followed by intermediate certificates: the destination of one of the gateway's templates, such as
   * `secrets/site.pem`, or an absolute path.
   */
  readonly certFile: string;
  /** File with the key: the destination of a template, or an absolute path. */
  readonly keyFile: string;
}

/** A certificate and its key as text that is known only to Terraform: references to a sensitive variable, to Vault and so on. */
export interface CertificateText {
  /** The certificate, in PEM format. */
  readonly certificate: string;
  /** The key, in PEM format. It must be a reference, not a literal. */
  readonly privateKey: string;
}

/** A reference to a config entry of a certificate. */
export interface CertificateReference {
  /** `file-system-certificate` contains the paths of files that Envoy reads, `inline-certificate` contains the key itself. */
  readonly kind: "file-system-certificate" | "inline-certificate";
  /** Name of the entry in Consul. */
  readonly name: string;
}

const FILES_SHAPE: is.Shape<CertificateFiles> = { certFile: is.required(is.text), keyFile: is.required(is.text) };
const TEXT_SHAPE: is.Shape<CertificateText> = { certificate: is.required(is.text), privateKey: is.required(is.secret) };
const REFERENCE_SHAPE: is.Shape<CertificateReference> = {
  name: is.required(is.name),
  kind: is.oneOf(["file-system-certificate", "inline-certificate"]),
};

/** A certificate of a listener of an API gateway. */
export class GatewayCertificate {
  private constructor(
    /** @internal */
    readonly source: CertificateFiles | CertificateText | CertificateReference,
    private readonly examineSource: (place: Place) => void,
  ) {}

  /** @internal */
  examine(place: Place): void {
    this.examineSource(place);
  }

  /**
   * A certificate in files of the gateway's task. Only Envoy of the gateway has access to the key.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/file-system-certificate
   */
  static files(files: CertificateFiles): GatewayCertificate {
    return new GatewayCertificate(files, (place) => {
      is.examineProperties(place, files, FILES_SHAPE);
    });
  }

  /**
   * A certificate as text, which is stored in Consul and in the Terraform state. Anyone who can read one of them can read the key.
   * Prefer {@link files}.
   *
   * @see https://developer.hashicorp.com/consul/docs/reference/config-entry/inline-certificate
   */
  static inline(text: CertificateText): GatewayCertificate {
    return new GatewayCertificate(text, (place) => {
      is.examineProperties(place, text, TEXT_SHAPE);
    });
  }

  /** References a config entry that is not part of this app. Its key never passes through Terraform. */
  static fromEntryName(name: string, kind: CertificateReference["kind"] = "inline-certificate"): GatewayCertificate {
    const reference = { name, kind };
    return new GatewayCertificate(reference, (place) => {
      is.examineProperties(place, reference, REFERENCE_SHAPE);
    });
  }

  /** @internal Files that Envoy reads. */
  get files(): readonly string[] {
    return "certFile" in this.source ? [this.source.certFile, this.source.keyFile] : [];
  }

  /** @internal Whether the certificate is in a file, whose names Consul does not read. */
  get isFile(): boolean {
    return "certFile" in this.source || ("kind" in this.source && this.source.kind === "file-system-certificate");
  }

  /** @internal The text of an inline certificate; `undefined` if it is in a file or an entry that is not part of this app. */
  get text(): string | undefined {
    return "certificate" in this.source ? this.source.certificate : undefined;
  }

  /** @internal Whether the key passes through Terraform. */
  get isInline(): boolean {
    return "privateKey" in this.source;
  }

  /**
   * @internal Declares the config entry, unless it is not part of this app.
   *
   * @param name name of the entry
   * @param pathOf returns the path of a file for Envoy
   * @throws MeshError if the key is a literal
   */
  bind(
    scope: Construct,
    name: string,
    pathOf: (file: string) => string,
  ): { readonly reference: consul.ResourceReference; readonly entry?: ConsulConfigEntry } {
    const { source } = this;
    if ("kind" in source) {
      return { reference: { Kind: source.kind, Name: source.name } };
    }
    if ("certFile" in source) {
      const kind = "file-system-certificate";
      const entry = new DerivedConfigEntry<consul.FileSystemCertificateConfigEntry>(scope, name, {
        kind,
        name,
        entry: () => ({ Certificate: pathOf(source.certFile), PrivateKey: pathOf(source.keyFile) }),
      });
      return { reference: { Kind: kind, Name: name }, entry };
    }
    if (!isToken(source.privateKey)) {
      throw new MeshError(
        scope,
        "The key of an inline certificate is a literal, so it would be in the synthesized output.",
        "Use GatewayCertificate.files. If it must be inline, use a sensitive TerraformVariable.",
      );
    }
    const kind = "inline-certificate";
    const entry = new DerivedConfigEntry<consul.InlineCertificateConfigEntry>(scope, name, {
      kind,
      name,
      entry: () => ({ Certificate: source.certificate, PrivateKey: source.privateKey }),
    });
    return { reference: { Kind: kind, Name: name }, entry };
  }
}
