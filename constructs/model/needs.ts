import type { TerraformResource } from "cdktf";
import type * as consul from "../consul/generated/config-entries";

/** What tells a config entry from others of its cluster. */
export interface EntryKey {
  /** `service-defaults`, `service-intentions` and so on. */
  readonly kind: Exclude<consul.ConfigEntry["Kind"], undefined>;
  /** Its name in Consul; upper and lower case are the same. */
  readonly name: string;
}

/** What must be there before a resource; nothing where it is not emitted. */
export type Need =
  | {
      /** A config entry of the same cluster. */
      readonly entry: EntryKey;
      /** Whether it may come later where it is in a stack that waits for this one. @default false */
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

/** How maps know a config entry. Consul compares names without regard to case. */
export function keyOf({ kind, name }: EntryKey): string {
  return `${kind}/${name.toLowerCase()}`;
}
