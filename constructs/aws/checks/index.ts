import type { Check } from "../../checks/check";
import { noInternetAccess, serverZones, subnetSize } from "./machines";
import { drainHook, drainTime } from "./draining";
import { movingImage, noSnapshots, singleNat } from "./lasting";
import { imageArchitecture } from "./image-architecture";
import { meshGatewayAccess } from "./mesh-gateway-access";
import { prometheusAccess } from "./prometheus-access";
import { openToTheWorld } from "./open-to-the-world";
import { publicWithoutTls } from "./public-without-tls";
import { serverHealthChecks, serverRefresh, serverReplacement, spotServers } from "./servers";
import { metadataService, reachableMachine, templateVersion, unencryptedDisk } from "./templates";

/** The additional checks for apps that use the constructs of this entry. */
export const AWS_CHECKS: readonly Check[] = [
  openToTheWorld,
  publicWithoutTls,
  metadataService,
  unencryptedDisk,
  reachableMachine,
  templateVersion,
  noInternetAccess,
  serverZones,
  subnetSize,
  serverHealthChecks,
  serverRefresh,
  serverReplacement,
  spotServers,
  drainHook,
  drainTime,
  singleNat,
  movingImage,
  noSnapshots,
  imageArchitecture,
  prometheusAccess,
  meshGatewayAccess,
];
