// The page: prepare, breathe, end. What is shown comes from the engine's frames; nothing is computed twice here.

import { EngineClock, RemoteEngine } from "./engine.js";
import { PacerView, cycles, fullness } from "./pacer.js";
import { spectrum, tachogram } from "./charts.js";
import { Recording, Strap } from "./sources.js";

const element = (id) => document.getElementById(id);
const view = new PacerView(element("pacer"));
const rest = { anchor_ms: 0, anchor_phase_q32: 0, milli_breaths: 6000, inhale_permille: 400, measured: false };
const query = new URLSearchParams(location.hash.slice(1));

/** What the running session knows. */
let session = null;

class Session {
  constructor(engine, source) {
    this.engine = engine;
    this.source = source;
    this.clock = new EngineClock(source.speed);
    this.pacer = rest;
    this.view = {};
    this.beats = [];
    this.spectrum = [];
    this.beat_ms = 0;
    this.ended = false;
  }

  send(input) {
    if (!this.ended && !this.engine.send(input)) say("The connection is gone. The pacer holds its pace.");
  }
}

function stage(name) {
  document.body.dataset.stage = name;
  // For whoever watches from outside, as a test does.
  document.body.dataset.sessionId = session?.engine.session?.id ?? "";
}

function say(text) {
  element("notice").textContent = text;
}

// ---- prepare

async function prepare() {
  if (query.has("token")) {
    element("token").value = query.get("token");
    element("access").hidden = true;
    // A token in the address would stay in the history.
    history.replaceState(null, "", location.pathname);
  }
  for (const name of ["person", "context", "minutes", "protocol"]) if (query.has(name)) element(name).value = query.get(name);
  const { questions } = await RemoteEngine.questions();
  element("questions").replaceChildren(
    ...questions.map(({ id, text }) => {
      const label = document.createElement("label");
      label.className = "check";
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "screen", value: id });
      label.append(box, ` ${text}`);
      return label;
    }),
  );
  document.body.dataset.ready = "yes";
}

async function begin(event) {
  event.preventDefault();
  element("complaint").textContent = "";
  const source = event.submitter?.value === "demo" ? new Recording(element("recording").value, Number(query.get("speed") ?? 1)) : new Strap();
  const buttons = [element("strap"), element("demo")];
  for (const button of buttons) button.disabled = true;
  try {
    await source.choose();
    await open(source);
  } catch (error) {
    session = null;
    element("complaint").textContent = error.message;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

async function open(source) {
  const engine = new RemoteEngine(element("token").value.trim());
  const yes = [...document.querySelectorAll("input[name=screen]:checked")].map((box) => box.value);
  await engine.open({
    person: element("person").value,
    context: element("context").value,
    clock: source.clock,
    protocol: { kind: element("protocol").value, minutes: Number(element("minutes").value) },
    screen: { yes, acknowledged: element("acknowledge").checked },
  });
  session = new Session(engine, source);
  engine.onframe = (frame) => take(session, frame);
  engine.onlost = () => say("The connection is gone. The pacer holds its pace; stop whenever you like.");
  await engine.connect();
  session.send(source.clock === "host" ? { kind: "start" } : { kind: "start", at_ms: 0 });
  await source.start((input) => session?.send(input), say);
  if (!session.ended) stage("running");
}

// ---- breathe

function take(current, frame) {
  if (frame.kind === "hold") return say(`${frame.detail}. The pacer holds its pace.`);
  if (frame.kind !== "state") return;
  current.clock.learn(frame.at_ms);
  current.pacer = frame.pacer;
  current.view = frame.view;
  if (frame.spectrum) current.spectrum = frame.spectrum;
  for (const rr of frame.beats ?? []) {
    current.beat_ms = current.beats.length ? current.beat_ms + (rr * 1000) / 1024 : frame.at_ms;
    // Beats are placed by their own intervals; a gap moves them to where the engine is.
    if (Math.abs(current.beat_ms - frame.at_ms) > 4000) current.beat_ms = frame.at_ms;
    current.beats.push({ at_ms: current.beat_ms, bpm: (60 * 1024) / rr });
  }
  if (current.beats.length > 400) current.beats.splice(0, current.beats.length - 400);
  numbers(current);
  if (frame.ended) end(current, frame.ended);
}

const known = (measured, show) => (measured === null || measured === undefined ? "not measured" : show(measured));

function numbers({ view, pacer, clock }) {
  element("heart").textContent = known(view.heart_milli_bpm, (rate) => String(Math.round(rate / 1000)));
  element("pace").textContent = `${(pacer.milli_breaths / 1000).toFixed(1)} /min`;
  element("following").textContent = known(view.following_permille, (share) => `${Math.round(share / 10)} %`);
  element("mode").textContent = view.mode ?? "–";
  const seconds = Math.floor(clock.at() / 1000);
  element("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** The heart's last two breaths as points on the ring. */
function heartCurve({ beats, pacer, clock }) {
  const now = clock.at();
  const span = (2 * 60_000_000) / pacer.milli_breaths;
  const recent = beats.filter((beat) => beat.at_ms > now - span);
  if (recent.length < 3) return [];
  const rates = recent.map((beat) => beat.bpm);
  const middle = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const reach = Math.max(4, ...rates.map((rate) => Math.abs(rate - middle)));
  return recent.map((beat) => ({ turn: cycles(pacer, beat.at_ms) % 1, value: (beat.bpm - middle) / reach }));
}

let charted = 0;

function picture(now) {
  const current = session;
  const clock_ms = current && !current.ended ? current.clock.at(now) : now;
  const pacer = current?.pacer ?? rest;
  const breath = fullness(pacer, clock_ms);
  const following = current?.view.following_permille ?? null;
  view.draw({
    breath,
    heart: current ? heartCurve(current) : [],
    following: following === null ? null : following / 1000,
    turns: cycles(pacer, clock_ms),
  });
  element("cue").textContent = breath.filling ? "in" : "out";
  document.body.dataset.fullness = breath.full.toFixed(4);
  if (current && !current.ended && now - charted > 250) {
    charted = now;
    tachogram(element("tachogram"), current.beats, clock_ms, (at) => fullness(pacer, at).full);
    spectrum(element("spectrum"), current.spectrum, pacer.milli_breaths);
  }
  requestAnimationFrame(picture);
}

// ---- end

/** Stops what is seen at once; the node is told, and need not answer. */
function stop() {
  if (!session || session.ended) return stage("prepare");
  const current = session;
  current.source.stop();
  current.send(current.source.clock === "host" ? { kind: "stop" } : { kind: "stop", at_ms: Math.ceil(current.clock.at()) });
  current.ended = true;
  element("outcome").textContent = "Stopped";
  element("summary").textContent = "The pacer stopped. Breathe as you like.";
  say("");
  stage("ended");
}

function end(current, summary) {
  current.source.stop();
  current.engine.close();
  const stopped = current.ended;
  current.ended = true;
  if (!stopped) element("outcome").textContent = "Finished";
  element("summary").textContent = summary.text;
  stage("ended");
}

element("form").addEventListener("submit", begin);
element("stop").addEventListener("click", stop);
element("again").addEventListener("click", () => {
  session = null;
  stage("prepare");
});
const wish = (kind) => session?.send(session.source.clock === "host" ? { kind } : { kind, at_ms: Math.ceil(session.clock.at()) });
element("slower").addEventListener("click", () => wish("slower"));
element("faster").addEventListener("click", () => wish("faster"));
for (const button of document.querySelectorAll("[data-feeling]")) {
  button.addEventListener("click", () => {
    const input = { kind: "feeling", feeling: button.dataset.feeling };
    session?.send(session.source.clock === "host" ? input : { ...input, at_ms: Math.ceil(session.clock.at()) });
    say("Noted.");
  });
}
addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  if (document.body.dataset.stage !== "running") return;
  if (event.key === "ArrowUp") wish("faster");
  if (event.key === "ArrowDown") wish("slower");
});
requestAnimationFrame(picture);
prepare().catch((error) => {
  element("complaint").textContent = error.message;
});
