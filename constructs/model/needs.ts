import type { TerraformResource } from "cdktf";
import type * as consul from "../consul/generated/config-entries";

/** What tells a config entry from others of its cluster. */
export interface EntryKey {
  readonly kind: Exclude<consul.ConfigEntry["Kind"], undefined>;
  readonly name: string;
}

/** What must be there before a resource; nothing where it is not emitted. */
export type Need =
  | {
      readonly entry: EntryKey;
      /** Whether it may come later where it is in a stack that waits for this one. @default false */
      readonly isSoft?: boolean;
    }
  /** Key of the job. */
  | { readonly job: string }
  | { readonly resource: TerraformResource };

/** How maps know a config entry. Consul compares names without regard to case. */
export function keyOf({ kind, name }: EntryKey): string {
  return `${kind}/${name.toLowerCase()}`;
}
