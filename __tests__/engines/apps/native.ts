import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Port, Template, Workload, type MeshService, type ServiceMesh } from "../../../constructs";

/**
 * A Connect-native service, which both connects to a service with an Envoy and is reached from one.
 *
 * @param client reaches it on the local port 7140
 * @param target what it reaches
 */
export function addNative(mesh: ServiceMesh, client: MeshService, target: MeshService): void {
  const native = mesh
    .addJob("native")
    .addGroup("native", {
      ports: { mesh: Port.dynamic({ to: 7140 }) },
      tasks: {
        native: Workload.exec({
          ...{ driver: "raw_exec", command: "node", args: ["${NOMAD_TASK_DIR}/native.mjs"] },
          env: { NAME: "native", PORT: "7140" },
          templates: [
            Template.text(readFileSync(join(__dirname, "native.mjs"), "utf8"), {
              ...{ destination: "local/native.mjs", leftDelimiter: "[[", rightDelimiter: "]]" },
            }),
          ],
        }),
      },
      update: { minHealthyTime: "1s" },
    })
    .addService("native", { port: "mesh", task: "native", connectNative: true });
  native.connectTo(target);
  client.connectTo(native, { localBindPort: 7140 });
}
