import type { Check } from "../check";
import { accessChecks } from "./access";
import { availabilityChecks } from "./availability";
import { connectionChecks } from "./connections";
import { datacenterChecks } from "./datacenters";
import { enterpriseChecks } from "./enterprise";
import { extensionChecks } from "./extensions";
import { inboundGatewayChecks } from "./inbound-gateways";
import { gatewayChecks } from "./gateways";
import { graphChecks } from "./graph";
import { intentionChecks } from "./intentions";
import { jobChecks } from "./jobs";
import { jwtChecks } from "./jwt";
import { ownershipChecks } from "./ownership";
import { permissionChecks } from "./permissions";
import { portChecks } from "./ports";
import { preparedQueryChecks } from "./prepared-queries";
import { taskDnsChecks } from "./task-dns";
import { tenancyChecks } from "./tenancies";
import { trafficChecks } from "./traffic";
import { transparentProxyChecks } from "./transparent-proxy";
import { validityChecks } from "./validity";
import { wildcardDestinationChecks } from "./wildcard-destination";

/** The checks of meshes, in the order in which messages are printed. */
export const MESH_CHECKS: readonly Check[] = [
  ...graphChecks,
  ...ownershipChecks,
  ...connectionChecks,
  ...preparedQueryChecks,
  ...intentionChecks,
  ...wildcardDestinationChecks,
  ...jwtChecks,
  ...permissionChecks,
  ...trafficChecks,
  ...extensionChecks,
  ...enterpriseChecks,
  ...datacenterChecks,
  ...tenancyChecks,
  ...inboundGatewayChecks,
  ...gatewayChecks,
  ...portChecks,
  ...jobChecks,
  ...transparentProxyChecks,
  ...taskDnsChecks,
  ...availabilityChecks,
  ...accessChecks,
  ...validityChecks,
];
