// node wasm.mjs MODULE.wasm RECORD.jsonl [CHROMIUM]: recomputes a session's record in WebAssembly, in node and in a browser,
// and compares the digest of the whole state after every step. RECORD is what `hanse breathe --record` writes.

import { readFileSync } from "node:fs";
import { load } from "../zenb/zenb.mjs";
import { Browser } from "./devtools.mjs";

const [module, record, chromium] = process.argv.slice(2);
const events = readFileSync(record, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const of = (type) => events.filter((event) => event.type === type).map((event) => event.data);
const session = {
  opening: of("breath.opened.v1")[0].opening,
  inputs: of("breath.input.v1"),
  digests: of("breath.decided.v1").map((decided) => decided.digest),
};
const bytes = readFileSync(module);

/** The digest after the opening and after each input. Runs in a page as well, so it uses nothing from around it. */
function replay(zenb, { opening, inputs }) {
  const engine = zenb.open(opening);
  const digests = [engine.digest()];
  for (const input of inputs) {
    engine.step(input);
    digests.push(engine.digest());
  }
  engine.close();
  return digests;
}

function compare(where, digests) {
  const found = session.digests.findIndex((digest, step) => digest !== digests[step]);
  if (found !== -1 || digests.length !== session.digests.length) throw new Error(`${where} differs at step ${found}`);
  console.log(`${where}: ${digests.length} digests as recorded`);
}

compare("node", replay(await load(bytes), session));
if (chromium) {
  const browser = new Browser(chromium);
  try {
    const page = await browser.page();
    const library = `data:text/javascript;base64,${readFileSync(new URL("../zenb/zenb.mjs", import.meta.url)).toString("base64")}`;
    const digests = await page.value(`(async () => {
      const { load } = await import(${JSON.stringify(library)});
      const bytes = Uint8Array.from(atob("${bytes.toString("base64")}"), (letter) => letter.charCodeAt(0));
      return (${replay})(await load(bytes), ${JSON.stringify({ opening: session.opening, inputs: session.inputs })});
    })()`);
    compare("chromium", digests);
  } finally {
    await browser.close();
  }
}
