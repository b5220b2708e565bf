// node replay.mjs MODULE.wasm SESSIONS.json: replays every session and compares the digest after every step.
import { readFile } from "node:fs/promises";
import { load } from "./zenb.mjs";

const [module, sessions] = process.argv.slice(2);
const zenb = await load(await readFile(module));
let steps = 0;
for (const session of JSON.parse(await readFile(sessions))) {
  const engine = zenb.open(session.opening);
  const digests = [engine.digest()];
  for (const input of session.inputs) {
    engine.step(input);
    digests.push(engine.digest());
  }
  const found = digests.findIndex((digest, at) => digest !== session.digests[at]);
  if (found !== -1 || digests.length !== session.digests.length) {
    console.error(`${session.name}: diverges at step ${found}`);
    process.exit(1);
  }
  steps += digests.length;
  engine.close();
}
console.log(`wasm32: ${steps} digests as recorded`);
