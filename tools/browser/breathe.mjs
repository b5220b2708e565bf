// The page at /breathe in headless Chromium: node breathe.mjs CHROMIUM URL [FOLDER FOR PICTURES]
// URL is what `hanse breathe link` prints. Ends with 0 when every claim holds, and prints what was measured.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Browser } from "./devtools.mjs";

const DESK = { width: 1280, height: 800, deviceScaleFactor: 1, mobile: false };
const PHONE = { width: 390, height: 844, deviceScaleFactor: 2, mobile: true };
/** How many times faster than life the recording is played. */
const SPEED = 4;

const [binary, link, folder] = process.argv.slice(2);
const browser = new Browser(binary);
try {
  const told = await walk(await browser.page());
  const strap = await wear(await browser.page());
  console.log(JSON.stringify({ ...told, strap }));
} finally {
  await browser.close();
}

async function walk(page) {
  const picture = async (name) => folder && writeFileSync(join(folder, `${name}.png`), await page.screenshot());
  const screen = (size) => page.call("Emulation.setDeviceMetricsOverride", size);
  const prefer = (scheme, motion = "no-preference") =>
    page.call("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: motion }],
    });
  await screen(DESK);
  await prefer("light");
  await page.call("Page.navigate", { url: `${link}&person=page-guest&speed=${SPEED}` });
  await page.until("document.body?.dataset.ready === 'yes'");
  assert.equal(await page.value("location.hash"), "", "the token stays in the address");
  assert.equal(await page.value("document.querySelectorAll('[data-question]').length"), 12);
  assert.equal(await page.value("document.querySelectorAll('[data-question] :checked').length"), 0, "a question is answered already");
  await picture("prepare");
  await everythingHasAName(page);

  // A question without an answer is no "no": nothing is asked of the node.
  const asked = () => page.requests.filter((url) => url.includes("/v1/")).length;
  await page.value("document.querySelector('#consent').click(), document.querySelector('#demo').click(), true");
  await answer(page, { but: "minor" });
  await page.value("document.querySelector('#demo').click(), true");
  assert.equal(await page.value("document.querySelector('#form').checkValidity()"), false);
  assert.equal(asked(), 0, "an unanswered screen was sent");
  assert.equal(await page.value("document.body.dataset.stage"), "prepare");

  // A yes that forbids starts nothing.
  await page.value("document.querySelector('[name=screen-minor][value=yes]').click(), true");
  await page.value("document.querySelector('#demo').click(), true");
  await page.until("document.querySelector('#complaint').textContent.includes('not today')");
  await page.value("document.querySelector('[name=screen-minor][value=no]').click(), true");

  await page.value("document.querySelector('#demo').click(), true");
  await page.until("document.body.dataset.stage === 'running'");
  const begun = await page.value("document.body.dataset.sessionId");

  // A reload loses neither the token nor the session.
  await page.until("Number(document.body.dataset.beats) > 5", 60_000);
  await page.call("Page.reload");
  await page.until("document.body?.dataset.ready === 'yes' && !document.querySelector('#left').hidden");
  assert.equal(await page.value("document.querySelector('#access').hidden"), true, "the token is asked for again");
  await page.value("document.querySelector('#go-on').click(), true");
  await page.until("document.body.dataset.stage === 'running'");
  assert.equal(await page.value("document.body.dataset.sessionId"), begun, "another session");
  assert.equal(await page.value("document.activeElement.id"), "stop", "the keyboard is not at the stop button");
  await page.until("Number(document.body.dataset.beats) > 20", 60_000);
  await page.until("document.querySelector('#heart').textContent.match(/^[0-9]+$/)", 60_000);

  const moved = await motion(page, 4000);
  assert.ok(moved.span > 0.8, `the pacer moved by ${moved.span} of a breath`);
  // Fullness changes by at most pi / 2 * SPEED / 3.7 s at 6.5 breaths a minute; some room for a slow frame.
  assert.ok(moved.fastest < 0.05, `the pacer jumped by ${moved.fastest}`);
  assert.ok(moved.grown > 50, `the orb grew by ${moved.grown} pixels`);
  const ink = {};
  for (const id of ["#pacer", "#tachogram", "#spectrum"]) {
    ink[id] = await page.value(inked(id));
    assert.ok(ink[id] > 200, `${id} is empty`);
  }
  for (const [name, size] of [["desk", DESK], ["phone", PHONE]]) {
    await screen(size);
    await fits(page, name);
    for (const scheme of ["light", "dark"]) {
      await prefer(scheme);
      await contrasts(page, scheme);
      // The plots take the colours of the time when they are next drawn.
      if (folder) await new Promise((resume) => setTimeout(resume, 500));
      await picture(`running-${name}-${scheme}`);
    }
  }
  await screen(DESK);

  // Who wants less motion gets light that comes and goes, in an orb that keeps its size.
  await prefer("light", "reduce");
  const still = await motion(page, 1500);
  assert.ok(still.grown < 1, `with less motion the orb still grew by ${still.grown} pixels`);

  // Arrow keys ask for another pace; who listens instead of looking is told seldom.
  const pace = await page.value("document.querySelector('#pace').textContent");
  await page.key("ArrowUp", "ArrowUp", 38);
  await page.until(`document.querySelector('#pace').textContent !== '${pace}'`);
  assert.match(await page.value("document.querySelector('#spoken').textContent"), /^[a-z]+\. Pace [0-9.]+, heart /);
  assert.equal(await page.value("document.querySelector('#cue').getAttribute('aria-hidden')"), "true");

  // Escape stops what is seen at once, and the node says what it came to.
  await page.key("Escape", "Escape", 27);
  assert.equal(await page.value("document.body.dataset.stage"), "ended");
  await page.until("document.querySelector('#summary').textContent.includes('stopped')");
  await picture("ended");

  const origin = new URL(link).origin.replace(/^http/, "");
  const elsewhere = page.requests.filter((url) => !url.replace(/^(https?|wss?)/, "").startsWith(origin) && !url.startsWith("about:"));
  assert.deepEqual(elsewhere, [], "the page asked somebody else");
  assert.deepEqual(page.complaints, [], "the console has errors");
  return { ...moved, ink, session: await page.value("document.body.dataset.sessionId") };
}

/** Answers every question with a no, but one. */
async function answer(page, { but }) {
  await page.value(`[...document.querySelectorAll('[data-question] [value=no]')].filter((no) => no.name !== 'screen-${but}').forEach((no) => no.click()), true`);
}

/** A session with a strap, which is lost once and found again. The strap is the test's own: what it sends is not. */
async function wear(page) {
  await page.call("Page.addScriptToEvaluateOnNewDocument", {
    source: `{
      const measurement = Object.assign(new EventTarget(), { startNotifications: async () => {} });
      const service = { getCharacteristic: async (name) => name === "heart_rate_measurement" && measurement };
      const server = { getPrimaryService: async (name) => name === "heart_rate" && service };
      const gatt = { connect: async () => server, disconnect() {} };
      const device = Object.assign(new EventTarget(), { name: "A strap", gatt });
      const bluetooth = { requestDevice: async ({ filters }) => (filters[0].services[0] === "heart_rate" ? device : null) };
      Object.defineProperty(navigator, "bluetooth", { value: bluetooth });
      // The value is a part of a larger buffer, as it may be.
      window.beat = (...bytes) => {
        measurement.value = new DataView(Uint8Array.from([0xff, ...bytes]).buffer, 1);
        measurement.dispatchEvent(new Event("characteristicvaluechanged"));
      };
      window.lose = () => device.dispatchEvent(new Event("gattserverdisconnected"));
    }`,
  });
  await page.call("Page.navigate", { url: `${link}&person=page-strap&protocol=paced` });
  await page.until("document.body?.dataset.ready === 'yes'");
  await answer(page, {});
  await page.value("document.querySelector('#consent').click(), document.querySelector('#strap').click(), true");
  await page.until("document.body.dataset.stage === 'running'");
  await page.until("document.querySelector('#notice').textContent === 'A strap is connected'");
  // Flags: contact known and there, RR; 61 a minute; one interval of 1000/1024 s.
  await page.value("beat(0x16, 0x3d, 0xe8, 0x03), true");
  await page.until("document.body.dataset.beats === '1'");
  await page.value("lose(), true");
  await page.until("document.querySelector('#notice').textContent === 'The strap is back'");
  // Sixteen beats at once are more than there was time for: they are left out, and that is said.
  await page.value("beat(0x16, 0x3d, ...Array.from({ length: 16 }, (_, place) => [0x80 + place, 0x03]).flat()), true");
  await page.until("document.querySelector('#remark').textContent.startsWith('More beats come')");
  await page.value("document.querySelector('#stop').click(), true");
  await page.until("document.querySelector('#summary').textContent.includes('stopped')");

  // What is kept to protect the person is shown to them.
  await page.value("document.querySelector('#again').click(), document.querySelector('#kept summary').click(), true");
  await page.until("document.querySelector('#kept-text').textContent.includes('of 60 minutes')");
  assert.match(await page.value("document.querySelector('#kept-text').textContent"), /Kept until .* Ground: GDPR/);
  assert.deepEqual(page.complaints, [], "the console has errors");
  return page.value("document.body.dataset.sessionId");
}

/** How the pacer moves in `ms`: frames, the span of fullness, its largest leap beyond what time allows, growth in pixels. */
async function motion(page, ms) {
  const seen = await page.value(`new Promise((done) => {
    const seen = [];
    const begun = performance.now();
    const look = (now) => {
      seen.push([now, Number(document.body.dataset.fullness), Number(document.body.dataset.radius)]);
      if (now - begun < ${ms}) requestAnimationFrame(look); else done(seen);
    };
    // The picture of the frame before must be of the same settings.
    requestAnimationFrame(() => requestAnimationFrame(look));
  })`);
  const spread = (place) => Math.max(...seen.map((frame) => frame[place])) - Math.min(...seen.map((frame) => frame[place]));
  const steps = seen.slice(1).map(([at, full], index) => [at - seen[index][0], Math.abs(full - seen[index][1])]);
  const fastest = Math.max(...steps.map(([ms, change]) => change - (ms / 1000) * 3));
  return { frames: seen.length, span: spread(1), fastest, grown: spread(2) };
}

function inked(id) {
  return `(() => { const c = document.querySelector('${id}'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()`;
}

/** Every control has a name for those who do not see it. */
async function everythingHasAName(page) {
  await page.call("Accessibility.enable");
  const { nodes } = await page.call("Accessibility.getFullAXTree");
  const roles = ["button", "checkbox", "combobox", "textbox", "spinbutton", "image"];
  const nameless = nodes.filter((node) => !node.ignored && roles.includes(node.role?.value) && !node.name?.value);
  assert.deepEqual(nameless.map((node) => node.role.value), [], "controls without a name");
}

/** Nothing needs scrolling while one breathes, and the orb lies beneath no number. */
async function fits(page, name) {
  const seen = await page.value(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const box = (id) => document.querySelector(id).getBoundingClientRect();
    done({
      wide: document.documentElement.scrollWidth - innerWidth, high: document.documentElement.scrollHeight - innerHeight,
      gap: box("#panel").top - box("#sky").bottom, stop: innerHeight - box("#stop").bottom,
      touch: Math.min(...[...document.querySelectorAll("#controls button")].map((b) => b.getBoundingClientRect().height)),
    });
  })))`);
  assert.ok(seen.wide <= 0 && seen.high <= 0, `${name}: the page scrolls by ${seen.wide}, ${seen.high}`);
  assert.ok(seen.gap >= 0 && seen.stop >= 0, `${name}: ${JSON.stringify(seen)}`);
  assert.ok(seen.touch >= 24, `${name}: a button is ${seen.touch} pixels high`);
}

/** Text on what is behind it has at least 4.5 : 1 (WCAG 2.2, 1.4.3). */
async function contrasts(page, scheme) {
  const ratios = await page.value(`(() => {
    const style = getComputedStyle(document.documentElement);
    const light = (name) => {
      const digits = style.getPropertyValue(name).trim();
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(digits.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ratio = (one, other) => {
      const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
      return (high + 0.05) / (low + 0.05);
    };
    const pairs = [["--ink", "--ground"], ["--ink", "--ground-edge"], ["--ink-soft", "--ground"], ["--ink-soft", "--ground-edge"], ["--ink", "--field"],
      ["--on-stop", "--stop"], ["--on-act", "--act"], ["--stop", "--ground"]];
    return pairs.map(([one, other]) => [one, other, ratio(one, other)]);
  })()`);
  for (const [one, other, ratio] of ratios) assert.ok(ratio >= 4.5, `${scheme}: ${one} on ${other} has ${ratio.toFixed(2)}`);
}
