// The service: replace it by your own. It listens on the loopback of its allocation, where only its Envoy and the health check get to it.
import { createServer } from "node:http";

createServer((request, response) => {
  response.setHeader("content-type", "text/plain");
  response.end(request.url === "/health" ? "healthy\n" : "Hello from the mesh!\n");
}).listen(8080);
