import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Job } from "@cdktf/provider-nomad/lib/job";
import { TerraformStack } from "cdktf";
import { Constraint, synthesize, Template, type nomad } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";
import { addBilling } from ".";
import { makeCertificates, type Certificates } from "./certificates";

/** The host of the lab on which the database runs. */
const HOST = { name: "client-1", address: "10.200.1.1" };
const PORT = 5432;
const NAME = "database.example";

/** Try it: `npm run up -- --show .meshform/external-database --app examples/external-database/app.ts`. */
synthesize((app) => {
  const settings = readSettings(app);
  const stack = new MeshStack(app, "mesh", settings);
  // Made once and read where they are, so that no key gets into a job. In a cluster they come from Nomad's variables or Vault.
  const certificates = makeCertificates(resolve(".meshform", "external-database"), NAME, "egress.example");
  addDatabase(stack, certificates);
  addBilling(stack.mesh, {
    ...settings,
    address: HOST.address,
    port: PORT,
    tls: {
      sni: NAME,
      caFile: certificates.caFile,
      certFile: certificates.clientCertFile,
      keyFile: certificates.clientKeyFile,
    },
  });
});

/** A database that knows nothing of the mesh: a plain job on the network of its host. */
function addDatabase(stack: TerraformStack, { folder }: Certificates): void {
  const program = readFileSync(join(__dirname, "database.mjs"), "utf8");
  const job: nomad.Job = {
    ID: "database",
    Name: "database",
    Type: "service",
    Datacenters: ["*"],
    Constraints: [Constraint.equals("${node.unique.name}", HOST.name).rendered],
    TaskGroups: [
      {
        Name: "database",
        Networks: [{ ReservedPorts: [{ Label: "tls", Value: PORT }] }],
        Tasks: [
          {
            Name: "database",
            Driver: "raw_exec",
            Config: { command: "node", args: ["${NOMAD_TASK_DIR}/database.mjs", folder, String(PORT)] },
            Templates: [Template.text(program, { destination: "local/database.mjs" }).rendered],
            Resources: { CPU: 100, MemoryMB: 64 },
          },
        ],
      },
    ],
  };
  new Job(stack, "Database", { jobspec: JSON.stringify(job).replaceAll("${", () => "$${"), json: true });
}
