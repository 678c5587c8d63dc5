import { get } from "node:http";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { servePage, type PageServer } from "../../cli/graph-server";

const own = process.getuid?.() ?? 0;
const servers: PageServer[] = [];

async function serve(callers: readonly number[] = [own]): Promise<PageServer> {
  const server = await servePage(0, callers);
  servers.push(server);
  return server;
}

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function ask(url: string, headers: Readonly<Record<string, string>> = {}) {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { headers, agent: false }, resolve).on("error", reject);
  });
  return { status: response.statusCode, text: await text(response) };
}

/** What the server says of its page, once it has taken all that it was sent. */
async function readingOf({ url }: PageServer) {
  const answer = await ask(`${url}reading`);
  return JSON.parse(answer.text) as { version: string; ageMs: number; problem?: string };
}

test("serves the newest page, and the reason why it was not refreshed, until the next page", async () => {
  const server = await serve();
  server.show("<p>first</p>", "1");
  server.fail("Nomad does not answer.");
  expect(await readingOf(server)).toMatchObject({ version: "1", problem: "Nomad does not answer." });
  expect(await ask(server.url)).toEqual({ status: 200, text: "<p>first</p>" });
  server.show("<p>second</p>", "2");
  const reading = await readingOf(server);
  expect(reading).toEqual({ version: "2", ageMs: expect.any(Number) as number });
  expect(reading.ageMs).toBeLessThan(60_000);
  expect(await ask(server.url)).toEqual({ status: 200, text: "<p>second</p>" });
});

test.each([
  ["under another name", { Host: "evil.example" }, /only for 127\.0\.0\.1/],
  ["from a page of another origin", { Origin: "http://evil.example" }, /evil\.example/],
])("a request %s is refused", async (_, headers, reason) => {
  const server = await serve();
  server.show("secret", "1");
  const answer = await ask(server.url, headers);
  expect(answer.status).toBe(403);
  expect(answer.text).toMatch(reason);
  expect(answer.text).not.toContain("secret");
});

test("a request of another user of the machine is refused", async () => {
  const server = await serve([own + 1]);
  server.show("secret", "1");
  expect(await ask(server.url)).toEqual({
    status: 403,
    text: "This page is for the user who started it, and for root.\n",
  });
});

test("a port that is in use is named, with what to do", async () => {
  const port = Number(new URL((await serve()).url).port);
  await expect(servePage(port, [own])).rejects.toMatchObject({
    problem: `Port ${port} of this machine is in use, maybe by another \`graph --watch\`.`,
    fix: "Set another port with --port; with --port 0, any free one is used.",
  });
});
