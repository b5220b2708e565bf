// The page at /breathe in headless Chromium: node breathe.mjs CHROMIUM URL [FOLDER FOR PICTURES]
// URL is what `hanse breathe link` prints. Ends with 0 when every claim holds, and prints what was measured.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser } from "./devtools.mjs";

const [binary, link, folder] = process.argv.slice(2);
const browser = new Browser(binary);
try {
  const page = await browser.page();
  const told = await walk(page);
  console.log(JSON.stringify(told));
} finally {
  await browser.close();
}

async function walk(page) {
  const picture = async (name) => folder && writeFileSync(join(folder, `${name}.png`), await page.screenshot());
  await page.call("Emulation.setDeviceMetricsOverride", { width: 1200, height: 860, deviceScaleFactor: 1, mobile: false });
  await page.call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: "light" }] });
  await page.call("Page.navigate", { url: `${link}&person=page-guest&speed=4` });
  await page.until("document.body.dataset.ready === 'yes'");
  assert.equal(await page.value("location.hash"), "", "the token stays in the address");
  assert.equal(await page.value("document.querySelectorAll('input[name=screen]').length"), 12);
  await picture("prepare");

  // A yes that forbids starts nothing.
  await page.value("document.querySelector('#consent').click(), document.querySelector('input[value=minor]').click(), true");
  await page.value("document.querySelector('#demo').click(), true");
  await page.until("document.querySelector('#complaint').textContent.includes('not today')");
  await page.value("document.querySelector('input[value=minor]').click(), true");

  await page.value("document.querySelector('#demo').click(), true");
  await page.until("document.body.dataset.stage === 'running'");
  await page.until("Number(document.body.dataset.beats) > 20", 30_000);
  await page.until("document.querySelector('#heart').textContent.match(/^[0-9]+$/)", 30_000);

  // The pacer moves, and never by a jump: at 4 times the speed and 6.5 breaths a minute, the fullness changes by less than
  // pi / 2 * 4 / 3.7 s, with room for a slow frame.
  const seen = await page.value(`new Promise((done) => {
    const seen = [];
    const begun = performance.now();
    const look = (now) => {
      seen.push([now, Number(document.body.dataset.fullness)]);
      if (now - begun < 4000) requestAnimationFrame(look); else done(seen);
    };
    requestAnimationFrame(look);
  })`);
  const steps = seen.slice(1).map(([at, full], index) => [at - seen[index][0], Math.abs(full - seen[index][1])]);
  const span = Math.max(...seen.map(([, full]) => full)) - Math.min(...seen.map(([, full]) => full));
  assert.ok(span > 0.8, `the pacer moved by ${span} of a breath`);
  const fastest = Math.max(...steps.map(([ms, change]) => change - (ms / 1000) * 3));
  assert.ok(fastest < 0.05, `the pacer jumped by ${fastest}`);
  assert.ok(await page.value("document.querySelector('#stop').checkVisibility()"), "the stop button is hidden");
  const inked = (id) => `(() => { const c = document.querySelector('${id}'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()`;
  const ink = {};
  for (const id of ["#pacer", "#tachogram", "#spectrum"]) {
    ink[id] = await page.value(inked(id));
    assert.ok(ink[id] > 200, `${id} is empty`);
  }
  await picture("running-light");
  const light = await page.value("getComputedStyle(document.body).color");
  await page.call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: "dark" }] });
  assert.notEqual(await page.value("getComputedStyle(document.body).color"), light, "dark looks like light");
  await new Promise((resume) => setTimeout(resume, 500));
  await picture("running-dark");

  // Escape stops what is seen at once, and the node says what it came to.
  await page.key("Escape", "Escape", 27);
  assert.equal(await page.value("document.body.dataset.stage"), "ended");
  await page.until("document.querySelector('#summary').textContent.includes('stopped')");
  await picture("ended");

  const origin = new URL(link).origin.replace(/^http/, "");
  const elsewhere = page.requests.filter((url) => !url.replace(/^(https?|wss?)/, "").startsWith(origin) && !url.startsWith("about:"));
  assert.deepEqual(elsewhere, [], "the page asked somebody else");
  assert.deepEqual(page.complaints, [], "the console has errors");
  return { frames: seen.length, span, fastest, ink, session: await page.value("document.body.dataset.sessionId") };
}
