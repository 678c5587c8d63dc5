// Messages of Protocol Buffers, as far as the programs of the tests need them: fields with bytes.
// @see https://protobuf.dev/programming-guides/encoding/

/** A field of a Protocol Buffers message with bytes. */
export function field(number, content) {
  const bytes = Buffer.from(content);
  const length = [];
  for (let rest = bytes.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

/** The values of a field of a Protocol Buffers message that has bytes for a value. */
export function fields(content, wanted) {
  const values = [];
  for (let at = 0; at < content.length;) {
    const varint = () => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = content[at++];
        value += (byte & 127) * 2 ** shift;
        if (byte < 128) return value;
      }
    };
    const key = varint();
    const type = key % 8;
    if (type === 0) varint();
    else {
      const length = type === 1 ? 8 : type === 5 ? 4 : varint();
      if (type === 2 && Math.floor(key / 8) === wanted) values.push(content.subarray(at, at + length));
      at += length;
    }
  }
  return values;
}
