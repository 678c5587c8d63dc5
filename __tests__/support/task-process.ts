import { readdirSync, readFileSync } from "node:fs";
import { recordOf, type ProcessRecord } from "../../lab/machine/processes";

/** The process of a task that the machine itself runs, found by its own variables. */
export function processOfTask(allocation: string, task: string): ProcessRecord {
  const wanted = [`NOMAD_ALLOC_ID=${allocation}`, `NOMAD_TASK_NAME=${task}`];
  const isIt = (pid: string) => {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      return wanted.every((variable) => variables.includes(variable));
    } catch {
      return false; // It has ended meanwhile.
    }
  };
  const record = recordOf(Number(readdirSync("/proc").find((pid) => /^\d+$/.test(pid) && isIt(pid))));
  if (!record) throw new Error(`No process runs the task ${task} of the allocation ${allocation}.`);
  return record;
}
