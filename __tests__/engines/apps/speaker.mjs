// A gRPC service of one method, /speaker.Speaker/Say: it answers each message with its own name and the message.
import { createServer } from "node:http2";
import process from "node:process";
import { buffer } from "node:stream/consumers";

const { NAME, PORT } = process.env;

createServer()
  .on("stream", async (stream, headers) => {
    const isKnown = headers[":path"] === "/speaker.Speaker/Say";
    // A message of gRPC is its length, in 5 bytes, and itself; here text instead of Protocol Buffers.
    const word = (await buffer(stream)).subarray(5);
    const said = Buffer.concat([Buffer.from(`${NAME}: `), word]);
    const length = Buffer.alloc(5);
    length.writeUInt32BE(said.length, 1);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": isKnown ? "0" : "12" }));
    stream.end(isKnown ? Buffer.concat([length, said]) : undefined);
  })
  .listen(Number(PORT), "127.0.0.1");
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
