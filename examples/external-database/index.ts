import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  HealthCheck,
  Protocol,
  Template,
  Workload,
  type ExternalService,
  type ExternalTls,
  type MeshService,
  type ServiceMesh,
  type TerminatingGateway,
} from "meshform";

/** Options of {@link addBilling}. */
export interface BillingOptions {
  /** Under Docker, or as programs of nodes that have Node.js. */
  readonly runtime: "docker" | "exec";
  /** Where the database is. */
  readonly address: string;
  /** @default 5432 */
  readonly port?: number;
  /** How the gateway speaks TLS to it. */
  readonly tls: ExternalTls;
  /** What brings the files of `tls` to the gateway. @default none: they are on its node */
  readonly templates?: readonly Template[];
}

/** The parts of {@link addBilling}. */
export interface Billing {
  readonly billing: MeshService;
  readonly database: ExternalService;
  readonly egress: TerminatingGateway;
}

/** A service whose database is outside the mesh: plaintext to its own Envoy, mutual TLS to the gateway, and TLS from there. */
export function addBilling(mesh: ServiceMesh, options: BillingOptions): Billing {
  const { runtime, address, port = 5432, tls, templates } = options;
  const database = mesh.addExternalService("billing-db", { address, port, tls });
  const egress = mesh.addTerminatingGateway("egress", { templates });
  egress.addService(database);

  const billing = mesh.addService("billing", {
    port: 8090,
    publish: 8090,
    // A node has the port once: the next one starts on another node before this one ends.
    update: { canary: 1, autoPromote: true },
    protocol: Protocol.HTTP,
    workload: program(runtime),
    healthCheck: HealthCheck.http("/health"),
  });
  billing.connectTo(database, { env: "DATABASE" });
  return { billing, database, egress };
}

/** This folder's program. Its text travels in the job, so that a node needs nothing but Node.js. */
function program(runtime: BillingOptions["runtime"]): Workload {
  const task = {
    command: "node",
    args: ["${NOMAD_TASK_DIR}/billing.mjs"],
    templates: [
      Template.text(readFileSync(join(__dirname, "billing.mjs"), "utf8"), { destination: "local/billing.mjs" }),
    ],
    env: { PORT: "8090" },
    resources: { cpuMhz: 100, memoryMib: 64 },
  };
  return runtime === "docker"
    ? Workload.docker({ ...task, image: "node:22-alpine" })
    : Workload.exec({ ...task, driver: "raw_exec" });
}
