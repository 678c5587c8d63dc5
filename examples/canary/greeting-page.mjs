// The page of the canary example: it asks the API through its sidecar, and shows which version answers how often.
//
// One file without dependencies, since its text travels inside the Nomad job.
//
//   PORT           where it serves                              @default 9100
//   BIND_ADDRESS   it is published, so on every interface       @default 0.0.0.0
//   GREETING_URL   the API, as the sidecar offers it
//   TESTER_HEADER  header that testers send                     @default x-canary
//
//   GET /       the page for a browser, else what the API answers
//   GET /health 200: the page itself
//   any other   what the API answers, asked with the same method, path and x-… headers

import { Agent, createServer, request } from "node:http";

const PAGE_PORT = 9100;
/** What Envoy itself tells by headers, nobody outside the mesh may. */
const PASSED_ON = /^x-(?!forwarded-|envoy-)/;
const TIMEOUT_MS = 20_000;

const upstream = upstreamUrl();
const testerHeader = process.env.TESTER_HEADER || "x-canary";
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, outgoing) => {
  const wantsPage = incoming.headers.accept?.includes("text/html");
  if (incoming.url === "/health") return send(outgoing, 200, { status: "passing" });
  if (incoming.url === "/" && wantsPage) return sendPage(outgoing);
  passOn(incoming, outgoing);
});
server.on("error", (error) => fail(`The page cannot listen: ${error.message}.`));
server.listen(port("PORT", PAGE_PORT), process.env.BIND_ADDRESS || "0.0.0.0", () => {
  const bound = server.address();
  console.log(`page listens on http://${bound.address}:${bound.port}, its API is at ${upstream}`);
});

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, stop);

function passOn(incoming, outgoing) {
  const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => PASSED_ON.test(name)));
  const onward = request(new URL(incoming.url, upstream), {
    agent,
    method: incoming.method,
    headers,
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  onward.on("response", (answer) => {
    outgoing.writeHead(answer.statusCode, { "content-type": answer.headers["content-type"] ?? "text/plain" });
    answer.pipe(outgoing);
  });
  onward.on("error", ({ message }) => {
    if (outgoing.headersSent) outgoing.destroy();
    else send(outgoing, 502, { error: `No answer from ${upstream}: ${message}` });
  });
  incoming.pipe(onward);
}

function send(response, status, body, type = "application/json") {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store", vary: "accept" });
  response.end(typeof body === "string" ? body : `${JSON.stringify(body)}\n`);
}

function sendPage(response) {
  send(response, 200, PAGE.replaceAll("TESTER_HEADER", testerHeader), "text/html; charset=utf-8");
}

/** Accepts nothing new and ends with exit code 0 once the answers under way are out; 3 seconds are enough for those. */
function stop(signal) {
  console.log(`${signal}: stopping`);
  server.close();
  setTimeout(() => server.closeAllConnections(), 3000).unref();
}

function upstreamUrl() {
  const value = process.env.GREETING_URL;
  if (!value || !URL.canParse(value)) fail(`GREETING_URL must look like http://127.0.0.1:8080, not "${value}".`);
  return new URL(value);
}

/** 0 lets the system choose; the first line of the log says which. */
function port(name, byDefault) {
  const value = Number(process.env[name] || byDefault);
  if (!Number.isInteger(value) || value < 0 || value > 65535) fail(`${name} must be a port between 0 and 65535.`);
  return value;
}

function fail(message) {
  console.error(message);
  process.exit(1);
}

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Who greets?</title>
<style>
body { max-width: 44rem; margin: 0 auto; padding: 2rem 1.25rem; font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { font-size: 1.25rem; }
#answers { display: grid; grid-template-columns: repeat(25, 1fr); gap: .25rem; min-height: 6rem; margin: 1rem 0; align-content: start; }
#answers span { aspect-ratio: 1; border-radius: .25rem; }
li { list-style: none; display: flex; gap: .75rem; align-items: center; }
ul { padding: 0; }
li span { width: 1rem; height: 1rem; border-radius: .25rem; }
code { font: .9em ui-monospace, monospace; }
</style>
</head>
<body>
<h1>Who greets?</h1>
<label><input type="checkbox" id="tester"> I am a tester: send <code>TESTER_HEADER</code></label>
<div id="answers" role="img" aria-label="The last hundred answers, one square each, coloured by version"></div>
<ul id="shares"></ul>
<script>
const COLOURS = ["#2563eb", "#d97706", "#7c3aed", "#0f766e"];
const answers = [];
const versions = [];
const tester = document.getElementById("tester");
tester.onchange = () => answers.splice(0);
async function ask() {
  const headers = tester.checked ? { "TESTER_HEADER": "yes" } : {};
  let version;
  try {
    const response = await fetch("/greeting", { headers });
    version = response.ok ? (await response.json()).version : "error " + response.status;
  } catch {
    version = "no answer";
  }
  if (!versions.includes(version)) versions.push(version);
  answers.push(version);
  if (answers.length > 100) answers.shift();
  show();
}
function colour(version) {
  return /^(error|no )/.test(version) ? "#b3261e" : COLOURS[versions.indexOf(version) % COLOURS.length];
}
function square(version) {
  const element = document.createElement("span");
  element.style.background = colour(version);
  element.title = version;
  return element;
}
function show() {
  document.getElementById("answers").replaceChildren(...answers.map(square));
  const items = versions.map((version) => {
    const item = document.createElement("li");
    const count = answers.filter((answer) => answer === version).length;
    item.append(square(version), version + ": " + count + " of the last " + answers.length);
    return item;
  });
  document.getElementById("shares").replaceChildren(...items);
}
setInterval(ask, 200);
</script>
</body>
</html>
`;
