// The engine in a browser or in node: the C ABI over the memory of a WebAssembly module.

const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };

export async function load(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes, {});
  const exports = instance.exports;

  const give = (text) => {
    const bytes = utf8.encode.encode(text);
    const pointer = exports.zenb_text(bytes.length);
    new Uint8Array(exports.memory.buffer).set(bytes, pointer);
    return pointer;
  };
  const take = (pointer) => {
    if (pointer === 0) throw new Error("the engine was given nothing");
    const memory = new Uint8Array(exports.memory.buffer);
    const text = utf8.decode.decode(memory.subarray(pointer, memory.indexOf(0, pointer)));
    exports.zenb_free(pointer);
    return text;
  };
  const withText = (text, call) => {
    const pointer = give(text);
    try {
      return call(pointer);
    } finally {
      exports.zenb_free(pointer);
    }
  };

  return {
    open(opening) {
      const session = withText(JSON.stringify(opening), exports.zenb_open);
      if (session === 0) throw new Error("the opening is not of its form");
      const see = (name) => JSON.parse(take(exports[name](session)));
      return {
        opened: () => see("zenb_opened"),
        view: () => see("zenb_view"),
        pacer: () => see("zenb_pacer"),
        summary: () => see("zenb_summary"),
        digest: () => take(exports.zenb_digest(session)),
        step: (input) =>
          JSON.parse(withText(JSON.stringify(input), (p) => take(exports.zenb_step(session, p)))),
        close: () => exports.zenb_close(session),
      };
    },
  };
}
