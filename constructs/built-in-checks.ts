import type { Check } from "./checks/check";
import { MESH_CHECKS } from "./checks/rules";
import { SILENCE_CHECKS } from "./checks/run";
import { HOST_CHECKS } from "./linux/checks";

/** Every check that comes with the library. */
export const CHECKS: readonly Check[] = [...MESH_CHECKS, ...HOST_CHECKS, ...SILENCE_CHECKS];
