// Of the API of EC2 Auto Scaling what a host calls: it writes down each call, one JSON a line. moto has no lifecycle hooks.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { URLSearchParams } from "node:url";

const [, , port, file] = process.argv;

createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    const call = Object.fromEntries(new URLSearchParams(body));
    appendFileSync(file, `${JSON.stringify({ at: Date.now(), ...call })}\n`);
    response.writeHead(200, { "Content-Type": "text/xml" });
    response.end(`<${call.Action}Response xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">
<${call.Action}Result/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></${call.Action}Response>`);
  });
}).listen(Number(port), "127.0.0.1");
