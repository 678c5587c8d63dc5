import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { layOut } from "../../graph/layout";
import { labEnvironment } from "../../lab/commands/environment";
import { renderPage } from "../../graph/page";
import type { MeshGraph } from "../../graph/model";
import { describeBrokenConnections } from "../support/broken-connections";
import { eventually } from "../support/eventually";
import { CLI, run, TestLab } from "../support/lab";

const MINUTE = 60_000;
const folder = mkdtempSync(join(tmpdir(), "meshform-graph-"));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** What a page has become once its script has run, with one of its boxes chosen. */
function open(file: string, chosen = ""): Promise<string> {
  return openUrl(`file://${file}#${encodeURIComponent(chosen)}`);
}

async function openUrl(url: string): Promise<string> {
  const options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=5000"];
  const { output } = await run("chromium", [...options, url], {
    timeoutMs: MINUTE,
  });
  return output;
}

/** What the server of a page says of it. */
async function readingAt(url: string) {
  const response = await fetch(`${url}reading`);
  return (await response.json()) as { readonly version: string; readonly problem?: string };
}

/** The rows of the details that are shown: which box they are about, what stands next to it, and the facts. */
function rowsOf(dom: string): string[] {
  const [, details = ""] = /<div id="details">(.*?)<ul id="list"/s.exec(dom) ?? [];
  return [...details.matchAll(/<div class="row">(.*?)<\/div>/gs)].map(([, row]) =>
    row
      .replaceAll(/<\/?[^>]*>/g, " ")
      .replaceAll(/\s+/g, " ")
      .trim(),
  );
}

describe("of a running lab", () => {
  const lab = new TestLab(`graph-${process.pid}`, join(__dirname, "apps", "watched.ts"));

  beforeAll(async () => {
    await lab.mustUp("");
  }, 10 * MINUTE);

  afterAll(async () => {
    await lab.down();
  }, MINUTE);

  test(
    "the picture has the health of each service, and the rate of just those connections that are used",
    async () => {
      const done = new AbortController();
      const command = lab.meshform(["graph", "--live", "--output", folder]).finally(() => done.abort());
      let answers = 0;
      // Requests go on while the Envoys are looked at, however long the command takes on this machine.
      for (let sent = 0; !done.signal.aborted && sent < 5_000; sent++) {
        const response = await fetch(`${lab.url("door")}/api`, { signal: AbortSignal.timeout(5_000) });
        if (response.ok) answers++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const { code, output } = await command;
      expect({ code, output }).toExit(0);
      expect(answers).toBeGreaterThan(10);
      const rate = (source: string, destination: string) => {
        const [, perSecond, unit] =
          new RegExp(`^${source} → ${destination} +([\\d.]+) (\\S+)(.*)$`, "m").exec(output) ?? [];
        return { perSecond: Number(perSecond), unit };
      };
      expect(rate("count-dashboard", "count-api").unit).toBe("req/s");
      const asked = rate("count-dashboard", "count-api").perSecond;
      expect(asked).toBeGreaterThan(0);
      expect(rate("door", "count-dashboard")).toEqual({ perSecond: expect.any(Number) as number, unit: "req/s" });
      expect(rate("door", "count-dashboard").perSecond).toBeGreaterThan(0);
      // Each caller from outside is one request to the gateway; both have a duration, a connection of tcp has none.
      expect(rate("outside callers", "door").perSecond).toBeGreaterThan(0);
      for (const edge of ["outside callers → door", "door → count-dashboard", "count-dashboard → count-api"]) {
        expect(output).toMatch(new RegExp(`^${edge} .* req/s +mean [\\d.]+ m?s, p95 [\\d.]+ m?s`, "m"));
      }
      expect(output).toMatch(/^ticker → store +[\d.]+ conn\/s +\d+ open$/m);
      const shares = ["stable", "v2"].map((subset) => rate("count-api", `count-api@${subset}`).perSecond);
      expect(Math.min(...shares)).toBeGreaterThan(0);
      expect(shares[0] + shares[1]).toBeGreaterThan(asked / 2);
      expect(shares[0] + shares[1]).toBeLessThan(asked * 2);
      expect(rate("ticker", "count-api")).toEqual({ perSecond: 0, unit: "req/s" });
      // One connection every 200 ms.
      expect(rate("ticker", "store").unit).toBe("conn/s");
      expect(rate("ticker", "store").perSecond).toBeGreaterThan(0);
      expect(rate("ticker", "store").perSecond).toBeLessThan(8);
      expect(output).toMatch(/^count-api +2\/2$/m);
      for (const service of ["count-dashboard", "door", "store", "ticker"]) {
        expect(output).toMatch(new RegExp(`^${service} +1/1$`, "m"));
      }
      expect(readFileSync(join(folder, "mesh.mmd"), "utf8")).toMatch(/\|"[\d.]+ req\/s, p95 [\d.]+ m?s"\|/);
    },
    3 * MINUTE,
  );

  test(
    "the page shows them in a browser",
    async () => {
      const rows = rowsOf(await open(join(folder, "mesh.html"), "count-api"));
      expect(rows).toHaveLength(4);
      const now = String.raw`[\d.]+ req\/s`;
      const took = String.raw`duration mean [\d.]+ m?s, p95 [\d.]+ m?s`;
      for (const [index, version] of ["stable", "v2"].entries()) {
        expect(rows[index]).toMatch(
          new RegExp(`^count-api ${version} 50 % · ${now}, p95 .* share 50 % now ${now} ${took}$`),
        );
      }
      expect(rows[2]).toMatch(
        new RegExp(`^count-dashboard ${now}, p95 .* by 127\\.0\\.0\\.1:8080 may everything now ${now} ${took}$`),
      );
      expect(rows[3]).toMatch(
        /^ticker L7 .*may some requests rule allow GET, HEAD \/never rule allow GET, HEAD \/never\/\* now 0\.0 req\/s$/,
      );
    },
    2 * MINUTE,
  );

  test(
    "the served page is the newest, leads to the UIs and the logs, and Ctrl-C ends it within a second",
    async () => {
      const command = spawn(process.execPath, [CLI, "graph", "--watch", "--port", "0", "--name", lab.name]);
      const ended = once(command, "exit") as Promise<[number]>;
      try {
        const [line] = (await once(createInterface(command.stdout), "line")) as [string];
        const page = await fetch(line);
        const text = await page.text();
        const { version } = await readingAt(line);
        expect(text).toContain(`data-version="${version}"`);
        await eventually(async () => {
          const newer = await readingAt(line);
          expect(newer.problem).toBeUndefined();
          expect(Date.parse(newer.version)).toBeGreaterThan(Date.parse(version));
        }, MINUTE);
        const dom = await openUrl(`${line}#store`);
        expect(dom).toMatch(/<p id="age">● live, \d+ s old<\/p>/);
        const links = [...dom.matchAll(/<a href="([^"]*)"/g)].map(([, url]) => url);
        expect(links.map((url) => new URL(url).pathname)).toEqual([
          "/ui/dc1/services/store/instances",
          "/ui/jobs/store%40default",
          expect.stringMatching(/^\/ui\/allocations\/[0-9a-f-]{36}$/) as string,
          expect.stringMatching(/^\/ui\/allocations\/[0-9a-f-]{36}\/store\/logs$/) as string,
        ]);
        for (const url of links) expect((await fetch(url)).status).toBe(200);
        const stopped = Date.now();
        command.kill("SIGINT");
        const [code] = await ended;
        expect(code).toBe(130);
        expect(Date.now() - stopped).toBeLessThan(1_000);
        await expect(fetch(line)).rejects.toThrow("fetch failed");
      } finally {
        command.kill("SIGKILL");
      }
    },
    3 * MINUTE,
  );

  test(
    "the page of an app leads to the UIs of the cluster that the environment names",
    async () => {
      const env = labEnvironment(lab.name);
      const [app, output] = [join(__dirname, "apps", "watched.ts"), join(folder, "links")];
      const args = ["graph", "--links", "--app", app, "--format", "html", "--output", output];
      expect(await run(process.execPath, [CLI, ...args], { env })).toExit(0);
      const dom = await open(join(output, "mesh.html"), "store");
      const links = [...dom.matchAll(/<a href="([^"]*)"/g)].map(([, url]) => url);
      expect(links).toEqual([
        `${env.CONSUL_HTTP_ADDR}/ui/dc1/services/store/instances`,
        `${env.NOMAD_ADDR}/ui/jobs/store%40default`,
      ]);
    },
    2 * MINUTE,
  );

  describeBrokenConnections(lab);
});

test(
  "in a browser, names are words and nothing else, and the page needs no network",
  async () => {
    const hostile = `</script><script>document.title = "owned"</script><img src="x" onerror='document.title = "owned"'>`;
    const graph: MeshGraph = {
      groups: [],
      nodes: [
        { id: "a", kind: "service", name: hostile, protocol: hostile, checks: [hostile] },
        { id: "b", kind: "service", name: "b" },
      ],
      edges: [
        {
          ...{ id: "a → b", kind: "connection", source: "a", destination: "b", ways: [hostile] },
          permission: { allowed: "all", description: hostile },
        },
      ],
      notes: [hostile],
    };
    const file = join(folder, "hostile.html");
    writeFileSync(file, renderPage(graph, await layOut(graph), hostile));
    const dom = await open(file, "a");
    expect(dom).not.toMatch(/<img/);
    expect(dom.match(/<title>[^<]*<\/title>/)?.[0]).toContain("&lt;img");
    const escaped = hostile.replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    expect(rowsOf(dom)).toEqual([`b talks to by ${escaped} may everything why ${escaped}`]);
  },
  2 * MINUTE,
);

test(
  "a mesh of 300 services with three connections each is groups that are folded but for the one that the address leads to",
  async () => {
    const id = (index: number) => `${["north", "east", "south", "west"][index % 4]}-${index % 300}`;
    const graph: MeshGraph = {
      groups: [],
      nodes: Array.from({ length: 300 }, (_, index) => ({ id: id(index), kind: "service", name: id(index) })),
      edges: Array.from({ length: 900 }, (_, index) => {
        const [source, nth] = [Math.floor(index / 3), index % 3];
        const destination = id(source + 1 + ((source * 7919 + nth * 104_729) % 299));
        return { id: `${index}`, kind: "connection", source: id(source), destination, ways: [] };
      }),
      notes: [],
    };
    const file = join(folder, "large.html");
    writeFileSync(file, renderPage(graph, await layOut(graph), "Large"));
    const [closed, opened] = [await open(file), await open(file, "south-6")];
    const count = (dom: string, pattern: RegExp) => dom.match(pattern)?.length ?? 0;
    const hidden = /<g class="node[^>]* hidden=""/g;
    expect(count(closed, /<g class="block folded"/g)).toBe(4);
    expect(count(closed, hidden)).toBe(300);
    // Each district has connections to each other one.
    expect(count(closed, /<g class="edge bundle"/g)).toBe(12);
    expect(count(opened, /<g class="block folded"/g)).toBe(3);
    expect(count(opened, hidden)).toBe(225);
    expect(rowsOf(opened).length).toBeGreaterThan(3);

    // Those in folded groups too.
    const clicked = join(folder, "neighbours.html");
    const click = `<script>document.querySelector("#details button[aria-pressed]").click()</script></body>`;
    const page = readFileSync(file, "utf8").replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, "");
    writeFileSync(clicked, page.replace("</body>", click));
    const [, neighbours = ""] = /<g id="near"[^>]*>(.*?)<\/svg>/s.exec(await open(clicked, "south-6")) ?? [];
    expect(count(neighbours, /<g class="node/g)).toBeGreaterThan(3);
    expect(count(neighbours, hidden)).toBe(0);
  },
  2 * MINUTE,
);
