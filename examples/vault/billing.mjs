// Answers with the name under which the database knows it. It reads its password for each request, so it needs no restart.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import process from "node:process";

const [host, port] = process.env.DATABASE.split(":");

createServer((_, response) => {
  const { username, password } = JSON.parse(readFileSync(`${process.env.NOMAD_SECRETS_DIR}/database.json`, "utf8"));
  const env = { ...process.env, PGUSER: username, PGPASSWORD: password, PGCONNECT_TIMEOUT: "5" };
  const address = `host=${host} port=${port} dbname=postgres`;
  execFile("psql", [address, "-tA", "-c", "select current_user"], { env }, (error, stdout) => {
    response.writeHead(error ? 502 : 200).end(error ? "The database refuses.\n" : stdout);
  });
}).listen(8080);
