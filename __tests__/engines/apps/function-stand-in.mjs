// The endpoint of AWS Lambda for the tests, with one function, which returns what it gets. It refuses calls whose signature is not
// that of the credentials of the tests.
// @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
// @see https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:https";
import { buffer } from "node:stream/consumers";

const hash = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

/** Starts it. @param tls its `cert` and `key` */
export function serveFunction(tls, port, { accessKey, secretKey }) {
  createServer(tls, async (request, response) => {
    const body = await buffer(request);
    if (!isSigned(request, body, accessKey, secretKey)) {
      response.writeHead(403).end('{"message":"The request signature does not match."}');
      return;
    }
    const [, name] = /^\/2015-03-31\/functions\/(.+)\/invocations$/.exec(decodeURIComponent(request.url)) ?? [];
    const event = name.endsWith(":echo") ? JSON.parse(body) : body.toString();
    response.setHeader("content-type", "application/json");
    response.end(
      typeof event === "string"
        ? JSON.stringify({ got: event, by: name })
        : JSON.stringify({ statusCode: 201, headers: { "x-by": name }, body: JSON.stringify(event) }),
    );
  }).listen(port);
}

function isSigned({ method, url, headers }, body, accessKey, secretKey) {
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/;
  const [, key, scope, signed, signature] = pattern.exec(headers.authorization ?? "") ?? [];
  if (key !== accessKey) return false;
  const canonical = [
    ...[method, url.split("/").map(encodeURIComponent).join("/"), ""],
    ...signed.split(";").map((name) => `${name}:${headers[name]}`),
    ...["", signed, headers["x-amz-content-sha256"] ?? hash(body)],
  ].join("\n");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hash(canonical)].join("\n");
  const secret = scope.split("/").reduce(hmac, `AWS4${secretKey}`);
  return (
    hmac(secret, text).toString("hex") === signature &&
    [undefined, hash(body)].includes(headers["x-amz-content-sha256"])
  );
}
