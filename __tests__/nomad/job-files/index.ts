import type { ServiceMesh } from "../../../constructs";
import { addCart } from "./canaries";
import { addSeries } from "./csi-volume";
import { addReports } from "./exposed-paths";
import { addCrossing } from "./mesh-gateway";
import { addEdge } from "./native-system";
import { addInvoice } from "./parameterized";
import { addTour } from "./periodic-client";
import { addCatalogue } from "./port-label";
import { addShop } from "./several-groups";
import { addAccounts } from "./several-services";
import { addExit } from "./terminating-gateway";
import { addBilling } from "./transparent-proxy";

/** A job file, next to what builds the same job by constructs. */
export interface JobFile {
  /** Of `<name>.nomad.hcl` and `<name>.ts`. */
  readonly name: string;
  /** Id of the job. */
  readonly job: string;
  readonly add: (mesh: ServiceMesh) => unknown;
}

/** Small job files, each with some of what is in public ones that have a `connect` block. */
export const JOB_FILES: readonly JobFile[] = [
  { name: "canaries", job: "cart", add: addCart },
  { name: "csi-volume", job: "series", add: addSeries },
  { name: "exposed-paths", job: "reports", add: addReports },
  { name: "mesh-gateway", job: "crossing", add: addCrossing },
  { name: "native-system", job: "edge", add: addEdge },
  { name: "parameterized", job: "invoice", add: addInvoice },
  { name: "periodic-client", job: "tour", add: (mesh) => addTour(mesh) },
  { name: "port-label", job: "catalogue", add: addCatalogue },
  { name: "several-groups", job: "shop", add: addShop },
  { name: "several-services", job: "accounts", add: (mesh) => addAccounts(mesh) },
  { name: "terminating-gateway", job: "exit", add: addExit },
  { name: "transparent-proxy", job: "billing", add: addBilling },
];
