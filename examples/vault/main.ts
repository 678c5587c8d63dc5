import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Constraint, Protocol, synthesize, Template, Workload } from "meshform";
import { MeshStack, readSettings } from "meshform/stacks";

const text = (name: string) => readFileSync(join(__dirname, name), "utf8");
// It stays in the task's folder in memory, and comes with the identity of the task.
const vault = { env: false, disableFile: true };

/**
 * A service whose password for its database changes all the time. Vault creates it, and no file but one in the memory of the task
 * contains it. Try it: `npm run up -- --vault --vault-setup examples/vault/prepare.sh --app examples/vault/main.ts`.
 */
synthesize((app) => {
  const { mesh } = new MeshStack(app, "mesh", readSettings(app));
  const database = mesh.addService("database", {
    port: 5432,
    protocol: Protocol.TCP,
    // For Vault, which is not in the mesh.
    publish: 5432,
    constraints: [Constraint.equals("${node.unique.name}", "client-1")],
    workload: Workload.exec({
      driver: "raw_exec",
      command: "sh",
      args: ["local/database.sh"],
      vault,
      templates: [
        Template.text(text("database.sh"), { destination: "local/database.sh" }),
        Template.text('{{ with secret "secret/data/default/database" }}{{ .Data.data.password }}{{ end }}', {
          destination: "secrets/password",
          changeMode: "noop",
        }),
      ],
    }),
  });
  const billing = mesh.addService("billing", {
    port: 8080,
    publish: 8080,
    workload: Workload.exec({
      driver: "raw_exec",
      command: "node",
      args: ["local/billing.mjs"],
      vault,
      templates: [
        Template.text(text("billing.mjs"), { destination: "local/billing.mjs" }),
        Template.text('{{ with secret "database/creds/billing" }}{{ .Data | toJSON }}{{ end }}', {
          destination: "secrets/database.json",
          changeMode: "noop",
        }),
      ],
    }),
  });
  billing.connectTo(database, { env: "DATABASE" });
});
