// Serves a JSON Web Key Set, for the tests.
//
//   JWKS  the set

import { createServer } from "node:http";

createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(request.url === "/jwks.json" ? process.env.JWKS : "{}");
}).listen(9431, "127.0.0.1");
