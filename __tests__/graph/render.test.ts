import type { Box } from "../../graph/layered";
import { layOut, relabelled, shapeOf } from "../../graph/layout";
import { renderMermaid } from "../../graph/mermaid";
import type { MeshGraph } from "../../graph/model";
import type { Layout } from "../../graph/placed";
import { renderPage } from "../../graph/page";
import { readMeshGraph } from "../../graph/read";
import { renderSvg } from "../../graph/svg";
import { allow, handWritten, serviceJob } from "../support/mesh-graph";

/** One of each kind, in two datacenters. */
const variety = readMeshGraph([
  handWritten(
    {
      datacenter: "dc1",
      jobs: [
        serviceJob("web", [{ DestinationName: "api", LocalBindPort: 1 }, { DestinationName: "store" }]),
        serviceJob("api", [{ DestinationName: "mail" }]),
        serviceJob("store"),
      ],
      entries: [
        { Kind: "service-defaults", Name: "api", Protocol: "http" },
        {
          Kind: "service-intentions",
          Name: "api",
          Sources: [{ Name: "web", Permissions: [{ Action: "allow", HTTP: { PathPrefix: "/v1/" } }] }],
        },
        allow("mail", "api"),
        allow("store", "*"),
        { Kind: "service-resolver", Name: "api", Subsets: { v1: {} }, Failover: { "*": { Datacenters: ["dc2"] } } },
        { Kind: "service-splitter", Name: "api", Splits: [{ Weight: 100, ServiceSubset: "v1" }] },
        {
          Kind: "ingress-gateway",
          Name: "door",
          Listeners: [{ Port: 80, Protocol: "http", Services: [{ Name: "web" }] }],
        },
        { Kind: "terminating-gateway", Name: "exit", Services: [{ Name: "mail" }] },
      ],
    },
    "west",
  ),
  handWritten({ datacenter: "dc2", jobs: [serviceJob("api")] }, "east"),
]);

/** Words that would do something if they were not taken as words. */
const HOSTILE = `</script><script>document.title="owned"</script><img src=x onerror=alert(1)>"'&\`%%{init:{}}%%;#quot;]\u0000\u2028`;

const hostile: MeshGraph = {
  groups: [{ id: "dc", kind: "datacenter", name: HOSTILE }],
  nodes: [
    { id: HOSTILE, kind: "service", name: HOSTILE, group: "dc", protocol: HOSTILE, checks: [HOSTILE] },
    { id: "b", kind: "external", name: HOSTILE, addresses: [HOSTILE] },
  ],
  edges: [
    {
      id: HOSTILE,
      kind: "connection",
      source: HOSTILE,
      destination: "b",
      ways: [HOSTILE],
      matches: [HOSTILE],
      permission: { allowed: "some requests", rules: [HOSTILE], description: HOSTILE },
    },
    { id: "r", kind: "route", source: HOSTILE, destination: "b", matches: [HOSTILE] },
  ],
  notes: [HOSTILE],
};

const layouts = new Map<MeshGraph, Promise<Layout>>();

/** Laid out once, since each run starts Graphviz. */
function layoutOf(graph: MeshGraph): Promise<Layout> {
  const layout = layouts.get(graph) ?? layOut(graph);
  layouts.set(graph, layout);
  return layout;
}

async function page(graph: MeshGraph, title = "A mesh"): Promise<string> {
  return renderPage(graph, await layoutOf(graph), title);
}

async function svg(graph: MeshGraph): Promise<string> {
  return renderSvg(await layoutOf(graph), "A mesh");
}

/** What the page's script reads. */
function dataOf(html: string) {
  const [, json] = /<script type="application\/json" id="mesh">(.*?)<\/script>/s.exec(html) ?? [];
  return JSON.parse(json) as {
    nodes: { id: string; title: string; facts: string[][] }[];
    edges: { source: number; destination: number; label: string; refused: boolean; facts: string[][] }[];
  };
}

describe("Mermaid", () => {
  test("has a box for each node, in its datacenter, and an arrow for each edge", () => {
    const lines = renderMermaid(variety).split("\n");
    expect(lines[0]).toBe("flowchart LR");
    const ids = variety.nodes.map((_, index) => `n${index}`);
    const boxes = lines.flatMap((line) => /^ +(n\d+)[[({]/.exec(line)?.[1] ?? []);
    expect(boxes.sort()).toEqual(ids.sort());
    const arrows = lines.filter((line) => /^ {2}n\d+ (-->|-\.->|==>|--x)(\|"[^"|]*"\|)? n\d+$/.test(line));
    expect(arrows).toHaveLength(variety.edges.length);
    expect(lines.filter((line) => line.startsWith("  subgraph ")).length).toBe(2);
    expect(lines.filter((line) => line === "  end").length).toBe(2);
  });

  test("tells kinds of arrows apart", () => {
    const text = renderMermaid(variety);
    const idOf = (id: string) => `n${variety.nodes.findIndex((node) => node.id === id)}`;
    expect(text).toContain(`  ${idOf("dc1/web")} -->|"L7"| ${idOf("dc1/api")}\n`);
    expect(text).toContain(`  ${idOf("dc1/api")} ==>|"100 %"| ${idOf("dc1/api@v1")}\n`);
    expect(text).toContain(`  ${idOf("dc1/door")} --x|"refused"| ${idOf("dc1/web")}\n`);
    expect(text).toContain(`  ${idOf("dc1/api")} -.->|"failover"| ${idOf("dc2/api")}\n`);
  });

  test("lets no text out of its quotes", () => {
    const lines = renderMermaid(hostile).split("\n");
    for (const line of lines) {
      for (const [, quoted] of line.matchAll(/"([^"]*)"/g)) {
        expect(quoted).toMatch(/^([A-Za-z0-9 _.,:/@%+×·-]|#\d+;|<br\/>)*$/);
      }
      expect(line.replaceAll(/"[^"]*"/g, "")).not.toMatch(/script|init|onerror/);
    }
  });
});

describe("the layout", () => {
  const overlap = (a: Box, b: Box) =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

  test("lays no box over another, and all of them inside the picture", async () => {
    const { nodes, width, height } = await layoutOf(variety);
    expect(nodes).toHaveLength(variety.nodes.length);
    for (const [index, box] of nodes.entries()) {
      expect(nodes.slice(index + 1).filter((other) => overlap(box, other))).toEqual([]);
      expect(overlap(box, { x: 0, y: 0, width, height })).toBe(true);
      expect([box.x >= 0, box.y >= 0, box.x + box.width <= width, box.y + box.height <= height]).not.toContain(false);
    }
  });

  test("keeps labels clear of boxes and of each other", async () => {
    const { nodes, edges } = await layoutOf(variety);
    const labels = edges.flatMap(({ label }) =>
      label
        ? [{ x: label.at.x - label.text.length * 3, y: label.at.y - 6, width: label.text.length * 6, height: 12 }]
        : [],
    );
    expect(labels.length).toBeGreaterThan(3);
    for (const [index, label] of labels.entries()) {
      expect([...nodes, ...labels.slice(index + 1)].filter((other) => overlap(label, other))).toEqual([]);
    }
  });

  test("makes a box wide enough for its name, and shortens a name that is too long in its middle", async () => {
    const name = `${"a".repeat(40)}-the-end`;
    const [box] = (await layOut({ groups: [], nodes: [{ id: name, kind: "service", name }], edges: [], notes: [] }))
      .nodes;
    expect(box.title).toMatch(/^a+…a*-the-end$/);
    expect(box.width).toBeGreaterThan(box.title.length * 7.2);
  });

  /** Services of two words, each with connections to the next ones, and some far away. */
  function dense(services: number, connections: number, names = (index: number) => `s${index}`): MeshGraph {
    const id = (index: number) => names(index % services);
    return {
      groups: [],
      nodes: Array.from({ length: services }, (_, index) => ({ id: id(index), kind: "service", name: id(index) })),
      edges: Array.from({ length: services * connections }, (_, index) => {
        const [source, nth] = [Math.floor(index / connections), index % connections];
        const destination = source + 1 + ((source * 7919 + nth * 104_729) % (services - 1));
        return { id: `${index}`, kind: "connection", source: id(source), destination: id(destination), ways: [] };
      }),
      notes: [],
    };
  }
  const districts = (index: number) => `${["north", "east", "south", "west"][index % 4]}-${index}`;
  const inside = (box: Box, frame: Box) =>
    box.x >= frame.x &&
    box.y >= frame.y &&
    box.x + box.width <= frame.x + frame.width &&
    box.y + box.height <= frame.y + frame.height;

  test.each([
    ["in blocks", {}],
    ["in rows where Graphviz needs too long", { limitMs: 1 }],
  ])("puts the services of a large mesh %s, each into its own", async (_, options) => {
    const { blocks, nodes, edges, width, height } = await layOut(dense(160, 2, districts), options);
    expect(blocks.map(({ title }) => title)).toEqual(["north", "east", "south", "west"]);
    expect(blocks.flatMap(({ members }) => members).sort((a, b) => a - b)).toEqual(nodes.map((_, index) => index));
    for (const [index, block] of blocks.entries()) {
      expect(blocks.slice(index + 1).filter((other) => overlap(block, other))).toEqual([]);
      expect(inside(block, { x: 0, y: 0, width, height })).toBe(true);
      for (const member of block.members) {
        expect(nodes[member].title).toMatch(new RegExp(`^${block.title}-`));
        expect(inside(nodes[member], block)).toBe(true);
        const others = block.members.filter((other) => other > member);
        expect(others.filter((other) => overlap(nodes[member], nodes[other]))).toEqual([]);
      }
    }
    // A line ends at its box, wherever that was put.
    expect(edges).toHaveLength(320);
    for (const { edge, tip } of edges) {
      const { x, y, width, height } = nodes.find(({ node }) => node.id === edge.destination) ?? nodes[0];
      expect(overlap({ x: tip.x - 2, y: tip.y - 2, width: 4, height: 4 }, { x, y, width, height })).toBe(true);
    }
  });

  test("puts services of a block that do not reach each other in rows below those that do, not in one column", async () => {
    const { nodes: services } = dense(160, 0, districts);
    // Each reaches the next one, which is in another block, and the first eight those of their own block too.
    const edges = services.flatMap(({ id: source }, index): MeshGraph["edges"] =>
      [1, ...(index < 8 ? [4] : [])].map((step) => {
        const { id: destination } = services[(index + step) % services.length];
        return { id: `${source} ${destination}`, kind: "connection", source, destination, ways: [] };
      }),
    );
    const { blocks, nodes } = await layOut({ groups: [], nodes: services, edges, notes: [] });
    expect(blocks).toHaveLength(4);
    for (const block of blocks) {
      expect(block.height).toBeLessThan(2 * block.width);
      for (const member of block.members) {
        expect(inside(nodes[member], block)).toBe(true);
        const others = block.members.filter((other) => other > member);
        expect(others.filter((other) => overlap(nodes[member], nodes[other]))).toEqual([]);
      }
    }
  });

  test("puts a mesh that no words divide into rows where Graphviz needs too long, a datacenter below the other", async () => {
    const { nodes, groups, blocks } = await layOut(variety, { limitMs: 1 });
    expect(blocks).toEqual([]);
    expect(groups).toHaveLength(2);
    for (const { node, ...box } of nodes) {
      const frame = groups.find(({ title }) => title === `datacenter ${node.group}`);
      expect(frame && inside(box, frame)).toBe(true);
    }
    expect(overlap(groups[0], groups[1])).toBe(false);
  });

  test("stops at once when it is told to", async () => {
    const stop = new AbortController();
    const layout = layOut(dense(400, 8), { signal: stop.signal });
    let stopped = Infinity;
    setTimeout(() => {
      stopped = Date.now();
      stop.abort(new Error("enough"));
    }, 500);
    await expect(layout).rejects.toThrow("enough");
    expect(Date.now() - stopped).toBeLessThan(1_000);
  });

  test("leaves every box in its place while only what is measured changes", async () => {
    const measured = (perSecond: number, healthy: number): MeshGraph => ({
      ...variety,
      nodes: variety.nodes.map((node) => ({ ...node, health: { healthy, wanted: 1, problems: [] } })),
      edges: variety.edges.map((edge) => ({
        ...edge,
        ...(edge.kind !== "carries" && { traffic: { unit: "requests" as const, perSecond, p95Ms: perSecond } }),
      })),
    });
    const quiet = await layOut(measured(0, 1), { isLasting: true });
    const busy = relabelled(quiet, measured(120, 0));
    const places = ({ nodes }: Layout) => nodes.map(({ x, y, width, height }) => ({ x, y, width, height }));
    expect(shapeOf(measured(0, 1))).toBe(shapeOf(measured(120, 0)));
    expect(shapeOf(variety)).not.toBe(shapeOf({ ...variety, edges: variety.edges.slice(1) }));
    expect(places(busy)).toEqual(places(quiet));
    expect(places(await layOut(measured(120, 0), { isLasting: true }))).toEqual(places(quiet));
    expect(renderSvg(quiet, "")).not.toContain("req/s");
    expect(renderSvg(busy, "")).toContain(">L7 · 120 req/s, p95 120 ms</text>");
    for (const { subline, width } of busy.nodes) expect(subline.length * 5).toBeLessThan(width);
  });

  test("of an empty mesh is empty", async () => {
    expect(await layOut({ groups: [], nodes: [], edges: [], notes: [] })).toMatchObject({ nodes: [], edges: [] });
  });
});

test("the same graph yields the same bytes", async () => {
  expect(await layOut(variety)).toEqual(await layoutOf(variety));
  expect(await svg(variety)).toBe(await svg(variety));
  expect(await page(variety)).toBe(await page(variety));
});

describe("the SVG", () => {
  test("is well-formed and holds no script, whatever the names", async () => {
    const text = await svg(hostile);
    const tags = text.replaceAll(/<style>.*?<\/style>/gs, "").match(/<[^>]*>/g) ?? [];
    const open: string[] = [];
    for (const tag of tags) {
      expect(tag).toMatch(/^<\/?(svg|title|style|g|rect|path|polygon|text)(?: [\w-]+="[^"<]*")*\/?>$/);
      const [, end, name, self] = /^<(\/?)(\w+).*?(\/?)>$/.exec(tag) ?? [];
      if (end) expect(open.pop()).toBe(name);
      else if (!self) open.push(name);
    }
    expect(open).toEqual([]);
    expect(text.replaceAll(/&(amp|lt|gt|quot|#39);/g, "")).not.toMatch(/&|\0/);
  });

  test("names what a box and an arrow mean when they are pointed at", async () => {
    const text = await svg(variety);
    expect(text).toContain("<title>web can send some requests to api</title>");
    expect(text).toContain("<title>door has an upstream to, but is refused by, web</title>");
    expect(text).toContain("<title>door (ingress gateway)</title>");
  });
});

describe("the page", () => {
  test("needs nothing from anywhere", async () => {
    const html = await page(variety);
    expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:\/\/|@import|url\(/);
    expect(html).not.toMatch(/<(link|img|iframe|object|embed)\b|\ssrc=/);
  });

  test("lets no text become markup, and no script run but its own", async () => {
    const html = await page(hostile, HOSTILE);
    expect(html.match(/<script/g)).toHaveLength(2);
    expect(html).not.toContain("<img");
    expect(html).toMatch(
      /Content-Security-Policy" content="default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-/,
    );
    expect(dataOf(html).nodes[0].id).toBe(HOSTILE);
  });

  test("asks for newer pages only where it is served, and then nobody but its server", async () => {
    const [layout, live] = [await layoutOf(variety), { lab: "trial", takenAt: "2026-01-02T03:04:05.000Z", seconds: 5 }];
    const served = renderPage({ ...variety, live }, layout, "A mesh", true);
    expect(served).toMatch(/Content-Security-Policy" content="default-src 'none';[^"]*; connect-src 'self'"/);
    expect(served).toContain('<body data-version="2026-01-02T03:04:05.000Z">');
    const kept = renderPage({ ...variety, live }, layout, "A mesh");
    expect(kept).not.toMatch(/connect-src|data-version/);
  });

  test("knows all that is known of each box and arrow", async () => {
    const { nodes, edges } = dataOf(await page(variety));
    const numberOf = (id: string) => nodes.findIndex((node) => node.id === id);
    const edge = edges.find((it) => it.source === numberOf("dc1/web") && it.destination === numberOf("dc1/api"));
    expect(edge).toMatchObject({
      label: "L7",
      refused: false,
      facts: [
        ["by", "127.0.0.1:1"],
        ["may", "some requests"],
        ["rule", "allow /v1/*"],
      ],
    });
    expect(nodes[numberOf("dc2/api")]).toMatchObject({
      title: "api (dc2)",
      facts: expect.arrayContaining([
        ["is", "service"],
        ["in", "datacenter dc2"],
      ]) as unknown,
    });
  });

  test("says what could not be drawn", async () => {
    const html = await page({ ...variety, notes: ["a job <is> not drawn"] });
    expect(html).toContain("<li>a job &lt;is&gt; not drawn</li>");
  });
});
