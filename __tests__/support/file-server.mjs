// Serves a folder by HTTPS. Arguments: folder, port, certificate, key.
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer } from "node:https";
import { join, normalize } from "node:path";

const [folder, port, cert, key] = process.argv.slice(2);
createServer({ cert: readFileSync(cert), key: readFileSync(key) }, ({ url }, response) => {
  const file = join(folder, normalize(decodeURIComponent(new URL(url, "https://localhost").pathname)));
  console.log(file);
  const status = statSync(file, { throwIfNoEntry: false });
  if (!status?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-length": status.size });
  createReadStream(file).pipe(response);
}).listen(Number(port), "127.0.0.1");
