// Serves a JSON Web Key Set, for the tests: by HTTP on port 9431, and by HTTPS on port 9432.
//
//   JWKS               the set
//   CERTIFICATE, KEY   PEM

import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import process from "node:process";

const { JWKS, CERTIFICATE: cert, KEY: key } = process.env;

function answer({ url }, response) {
  response.setHeader("content-type", "application/json");
  response.end(url === "/jwks.json" ? JWKS : "{}");
}

createServer(answer).listen(9431, "127.0.0.1");
createSecureServer({ cert, key }, answer).listen(9432, "127.0.0.1");
