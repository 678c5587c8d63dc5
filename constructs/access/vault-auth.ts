import type { Place } from "../core/problems";
import * as is from "../core/shape";
import { sharedClass } from "../core/shared-class";

/** Options of {@link VaultAuth.appRole}. The files are on Consul's servers, each in the same place. */
export interface VaultAppRoleOptions {
  /** Path of the file that contains the role id. */
  readonly roleIdFile: string;
  /** Path of the file that contains the secret id. @default none: the role needs no secret id */
  readonly secretIdFile?: string;
  /** Path at which the auth method is mounted in Vault. @default "approle" */
  readonly mountPath?: string;
}

/** Options of {@link VaultAuth.jwt}. */
export interface VaultJwtOptions {
  /** Role of the auth method. */
  readonly role: string;
  /** Path of the file on Consul's servers that contains the JWT. */
  readonly tokenFile: string;
  /** Path at which the auth method is mounted in Vault. @default "jwt" */
  readonly mountPath?: string;
}

/** Options of {@link VaultAuth.aws}. */
export interface VaultAwsOptions {
  /** Role of the auth method. */
  readonly role: string;
  /** AWS region whose STS endpoint signs the login. @default "us-east-1" */
  readonly region?: string;
  /** Value of the header `X-Vault-AWS-IAM-Server-ID`, if the auth method requires it. @default none */
  readonly serverIdHeader?: string;
  /** Path at which the auth method is mounted in Vault. @default "aws" */
  readonly mountPath?: string;
}

const absolutePath = is.rule("an absolute path", "Use a path that begins with /.", (value) => {
  return typeof value === "string" && value.startsWith("/");
});

/** @internal */
export const VAULT_APP_ROLE_SHAPE: is.Shape<VaultAppRoleOptions> = {
  roleIdFile: is.required(absolutePath),
  secretIdFile: absolutePath,
  mountPath: is.name,
};

/** @internal */
export const VAULT_JWT_SHAPE: is.Shape<VaultJwtOptions> = {
  role: is.required(is.name),
  tokenFile: is.required(absolutePath),
  mountPath: is.name,
};

/** @internal */
export const VAULT_AWS_SHAPE: is.Shape<VaultAwsOptions> = {
  role: is.required(is.name),
  region: is.name,
  serverIdHeader: is.text,
  mountPath: is.name,
};

/**
 * How Consul's servers log in to Vault. They read their credentials from a file or from the cloud, so that no token is in Consul's
 * configuration, in the Terraform state or in the synthesized output.
 *
 * @see https://developer.hashicorp.com/consul/docs/connect/ca/vault#authmethod
 */
export class VaultAuth {
  static {
    sharedClass(this, "VaultAuth");
  }

  /** The AppRole auth method. */
  static appRole(options: VaultAppRoleOptions): VaultAuth {
    const { roleIdFile, secretIdFile, mountPath } = is.optionsOf("VaultAuth.appRole", options);
    return new VaultAuth("approle", mountPath, options, VAULT_APP_ROLE_SHAPE, {
      role_id_file_path: roleIdFile,
      secret_id_file_path: secretIdFile,
    });
  }

  /** The JWT auth method. */
  static jwt(options: VaultJwtOptions): VaultAuth {
    const { role, tokenFile, mountPath } = is.optionsOf("VaultAuth.jwt", options);
    return new VaultAuth("jwt", mountPath, options, VAULT_JWT_SHAPE, { path: tokenFile, role });
  }

  /** The AWS auth method with its logins of type `iam`: the role of the machine proves who it is. */
  static aws(options: VaultAwsOptions): VaultAuth {
    const { role, region, serverIdHeader, mountPath } = is.optionsOf("VaultAuth.aws", options);
    return new VaultAuth("aws", mountPath, options, VAULT_AWS_SHAPE, {
      header_value: serverIdHeader,
      region,
      role,
    });
  }

  private constructor(
    private readonly type: string,
    private readonly mountPath: string | undefined,
    private readonly options: object,
    private readonly shape: object,
    private readonly params: Readonly<Record<string, string | undefined>>,
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, this.shape);
  }

  /** @internal The auth method in Consul's API. */
  render(): object {
    const params = Object.fromEntries(Object.entries(this.params).filter(([, value]) => value !== undefined));
    return { MountPath: this.mountPath, Params: params, Type: this.type };
  }
}
