import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Template, Workload } from "../../../constructs";

/** What sends requests from inside the mesh when a test asks it to, on this port: see load.mjs. */
export function loadGenerator(port: number, driver: "exec" | "raw_exec" = "raw_exec"): Workload {
  return Workload.exec({
    driver,
    command: "node",
    args: ["${NOMAD_TASK_DIR}/load.mjs"],
    env: { PORT: String(port) },
    templates: [
      Template.text(readFileSync(join(__dirname, "load.mjs"), "utf8"), {
        destination: "local/load.mjs",
        leftDelimiter: "[[",
        rightDelimiter: "]]",
      }),
    ],
  });
}
