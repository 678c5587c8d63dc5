// The dashboard of the count-dashboard example: it asks the counting API through its sidecar and shows what happens.
//
// One file without dependencies, since its text travels inside the Nomad job. The API may be our own or the public image
// hashicorpdev/counter-api.
//
//   PORT                  where it serves                           @default 9002
//   BIND_ADDRESS          it is published, so on every interface    @default 0.0.0.0
//   COUNTING_SERVICE_URL  the API, as the sidecar offers it         @default unset: the page says so
//   NODE_NAME             the host it runs on, shown by the page    @default unset
//
//   GET /            the page for a browser, the count as JSON for anything else
//   GET /api         {"count":7,"api":{"instance":"…","hostname":"…","node":"…"},"mesh":"reachable",…}
//                    or 502, 503 {"error":"…","suspect":"intention|upstream|api","hint":"…","mesh":"unreachable",…}
//   GET /live        the same for every answer, as server-sent events
//   GET /health      200: the dashboard itself
//   GET /health/api  200 if a healthy API answers, else 503

import { createServer, get } from "node:http";
import { hostname } from "node:os";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

const TIMEOUT_MS = 2000;
const POLL_MS = 1000;
const HISTORY = 60;

/** Where a request can get stuck, and what must be true there. */
const HINTS = {
  intention:
    "An intention must allow the dashboard to call the API, or the mesh refuses. dashboard.connectTo(api) writes it.",
  upstream:
    "The sidecar of the dashboard must run and offer the API at COUNTING_SERVICE_URL. dashboard.connectTo(api) sets both.",
  api: "At least one instance of the API must run, pass its health check and answer. Look at its log and at its sidecar.",
};

const upstream = upstreamUrl();
const dashboard = {
  instance: process.env.NOMAD_ALLOC_ID?.slice(0, 8) || hostname(),
  node: process.env.NODE_NAME || undefined,
};
const answers = [];
const viewers = new Set();
let polling = false;
let stopping = false;

const server = createServer((request, response) => {
  const started = Date.now();
  response.on("close", () => {
    const { method, url } = request;
    console.log(`${new Date().toISOString()} ${method} ${url} ${response.statusCode} ${Date.now() - started}ms`);
  });

  const [path] = request.url.split("?", 1);
  const wantsPage = request.headers.accept?.includes("text/html");
  switch (`${request.method} ${path}`) {
    case "GET /":
      return wantsPage ? sendPage(response) : sendCount(response);
    case "GET /api":
      return sendCount(response);
    case "GET /live":
      return watch(response);
    case "GET /health":
      return send(response, 200, { status: "passing" });
    case "GET /health/api":
      return sendApiHealth(response);
    default:
      return send(response, 404, { error: "There is GET /, /api, /live, /health and /health/api." });
  }
});
server.on("error", (error) => fail(`The dashboard cannot listen: ${error.message}.`));
server.listen(port("PORT", 9002), process.env.BIND_ADDRESS || "0.0.0.0", () => {
  const bound = server.address();
  console.log(`dashboard listens on http://${bound.address}:${bound.port}, its API is at ${upstream ?? "no address"}`);
});

for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, stop);

async function sendCount(response) {
  const { status, ...answer } = await count();
  send(response, status, answer);
}

async function sendApiHealth(response) {
  const { failure } = await call(upstream && new URL("/health", upstream));
  send(response, failure ? 503 : 200, { ...failure, status: failure ? "critical" : "passing" });
}

function sendPage(response) {
  const policy =
    "default-src 'none'; connect-src 'self'; img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'";
  send(response, 200, PAGE, { "content-type": "text/html; charset=utf-8", "content-security-policy": policy });
}

function send(response, status, body, headers = {}) {
  response.writeHead(status, {
    "content-type": "application/json",
    "cache-control": "no-store",
    vary: "accept",
    "x-content-type-options": "nosniff",
    ...headers,
    ...(stopping && { connection: "close" }),
  });
  response.end(typeof body === "string" ? body : `${JSON.stringify(body)}\n`);
}

/** Sends what is known, then every answer. However many people watch, the API is asked once a second, and not at all for nobody. */
function watch(response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store", connection: "close" });
  response.write(`retry: 1000\nevent: history\ndata: ${JSON.stringify(answers)}\n\n`);
  response.on("close", () => viewers.delete(response));
  viewers.add(response);
  if (!polling) void poll();
}

async function poll() {
  polling = true;
  while (viewers.size > 0) {
    await count();
    await sleep(POLL_MS, undefined, { ref: false });
  }
  polling = false;
}

async function count() {
  const started = Date.now();
  const { body, failure } = await call(upstream);
  const answer = { ...(failure ?? readCount(body)), dashboard, milliseconds: Date.now() - started };

  answers.push({ ...answer, at: Date.now() });
  if (answers.length > HISTORY) answers.shift();
  for (const viewer of viewers) viewer.write(`data: ${JSON.stringify(answers.at(-1))}\n\n`);
  return answer;
}

function readCount(body) {
  try {
    const { count, hostname, instance = hostname, node } = JSON.parse(body);
    if (Number.isInteger(count)) return { status: 200, count, api: { instance, hostname, node }, mesh: "reachable" };
  } catch {
    // Not JSON: answered below like JSON without a count.
  }
  return unreachable("upstream", `Something that does not count answers at ${upstream}.`).failure;
}

/**
 * One call, on a connection of its own: a kept one would stay with one instance, and would outlive a change of intention.
 * A 403 is Envoy's refusal on an http upstream, a closed connection all that a tcp upstream can show of one.
 */
async function call(url) {
  if (!url) return unreachable("upstream", "The dashboard knows no API: COUNTING_SERVICE_URL is not set.", 503);

  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await new Promise((resolve, reject) => {
      get(url, { agent: false, signal, headers: { accept: "application/json" } }, resolve).on("error", reject);
    });
    const body = await text(response);
    if (response.statusCode === 200) return { body };
    const said = `${response.statusCode} ${body.trim().slice(0, 200)}`;
    return response.statusCode === 403
      ? unreachable("intention", `The mesh refuses the call (${said}).`)
      : unreachable("api", `No healthy instance of the API answers (${said}).`);
  } catch (error) {
    if (signal.aborted) return unreachable("api", `No answer within ${TIMEOUT_MS / 1000} seconds.`);
    return error.code === "ECONNRESET"
      ? unreachable("intention", "The sidecar closed the connection: the call is refused, or no instance is healthy.")
      : unreachable("upstream", `No answer from ${upstream.host} (${error.message}).`);
  }
}

function unreachable(suspect, error, status = 502) {
  return { failure: { status, error, suspect, hint: HINTS[suspect], mesh: "unreachable" } };
}

/** Accepts nothing new and ends with exit code 0 once the answers under way are out; 3 seconds are enough for those. */
function stop(signal) {
  console.log(`${signal}: stopping`);
  stopping = true;
  server.close();
  for (const viewer of viewers) viewer.end();
  viewers.clear();
  setTimeout(() => server.closeAllConnections(), 3000).unref();
}

function upstreamUrl() {
  const value = process.env.COUNTING_SERVICE_URL;
  if (!value) return undefined;
  if (!URL.canParse(value) || new URL(value).protocol !== "http:") {
    fail(`COUNTING_SERVICE_URL must look like http://127.0.0.1:8080, not "${value}". The sidecar adds the encryption.`);
  }
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
<title>count-dashboard</title>
<link rel="icon" href="data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='%232563eb'/></svg>">
<style>
:root {
  --ground: #f3f5f8; --card: #fff; --ink: #1a2330; --soft: #556070; --line: #d5dbe3; --track: #e9edf2;
  --good: #0a7350; --bad: #b3261e; --alarm: #fdf2f1;
  --i0: #2563eb; --i1: #b45309; --i2: #7c3aed; --i3: #0f766e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f141b; --card: #171e28; --ink: #e8edf4; --soft: #a0adbd; --line: #313d4c; --track: #232d39;
    --good: #4cc38a; --bad: #ff8f85; --alarm: #2b1a1c;
    --i0: #7aa5ff; --i1: #f0a35e; --i2: #b89dff; --i3: #4fcfbf;
  }
}
* { box-sizing: border-box; margin: 0; }
body {
  max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 2.5rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 Inter, system-ui, sans-serif; font-variant-numeric: tabular-nums;
}
header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: baseline; justify-content: space-between; margin-bottom: 1rem; }
h1 { font-size: 1.125rem; }
h2, h3 { font-size: 1rem; }
h2 { margin-bottom: 1.25rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem 1.5rem 1.5rem; margin-bottom: 1rem; }
ul { list-style: none; padding: 0; }
a { color: inherit; }
code { font: .875em ui-monospace, monospace; overflow-wrap: anywhere; }
.soft, small, footer { color: var(--soft); font-size: .875rem; font-weight: 400; }
#status { font-weight: 600; }
#status::before { content: ""; display: inline-block; width: .625em; height: .625em; border-radius: 50%; margin-right: .5em; background: currentColor; }
.reachable #status { color: var(--good); }
.unreachable #status, .lost #status { color: var(--bad); }

.hero { text-align: center; }
#count { font-size: clamp(5rem, 20vw, 9rem); font-weight: 650; line-height: 1.05; letter-spacing: -.05em; }
.unreachable #count, .lost #count { color: var(--soft); }

#problem { background: var(--alarm); border-color: var(--bad); }
#problem h2 { color: var(--bad); margin-bottom: 1rem; overflow-wrap: anywhere; }
#problem ul { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: .75rem; }
#problem li { padding: .75rem 1rem; border-radius: .5rem; background: var(--card); border: 1px solid var(--line); font-size: .875rem; }
#problem .first { border: 2px solid var(--bad); }
#problem .first h3 { color: var(--bad); }
#problem .first h3::after { content: ": look here first"; }

.path, .host { display: flex; align-items: center; }
.host { flex: 5 1 0; position: relative; border: 1px dashed var(--soft); border-radius: .75rem; padding: 1.25rem .75rem; }
.host > em { position: absolute; top: -.75em; left: .5rem; max-width: calc(100% - 1rem); padding: 0 .25rem; background: var(--card); font-style: normal; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.box { border: 1px solid var(--line); background: var(--ground); border-radius: .5rem; padding: .5rem .625rem; text-align: center; font-size: .875rem; font-weight: 600; white-space: nowrap; }
.link { flex: 1 1 2.75rem; align-self: center; position: relative; min-width: 2rem; height: 2.5rem; text-align: center; font-size: .75rem; color: var(--soft); }
.link::before { content: ""; position: absolute; left: .25rem; right: .375rem; top: 50%; border: 0 solid; border-top-width: 2px; }
.link::after { content: ""; position: absolute; right: .25rem; top: 50%; width: .4375rem; height: .4375rem; border: solid; border-width: 2px 2px 0 0; transform: translateY(-37%) rotate(45deg); }
.link.whole { color: var(--good); }
.link.broken { color: var(--bad); font-weight: 700; }
.link.broken::before { border-style: dashed; }
.link.broken i::after { content: " ✕"; }
.link i { font-style: normal; }

#lanes { display: grid; gap: .875rem; }
#lanes li { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; column-gap: 1rem; }
.strip { display: flex; gap: 1px; flex: 1 0 100%; height: 1.25rem; margin-top: .25rem; }
.strip b { flex: 1; border-radius: 2px; background: var(--track); }
.strip b.on { background: var(--colour); }
#note { margin-top: 1rem; }

@media (max-width: 46rem) {
  section { padding: 1rem 1rem 1.25rem; }
  .path, .host { flex-direction: column; align-items: stretch; }
  .link { flex: none; min-width: 0; width: 100%; line-height: 2.5rem; padding-left: 4.5rem; }
  .link::before { left: 50%; right: auto; top: .25rem; bottom: .25rem; border-width: 0 0 0 2px; }
  .link::after { top: auto; bottom: .3125rem; right: auto; left: calc(50% - .15rem); transform: rotate(135deg); }
}
</style>
</head>
<body>
<header><h1>count-dashboard</h1><p id="status" role="status" aria-live="polite">Connecting</p></header>
<main>
<section class="hero" aria-label="Count">
  <p id="count">&ndash;</p>
  <p id="from" class="soft">Waiting for the first answer</p>
</section>
<section id="problem" hidden>
  <h2 id="error"></h2>
  <ul>
    <li id="intention"><h3>The intention</h3>${HINTS.intention}</li>
    <li id="upstream"><h3>The upstream</h3>${HINTS.upstream}</li>
    <li id="api"><h3>The API</h3>${HINTS.api}</li>
  </ul>
</section>
<section>
  <h2>The path of a request</h2>
  <ul class="path">
    <li class="box">Browser</li>
    <li class="link" data-breaks="lost"><i>HTTP</i></li>
    <li class="host"><em class="soft" id="here">its host</em>
      <span class="box">dashboard</span><span class="link" data-breaks="upstream"><i>local</i></span><span class="box">Envoy</span></li>
    <li class="link" data-breaks="intention"><i>mTLS</i></li>
    <li class="host"><em class="soft" id="there">its host</em>
      <span class="box">Envoy</span><span class="link" data-breaks="api"><i>local</i></span><span class="box">API</span></li>
  </ul>
</section>
<section>
  <h2>Who answered the latest calls</h2>
  <ul id="lanes"></ul>
  <p id="note" class="soft" hidden>Each instance keeps its own count, so the number above steps between theirs.</p>
</section>
<noscript><section>This page needs JavaScript. <a href="api">The count as JSON</a> does not.</section></noscript>
</main>
<footer>For a terminal: <code id="curl">curl</code> &middot; Health: <a href="health">of the dashboard</a>, <a href="health/api">of the API</a></footer>
<script>
const $ = (id) => document.getElementById(id);
const colours = new Map();
let answers = [];
let source;
let silence;

function connect() {
  source?.close();
  source = new EventSource("live");
  source.addEventListener("history", (event) => heard(JSON.parse(event.data)));
  source.onmessage = (event) => heard(answers.concat(JSON.parse(event.data)).slice(-${HISTORY}));
  watch();
}

function heard(all) {
  watch();
  answers = all;
  if (answers.length) show(answers.at(-1));
}

// A closed or stuck connection is the same to the viewer: nothing for a while. The dashboard speaks at least every 3 s.
function watch() {
  clearTimeout(silence);
  silence = setTimeout(() => {
    state("lost", "The dashboard does not answer. Trying again.");
    connect();
  }, 6000);
}

function state(name, sentence) {
  document.body.className = name;
  write("status", sentence);
  const links = [...document.querySelectorAll(".link")];
  const breaks = name === "unreachable" ? answers.at(-1).suspect : name;
  const broken = links.findIndex((link) => link.dataset.breaks === breaks);
  links.forEach((link, index) => {
    link.className = "link " + (broken < 0 || index < broken ? "whole" : index === broken ? "broken" : "");
  });
}

// One lost call is a gap in the lanes; two in a row are a state.
function show(latest) {
  const failing = answers.slice(-2).every((answer) => answer.error);
  state(failing ? "unreachable" : "reachable", failing ? "The API is unreachable" : "The mesh is reachable");
  write("here", latest.dashboard.node ?? latest.dashboard.instance);

  const good = answers.findLast((answer) => answer.api);
  if (good) {
    write("count", good.count.toLocaleString("en"));
    const by = good.api.instance + (good.api.node ? " on " + good.api.node : "");
    const last = "the last count, by " + by + " at " + new Date(good.at).toLocaleTimeString();
    write("from", failing ? last : "counted by " + by + " in " + good.milliseconds + " ms");
    write("there", good.api.node ?? good.api.instance);
  }

  $("problem").hidden = !failing;
  if (failing) {
    write("error", latest.error);
    for (const id of ["intention", "upstream", "api"]) $(id).classList.toggle("first", id === latest.suspect);
  }
  showLanes();
}

function showLanes() {
  const lanes = new Map();
  for (const answer of answers) {
    const name = answer.api?.instance ?? "";
    if (name && !colours.has(name)) colours.set(name, "var(--i" + (colours.size % 4) + ")");
    lanes.set(name, answer);
  }
  const order = [...colours.keys(), ""].filter((name) => lanes.has(name));
  $("lanes").replaceChildren(...order.map((name) => lane(name, lanes.get(name))));
  $("note").hidden = order.filter(Boolean).length < 2;
}

function lane(name, latest) {
  const mine = (answer) => (answer.api?.instance ?? "") === name;
  const item = element("li", "");
  item.style.setProperty("--colour", colours.get(name) ?? "var(--bad)");
  const title = element("strong", "", name || "no answer");
  if (latest.api?.node) title.append(element("small", "", " on " + latest.api.node));
  const strip = element("span", "strip");
  strip.ariaHidden = "true";
  for (let slot = ${HISTORY}; slot > 0; slot--) {
    const answer = answers.at(-slot);
    strip.append(element("b", answer && slot <= answers.length && mine(answer) ? "on" : ""));
  }
  const times = answers.filter(mine).length;
  const share = times + " of " + answers.length + (latest.api ? ", count " + latest.count.toLocaleString("en") : "");
  item.append(title, element("small", "", share), strip);
  return item;
}

function element(tag, className, content) {
  const made = document.createElement(tag);
  made.className = className;
  if (content) made.textContent = content;
  return made;
}

// Only a change is written, or a screen reader would repeat itself every second.
function write(id, content) {
  if ($(id).textContent !== content) $(id).textContent = content;
}

// A page that nobody sees asks for nothing.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return connect();
  source.close();
  clearTimeout(silence);
});
write("curl", "curl " + location.href);
connect();
</script>
</body>
</html>
`;
