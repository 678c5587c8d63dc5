import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LabError } from "../lab/core/errors";
import { findProgram } from "../lab/machine/find-program";

/** A UI of a cluster that browsers of this machine can use. */
export interface Ui {
  readonly url: string;
  close(): Promise<void>;
}

/** Has a UI served on this machine, and opens it in a browser where there is one. */
export async function openUi(
  engine: "consul" | "nomad",
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Ui> {
  const variable = engine.toUpperCase();
  const address = environment[engine === "consul" ? "CONSUL_HTTP_ADDR" : "NOMAD_ADDR"] ?? "";
  const files = ["CACERT", "CLIENT_CERT", "CLIENT_KEY"].map((name) => environment[`${variable}_${name}`] ?? "");
  const child = spawn(process.execPath, [join(__dirname, "connect-ui.mjs"), engine, new URL(address).port, ...files], {
    // A process group of its own: Ctrl-C is for the command.
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const first = once(createInterface(child.stdout), "line") as Promise<[string]>;
  const url = await Promise.race([first.then(([line]) => line), ended.then(() => undefined)]);
  if (url === undefined) throw new LabError(`The UI of ${engine} cannot be served.`, "See the error above.");
  const browser = ["xdg-open", "open"].find((program) => findProgram(program) !== undefined);
  if (browser !== undefined) spawn(browser, [url], { stdio: "ignore", detached: true }).unref();
  return {
    url,
    close: async () => {
      child.kill();
      await ended;
    },
  };
}
