// The service: replace it by your own. It listens on the loopback of its allocation, which only its Envoy can reach.
import { createServer } from "node:http";

createServer((request, response) => {
  response.setHeader("content-type", "text/plain");
  response.end(request.url === "/health" ? "healthy\n" : "Hello from the mesh!\n");
}).listen(8080);
