import type { TerraformResource } from "cdktf";
import type * as consul from "../consul/generated/config-entries";
import type { Tenancy } from "../consul/tenancy";

/** Identifies a config entry within its datacenter. */
export interface EntryKey {
  /** `service-defaults`, `service-intentions` and so on. */
  readonly kind: Exclude<consul.ConfigEntry["Kind"], undefined>;
  /** Its name in Consul, not case-sensitive. */
  readonly name: string;
  /** Partition and namespace of Consul Enterprise. @default those of the cluster */
  readonly tenancy?: Tenancy;
}

/** Something that must exist before a resource. It is ignored if it is not emitted. */
export type Need =
  | {
      /** A config entry of the same cluster. */
      readonly entry: EntryKey;
      /** Whether it may be created later if it is in a stack that waits for this one. @default false */
      readonly isSoft?: boolean;
    }
  | {
      /** Key of a job: the path of its construct. */
      readonly job: string;
    }
  | {
      /** Any other resource of the app. */
      readonly resource: TerraformResource;
    };

/** Returns the key of a config entry for maps of one cluster. Names are not case-sensitive, as in Consul. */
export function keyOf({ kind, name }: EntryKey): string {
  return `${kind}/${name.toLowerCase()}`;
}
