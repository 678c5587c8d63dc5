import type { Check } from "../check";
import { connectionChecks } from "./connections";
import { intentionChecks } from "./intentions";
import { jobChecks } from "./jobs";
import { ownershipChecks } from "./ownership";
import { portChecks } from "./ports";

/** Every check, in the order in which messages are printed. */
export const CHECKS: readonly Check[] = [
  ...ownershipChecks,
  ...connectionChecks,
  ...intentionChecks,
  ...portChecks,
  ...jobChecks,
];
