import type { Place } from "../core/problems";
import * as is from "../core/shape";
import { sharedClass } from "../core/shared-class";

/** The settings of a seal, as Vault's configuration has them. */
export type SealSettings = Readonly<Record<string, string | undefined>>;

/**
 * What protects the key with which Vault encrypts its data. A Vault that starts is sealed until it has this key.
 *
 * @see https://developer.hashicorp.com/vault/docs/concepts/seal
 */
export class Seal {
  static {
    sharedClass(this, "Seal");
  }

  /** Shares of a key that people keep. They unseal each server after each start, with `vault operator unseal`. */
  static shamir(): Seal {
    return new Seal();
  }

  /**
   * A key elsewhere, with which Vault unseals itself, such as in the key management service of a cloud.
   *
   * @param type name of the seal in the configuration of Vault, e.g. `gcpckms`
   * @param settings of this seal. They must not contain secrets: the machines have roles for that.
   * @see https://developer.hashicorp.com/vault/docs/configuration/seal
   */
  static of(type: string, settings: SealSettings): Seal {
    return new Seal(type, settings, { type, settings }, SEAL_SHAPE);
  }

  /** @internal Made from options of a cloud, which have a shape of their own. */
  static from(type: string, settings: SealSettings, options: object, shape: object): Seal {
    return new Seal(type, settings, options, shape);
  }

  private constructor(
    private readonly type?: string,
    private readonly settings: SealSettings = {},
    private readonly options: object = {},
    private readonly shape: object = {},
  ) {}

  /** @internal */
  examine(place: Place): void {
    is.examineProperties(place, this.options, this.shape);
  }

  /** @internal The block `seal` of the configuration of Vault. */
  get block(): object | undefined {
    return this.type === undefined ? undefined : { [this.type]: this.settings };
  }
}

const isSecret = (setting: string) => /^(access_key|secret_key|client_secret|token|credentials)$/.test(setting);

const SEAL_SHAPE = {
  type: is.name,
  settings: is.rule(
    "without credentials",
    "Let the role of the machines use the key, and omit credentials.",
    (settings) =>
      typeof settings === "object" && settings !== null && Object.keys(settings).every((setting) => !isSecret(setting)),
  ),
};
