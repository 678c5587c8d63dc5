// What a machine of EC2 finds at 169.254.169.254: facts of its own, by IMDSv2 only. The folder holds a file for each path below meta-data.
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join, normalize } from "node:path";

const [, , folder] = process.argv;
const tokens = new Map();

createServer((request, response) => {
  const answer = (status, text = "") => response.writeHead(status, { "Content-Type": "text/plain" }).end(text);
  const path = normalize(decodeURIComponent(new URL(request.url, "http://metadata").pathname));
  if (request.method === "PUT" && path === "/latest/api/token") {
    const seconds = Number(request.headers["x-aws-ec2-metadata-token-ttl-seconds"]);
    if (!(seconds >= 1 && seconds <= 21600) || request.headers["x-forwarded-for"] !== undefined) return answer(400);
    const token = randomBytes(24).toString("base64url");
    tokens.set(token, Date.now() + 1000 * seconds);
    // Without this header, AWS's SDK for Go takes the token for expired.
    response.setHeader("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", String(seconds));
    return answer(200, token);
  }
  if (!((tokens.get(request.headers["x-aws-ec2-metadata-token"]) ?? 0) > Date.now())) return answer(401);
  const file = join(folder, path.replace("/latest/meta-data/", "/"));
  if (!existsSync(file)) return answer(404);
  return answer(200, statSync(file).isFile() ? readFileSync(file, "utf8") : readdirSync(file).join("\n"));
}).listen(80, "169.254.169.254");
