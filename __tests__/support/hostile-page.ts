import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, request, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { eventually } from "./eventually";
import { run } from "./lab";

/** Something that a web page tries at an address that is not its own. */
export interface Attempt {
  /**
   * `post`: a request that a browser sends without asking first; `form`: the same from a form, its body ending in `="}`; `put`: a request
   * that it asks for first; `read`: a request whose answer the page wants to see.
   */
  readonly kind: "post" | "form" | "put" | "read" | "websocket";
  readonly url: string;
  readonly body?: string;
}

const minute = 60_000;
const options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP evil.example 127.0.0.1"];

/**
 * Opens a page of http://evil.example, at a port of its own, in a browser and lets it try all that.
 *
 * @returns what the page saw of each, as `<kind> <url>: sent | refused | done`
 */
export async function outcomesOf(attempts: readonly Attempt[]): Promise<string[]> {
  const profile = mkdtempSync(join(tmpdir(), "meshform-browser-"));
  const server = createServer((_, response) => response.setHeader("Content-Type", "text/html").end(pageOf(attempts)));
  const reported = new Promise<string[]>((resolve, reject) => {
    server.prependListener("request", (request) => {
      if (request.url === "/report") text(request).then((report) => resolve(JSON.parse(report) as string[]), reject);
    });
    setTimeout(() => reject(new Error("The page did not report within a minute.")), minute).unref();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const browser = spawn("chromium", [...options, `--user-data-dir=${profile}`, `http://evil.example:${port}/`], {
    stdio: "ignore",
  });
  try {
    return await reported;
  } finally {
    const ended = once(browser, "exit");
    browser.kill();
    await ended;
    server.closeAllConnections();
    server.close();
    // The browser's own children may still write for a moment. Node.js repeats only the last step, with what it has listed before.
    await eventually(() => rm(profile, { recursive: true, force: true }));
  }
}

/** What a browser shows at an address that a person opens. */
export async function look(url: string): Promise<string> {
  return (await run("chromium", [...options, "--dump-dom", url], { timeoutMs: minute })).output;
}

/** The status of an answer at a port of this machine, to a request with just these headers. */
export async function statusOfRequest(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<number | undefined> {
  const sent = request({ host: "127.0.0.1", port, path, headers, agent: false }).end();
  const [response] = (await Promise.race([once(sent, "response"), once(sent, "upgrade")])) as [IncomingMessage];
  sent.destroy();
  response.destroy();
  return response.statusCode;
}

function pageOf(attempts: readonly Attempt[]): string {
  // Ends no script of the page, whatever it holds.
  const given = JSON.stringify(attempts).replaceAll("<", "\\u003c");
  return `<!doctype html><script>
    const tries = {
      post: ({ url, body }) =>
        fetch(url, { method: "POST", mode: "no-cors", headers: { "Content-Type": "text/plain" }, body }).then(() => "sent"),
      put: ({ url, body }) => fetch(url, { method: "PUT", body }).then(() => "done"),
      read: ({ url }) => fetch(url).then((it) => it.text()).then(() => "done"),
      form: ({ url, body }) =>
        new Promise((resolve) => {
          const frame = document.createElement("iframe");
          frame.name = url;
          document.body.append(frame);
          const form = document.createElement("form");
          Object.assign(form, { action: url, method: "POST", enctype: "text/plain", target: url });
          const field = document.createElement("input");
          Object.assign(field, { name: body, value: '"}' });
          form.append(field);
          document.body.append(form);
          frame.onload = () => resolve("sent");
          form.submit();
        }),
      websocket: ({ url }) =>
        new Promise((resolve) => {
          const socket = new WebSocket(url.replace("http", "ws"));
          socket.onopen = () => resolve("done");
          socket.onerror = () => resolve("refused");
        }),
    };
    addEventListener("load", async () => {
      const outcomes = [];
      for (const attempt of ${given}) {
        const outcome = await tries[attempt.kind](attempt).catch(() => "refused");
        outcomes.push(attempt.kind + " " + attempt.url + ": " + outcome);
      }
      await fetch("/report", { method: "POST", body: JSON.stringify(outcomes) });
    });
  </script><body></body>`;
}
