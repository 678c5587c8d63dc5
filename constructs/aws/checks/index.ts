import type { Check } from "../../checks/check";
import { openToTheWorld } from "./open-to-the-world";

/** What is checked of an app with constructs of this entry, in addition to all else. */
export const AWS_CHECKS: readonly Check[] = [openToTheWorld];
