import type { Check } from "../../checks/check";
import { noInternetAccess, serverZones, subnetSize } from "./machines";
import { openToTheWorld } from "./open-to-the-world";
import { metadataService, reachableMachine, templateVersion, unencryptedDisk } from "./templates";

/** What is checked of an app with constructs of this entry, in addition to all else. */
export const AWS_CHECKS: readonly Check[] = [
  openToTheWorld,
  metadataService,
  unencryptedDisk,
  reachableMachine,
  templateVersion,
  noInternetAccess,
  serverZones,
  subnetSize,
];
