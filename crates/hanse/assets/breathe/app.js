// The page: prepare, breathe, end. What is shown comes from the engine's frames; nothing is computed twice here.

import { EngineClock, RemoteEngine } from "./engine.js";
import { PacerView, cycles, fullness } from "./pacer.js";
import { spectrum, tachogram } from "./charts.js";
import { Recording, Strap } from "./sources.js";

const element = (id) => document.getElementById(id);
const view = new PacerView(element("pacer"), element("sky"));
const rest = { running: false, anchor_ms: 0, anchor_phase_q32: 0, milli_breaths: 6000, inhale_permille: 400, measured: false, valid_until_ms: 0 };
const query = new URLSearchParams(location.hash.slice(1));

/** What the running session knows. */
let session = null;

class Session {
  constructor(engine, source) {
    this.engine = engine;
    this.source = source;
    this.clock = new EngineClock(source.speed);
    this.pacer = rest;
    /** Every pace that was followed lately, oldest first, for the breath of the last two minutes. */
    this.paces = [];
    this.view = {};
    this.spoken = { at_ms: 0, mode: null };
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
  keepAwake(name === "running");
  if (name === "running") element("stop").focus();
  if (name === "ended") element("outcome").focus();
  // For whoever watches from outside, as a test does.
  document.body.dataset.sessionId = session?.engine.session?.id ?? "";
}

let awake = null;

/** Keeps the screen on while one breathes, where the browser can. */
async function keepAwake(wanted) {
  if (!wanted) return awake?.release();
  awake = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
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
  for (const name of ["person", "minutes", "protocol"]) if (query.has(name)) element(name).value = query.get(name);
  const { questions } = await RemoteEngine.questions();
  element("questions").replaceChildren(
    ...questions.map(({ question, text }) => {
      const label = document.createElement("label");
      label.className = "check";
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "screen", value: question });
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

/** What the form says, in the words of the API. Every question has an answer: what is not ticked is a no. */
function opening(source) {
  const kind = element("protocol").value;
  const minutes = Number(element("minutes").value);
  const boxes = [...document.querySelectorAll("input[name=screen]")];
  return {
    person: element("person").value,
    clock: source.clock,
    protocol: kind.startsWith("assess") ? { kind } : { kind, minutes },
    screen: {
      answers: boxes.map((box) => ({ question: box.value, yes: box.checked })),
      clinician_agreed: element("acknowledge").checked,
    },
  };
}

/** Why a session may not start, or nothing. */
const HELD = {
  screen_refused: "What you ticked means: not today. Nothing was started.",
  inhibited: "The last time did not go well, so this practice rests for some hours.",
  inhibitions_not_loaded: "The node cannot read what happened before, so it starts nothing.",
  day_dose_spent: "That was enough for one day.",
};

async function open(source) {
  const engine = new RemoteEngine(element("token").value.trim());
  const opened = await engine.open(opening(source));
  const held = opened.decisions.map(({ code }) => HELD[code]).find(Boolean);
  if (held) throw new Error(held);
  session = new Session(engine, source);
  engine.onframe = (frame) => take(session, frame);
  engine.onlost = () => say("The connection is gone. The pacer holds its pace; stop whenever you like.");
  await engine.connect();
  session.send(source.stamp({ kind: "start" }));
  await source.start((input) => session?.send(input), say);
  if (!session.ended) stage("running");
}

// ---- breathe

function take(current, frame) {
  if (frame.kind === "hold") return say(`${frame.detail}. The pacer holds its pace.`);
  if (frame.kind === "refused") return say(frame.detail);
  if (frame.kind === "erased") return end(current, { text: "The session was erased." });
  current.clock.learn(frame.at_ms);
  if (frame.pacer.running && frame.pacer.anchor_ms !== current.pacer.anchor_ms) current.paces.push(frame.pacer);
  if (current.paces.length > 100) current.paces.shift();
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
  document.body.dataset.beats = String(current.beats.length);
  for (const { detail } of frame.refused ?? []) say(detail);
  numbers(current);
  speak(current);
  if (frame.status === "ended") end(current, { text: told(frame.summary) });
}

/** A measured value, or null. */
const value = (measured) => measured?.known?.value ?? null;
const known = (found, show) => (found === null ? "not measured" : show(found));
const words = (text) => (text ?? "–").replaceAll("_", " ");
const following = ({ features }) => value(features?.following)?.share_permille ?? null;

const heartRate = ({ features }) => value(features.heart_rate_milli_bpm);

function show(id, found, text) {
  element(id).textContent = known(found, text);
  element(id).classList.toggle("unmeasured", found === null);
}

function numbers({ view, pacer, clock }) {
  show("heart", heartRate(view), (rate) => String(Math.round(rate / 1000)));
  element("pace").textContent = (pacer.milli_breaths / 1000).toFixed(1);
  show("following", following(view), (share) => `${Math.round(share / 10)} %`);
  show("mode", view.mode === "unmeasured" ? null : view.mode, words);
  const seconds = Math.floor(clock.at() / 1000);
  element("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Tells who listens instead of looking how it goes: when that changes, and every minute, never more often than every 15 s. */
function speak({ view, pacer, clock, spoken }) {
  const since = clock.at() - spoken.at_ms;
  if (!pacer.running || since < (view.mode === spoken.mode ? 60_000 : 15_000)) return;
  Object.assign(spoken, { at_ms: clock.at(), mode: view.mode });
  const heart = known(heartRate(view), (rate) => `${Math.round(rate / 1000)} a minute`);
  element("spoken").textContent = `${words(view.mode)}. Pace ${(pacer.milli_breaths / 1000).toFixed(1)}, heart ${heart}.`;
}

/** How full the lungs were at a moment of the session, by the pace of then. */
function fullnessThen({ paces, pacer }, at_ms) {
  const then = paces.findLast(({ anchor_ms }) => anchor_ms <= at_ms) ?? pacer;
  return fullness(then, at_ms).full;
}

/** What a session came to, in a sentence or two. */
function told(summary) {
  const minutes = (summary.breathed_ms / 60_000).toFixed(1);
  const finding = summary.verdict?.finding;
  const lines = [`${minutes} minutes of breathing, ${words(summary.outcome)}.`];
  if (finding?.rate) lines.push(`Your heart answered most at ${(finding.rate.milli_breaths / 1000).toFixed(1)} breaths a minute.`);
  if (finding?.criteria_disagree) lines.push("The criteria disagree, so there is no one rate to tell.");
  if (finding?.inconclusive) lines.push("Nothing stood out of the noise; that happens, and is an answer.");
  if (summary.inhibition) lines.push("This practice rests for a while.");
  return lines.join(" ");
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
  return recent.map((beat) => ({ turn: cycles(pacer, beat.at_ms), value: (beat.bpm - middle) / reach }));
}

let charted = 0;

function picture(now) {
  const current = session;
  const clock_ms = current && !current.ended ? current.clock.at(now) : now;
  const pacer = current?.pacer ?? rest;
  const breath = fullness(pacer, clock_ms);
  // What was not heard of for long is held, and no longer shown as measured.
  const isFresh = pacer.running && clock_ms <= pacer.valid_until_ms;
  const share = current && isFresh ? following(current.view) : null;
  const radius = view.draw({
    now,
    breath,
    heart: current && isFresh ? heartCurve(current) : [],
    following: share === null ? null : share / 1000,
    turns: cycles(pacer, clock_ms),
  });
  const isResting = current && !pacer.running;
  element("cue").textContent = isResting ? "rest" : breath.filling ? "in" : "out";
  document.body.dataset.fullness = breath.full.toFixed(4);
  document.body.dataset.radius = radius.toFixed(1);
  if (current && !current.ended && now - charted > 250) {
    charted = now;
    tachogram(element("tachogram"), current.beats, clock_ms, (at) => fullnessThen(current, at));
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
  current.send(current.source.stamp({ kind: "stop" }));
  current.ended = true;
  current.pacer = rest;
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
  current.pacer = rest;
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
const wish = (kind) => session?.send(session.source.stamp({ kind }));
element("slower").addEventListener("click", () => wish("slower"));
element("faster").addEventListener("click", () => wish("faster"));
for (const button of document.querySelectorAll("[data-feeling]")) {
  button.addEventListener("click", () => {
    session?.send(session.source.stamp({ kind: "feeling", feeling: button.dataset.feeling }));
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
