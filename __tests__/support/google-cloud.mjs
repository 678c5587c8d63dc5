// Of Google Cloud what hosts call: the metadata server at 169.254.169.254, and the REST APIs of Secret Manager, Cloud Storage, Cloud
// Monitoring and Compute Engine by their own names, as they are documented. It allows what the roles of an identity allow.
// The argument is a folder with the facts of the machine. What there is in the cloud is in google.json next to it, and each call is
// written to google-calls there.
import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { dirname, join } from "node:path";

const [, , facts] = process.argv;
const folder = dirname(facts);
const file = (name) => join(folder, name);
const { project, zone, secrets, buckets, instances, identities } = JSON.parse(
  readFileSync(file("google.json"), "utf8"),
);

/** What predefined roles permit, as far as hosts use it. */
const ROLES = {
  "roles/secretmanager.secretAccessor": ["secretmanager.versions.access"],
  "roles/secretmanager.secretVersionManager": [
    "secretmanager.versions.add",
    "secretmanager.versions.destroy",
    "secretmanager.versions.list",
  ],
  "roles/storage.objectViewer": ["storage.objects.get", "storage.objects.list"],
  "roles/storage.objectUser": [
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
  ],
  "roles/monitoring.metricWriter": ["monitoring.timeSeries.create"],
  "roles/compute.viewer": ["compute.zones.list", "compute.instances.list"],
};

class Refusal extends Error {
  constructor(code, status, message) {
    super(message);
    Object.assign(this, { code, status });
  }
}

const read = (request) =>
  new Promise((resolve, reject) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => resolve(Buffer.concat(parts)));
    request.on("error", reject);
  });

// --- the metadata server

/** Whose an access token is. */
const tokens = new Map();

const values = {
  "project/project-id": () => project,
  "project/numeric-project-id": () => "123456789012",
  "instance/id": () => "4520031799277581759",
  "instance/name": () => instances[0].name,
  "instance/hostname": () => `${instances[0].name}.${zone}.c.${project}.internal`,
  "instance/zone": () => `projects/123456789012/zones/${zone}`,
  "instance/machine-type": () => "projects/123456789012/machineTypes/e2-medium",
  "instance/service-accounts/default/token": () => {
    const token = `ya29.${randomBytes(48).toString("base64url")}`;
    tokens.set(token, existsSync(file("google-identity")) ? readFileSync(file("google-identity"), "utf8") : "server");
    return JSON.stringify({ access_token: token, expires_in: 3599, token_type: "Bearer" });
  },
};

function valueAt(path) {
  const known = values[path];
  if (known !== undefined) return known();
  const attributes = join(facts, "tags/instance");
  const all = () => readdirSync(attributes).map((name) => [name, readFileSync(join(attributes, name), "utf8")]);
  if (path === "instance/attributes/") return JSON.stringify(Object.fromEntries(all()));
  const place = path.startsWith("instance/attributes/") ? join(attributes, path.slice(20)) : join(facts, path);
  return existsSync(place) ? readFileSync(place, "utf8") : undefined;
}

createHttpServer(async (request, response) => {
  const answer = (status, text = "", headers = {}) =>
    response
      .writeHead(status, { "Metadata-Flavor": "Google", "Content-Type": "application/text", ...headers })
      .end(text);
  const { pathname, searchParams } = new URL(request.url, "http://metadata");
  if (pathname === "/") return answer(200, "computeMetadata/\n");
  if (request.headers["metadata-flavor"] !== "Google" || request.headers["x-forwarded-for"] !== undefined) {
    return answer(403);
  }
  const path = pathname.replace("/computeMetadata/v1/", "");
  const etagOf = (value) => createHash("sha256").update(value).digest("hex").slice(0, 16);
  const end = Date.now() + 1000 * Number(searchParams.get("timeout_sec") ?? 0);
  const known = searchParams.get("last_etag");
  let value = valueAt(path);
  while (value !== undefined && searchParams.has("wait_for_change") && etagOf(value) === known && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    value = valueAt(path);
  }
  return value === undefined ? answer(404) : answer(200, value, { ETag: etagOf(value) });
}).listen(80, "169.254.169.254");

// --- Secret Manager

/** The versions of each secret. A destroyed one has no data. */
const versions = new Map(secrets.map((name) => [name, []]));

function secretManager({ method, path, query, body, allow }) {
  const [, name, rest] = new RegExp(`^/v1/projects/${project}/secrets/([\\w-]+)(.*)$`).exec(path) ?? [];
  const known = versions.get(name);
  const permit = (permission) => {
    allow(permission, { secret: name });
    if (known === undefined)
      throw new Refusal(404, "NOT_FOUND", `Secret [projects/${project}/secrets/${name}] not found.`);
  };
  const nameOf = (number) => `projects/123456789012/secrets/${name}/versions/${number}`;
  if (method === "POST" && rest === ":addVersion") {
    permit("secretmanager.versions.add");
    const { data } = JSON.parse(body).payload;
    known.push(data);
    return { name: nameOf(known.length), state: "ENABLED" };
  }
  if (method === "GET" && rest === "/versions") {
    permit("secretmanager.versions.list");
    if (query.get("filter") !== "state:ENABLED") throw new Refusal(400, "INVALID_ARGUMENT", "Another filter.");
    const enabled = known.flatMap((data, index) => (data === undefined ? [] : [index + 1]));
    return {
      versions: enabled.map((number) => ({ name: nameOf(number), state: "ENABLED" })),
      totalSize: enabled.length,
    };
  }
  const [, number, action] = /^\/versions\/(\d+):(access|destroy)$/.exec(rest) ?? [];
  if (action === undefined) throw new Refusal(404, "NOT_FOUND", "There is no such method.");
  permit(`secretmanager.versions.${action}`);
  if (!(number >= 1 && number <= known.length)) throw new Refusal(404, "NOT_FOUND", `Version ${number} not found.`);
  const data = known[number - 1];
  if (data === undefined) throw new Refusal(400, "FAILED_PRECONDITION", `${nameOf(number)} is in DESTROYED state.`);
  if (action === "access") return { name: nameOf(number), payload: { data } };
  known[number - 1] = undefined;
  return { name: nameOf(number), state: "DESTROYED" };
}

// --- Cloud Storage

let generation = Date.now() * 1000;
const stored = new Map(
  Object.entries(buckets).map(([name, objects]) => [
    name,
    new Map(
      Object.entries(objects).map(([key, base64]) => [
        key,
        { generation: ++generation, data: Buffer.from(base64, "base64"), metadata: {} },
      ]),
    ),
  ]),
);

function storage({ method, path, query, body, headers, allow, respond }) {
  const [, upload, bucket, encoded] = /^(\/upload)?\/storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+))?$/.exec(path) ?? [];
  const name = encoded && decodeURIComponent(encoded);
  const objects = stored.get(bucket);
  const permit = (permission, object) => {
    allow(permission, { bucket, object });
    if (objects === undefined) throw new Refusal(404, "notFound", "The specified bucket does not exist.");
  };
  const resource = (key, { generation, data, metadata }) => ({
    ...{
      kind: "storage#object",
      bucket,
      name: key,
      generation: String(generation),
      size: String(data.length),
      metadata,
    },
  });
  if (method === "POST" && upload !== undefined && query.get("uploadType") === "multipart") {
    const boundary = /^multipart\/related; boundary=(\S+)$/.exec(headers["content-type"])[1];
    const text = body.toString("latin1");
    const [start, properties, content] = text.split(`--${boundary}\r\n`);
    const tail = `\r\n--${boundary}--\r\n`;
    if (start !== "" || !content?.endsWith(tail)) throw new Refusal(400, "invalid", "Malformed multipart body.");
    const partOf = (part) => part.slice(part.indexOf("\r\n\r\n") + 4);
    const { name: key, metadata } = JSON.parse(partOf(properties));
    permit("storage.objects.create", key);
    const wanted = Number(query.get("ifGenerationMatch"));
    if ((objects.get(key)?.generation ?? 0) !== wanted) {
      throw new Refusal(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.");
    }
    if (wanted !== 0) permit("storage.objects.delete", key);
    const data = Buffer.from(partOf(content.slice(0, -tail.length)), "latin1");
    objects.set(key, { generation: ++generation, data, metadata });
    return resource(key, objects.get(key));
  }
  if (method === "GET" && name === undefined) {
    permit("storage.objects.list");
    const prefix = query.get("prefix") ?? "";
    const found = [...objects.keys()].filter(
      (key) => key.startsWith(prefix) && !key.slice(prefix.length).includes("/"),
    );
    const from = Number(query.get("pageToken") ?? 0);
    const page = found.sort().slice(from, from + 2);
    const more = from + 2 < found.length ? { nextPageToken: String(from + 2) } : {};
    return { ...(page.length > 0 && { items: page.map((key) => ({ name: key })) }), ...more };
  }
  permit(method === "DELETE" ? "storage.objects.delete" : "storage.objects.get", name);
  const object = objects.get(name);
  if (object === undefined) throw new Refusal(404, "notFound", `No such object: ${bucket}/${name}`);
  if (method === "DELETE") {
    objects.delete(name);
    return respond(204, "");
  }
  if (query.get("alt") !== "media") return resource(name, object);
  return respond(200, object.data, { "x-goog-generation": String(object.generation) });
}

// --- Cloud Monitoring and Compute Engine

function monitoring({ body, allow }) {
  allow("monitoring.timeSeries.create", { project });
  const { timeSeries } = JSON.parse(body);
  appendFileSync(file("google-metrics"), timeSeries.map((series) => `${JSON.stringify(series)}\n`).join(""));
  return {};
}

function compute({ path, allow }) {
  const [, in_zone] = new RegExp(`^/compute/v1/projects/${project}/zones(?:/([^/]+)/instances)?$`).exec(path) ?? [];
  if (in_zone === undefined) {
    allow("compute.zones.list", { project });
    return { kind: "compute#zoneList", items: [...new Set(instances.map((it) => it.zone))].map((name) => ({ name })) };
  }
  allow("compute.instances.list", { project });
  const items = instances
    .filter((it) => it.zone === in_zone)
    .map(({ name, address, tags }) => ({ name, networkInterfaces: [{ networkIP: address }], tags: { items: tags } }));
  return { kind: "compute#instanceList", items };
}

const APIS = {
  "secretmanager.googleapis.com": secretManager,
  "storage.googleapis.com": storage,
  "monitoring.googleapis.com": monitoring,
  "compute.googleapis.com": compute,
};

createHttpsServer(
  { cert: readFileSync(file("google-server.pem")), key: readFileSync(file("google-server-key.pem")) },
  async (request, response) => {
    const host = request.headers.host;
    const { pathname: path, searchParams: query } = new URL(request.url, `https://${host}`);
    const identity = tokens.get(/^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1]);
    let used;
    const respond = (code, text, headers = {}) => {
      appendFileSync(
        file("google-calls"),
        `${JSON.stringify({ method: request.method, host, path: request.url, identity, used, code })}\n`,
      );
      response.writeHead(code, { "Content-Type": "application/json", ...headers }).end(text);
    };
    const allow = (permission, resource) => {
      used = [permission, ...Object.values(resource).filter((it) => it !== undefined)].join(" ");
      if (isAllowed(identities[identity] ?? [], permission, resource)) return;
      throw new Refusal(
        403,
        "PERMISSION_DENIED",
        `Permission '${permission}' denied on resource (or it may not exist).`,
      );
    };
    try {
      const body = await read(request);
      if (identity === undefined)
        throw new Refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
      const { method, headers } = request;
      const answer = APIS[host]({ method, path, query, body, headers, allow, respond });
      if (!response.headersSent) respond(200, JSON.stringify(answer));
    } catch (error) {
      if (!(error instanceof Refusal)) console.error(error);
      const { code = 500, status = "INTERNAL", message } = error;
      respond(code, JSON.stringify({ error: { code, status, message } }));
    }
  },
).listen(443, "127.0.0.2");

function isAllowed(grants, permission, { secret, bucket, object, project }) {
  return grants.some(
    (grant) =>
      ROLES[grant.role].includes(permission) &&
      grant.secret === secret &&
      grant.bucket === bucket &&
      grant.project === project &&
      (grant.condition === undefined ||
        grant.condition === `resource.name == "projects/_/buckets/${bucket}/objects/${object}"`),
  );
}
