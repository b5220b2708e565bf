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

// ---- what a reload must not lose

/** The token and the session of this tab, until it is closed. A browser may forbid to keep anything. */
const kept = {
  get(name) {
    try {
      return JSON.parse(sessionStorage.getItem(name));
    } catch {
      return null;
    }
  },
  set(name, value) {
    try {
      if (value === null) sessionStorage.removeItem(name);
      else sessionStorage.setItem(name, JSON.stringify(value));
    } catch {
      // Then a reload loses it.
    }
  },
};

// ---- prepare

async function prepare() {
  if (query.has("token")) {
    element("token").value = query.get("token");
    element("access").hidden = true;
    // A token in the address would stay in the history.
    history.replaceState(null, "", location.pathname);
  }
  if (!element("token").value && kept.get("token")) {
    element("token").value = kept.get("token");
    element("access").hidden = true;
  }
  for (const name of ["person", "minutes", "protocol"]) if (query.has(name)) element(name).value = query.get(name);
  const { questions } = await RemoteEngine.questions();
  element("questions").replaceChildren(
    ...questions.map(({ question, text }) => {
      const asked = Object.assign(document.createElement("fieldset"), { className: "ask" });
      asked.append(Object.assign(document.createElement("legend"), { textContent: text }));
      for (const answer of ["yes", "no"]) {
        const label = document.createElement("label");
        const radio = { type: "radio", name: `screen-${question}`, value: answer, required: true };
        label.append(Object.assign(document.createElement("input"), radio), ` ${answer}`);
        asked.append(label);
      }
      asked.dataset.question = question;
      return asked;
    }),
  );
  await offerLeft();
  document.body.dataset.ready = "yes";
}

async function begin(event) {
  event.preventDefault();
  complain(null);
  const source = event.submitter?.value === "demo" ? new Recording(element("recording").value, Number(query.get("speed") ?? 1)) : new Strap();
  const buttons = [element("strap"), element("demo")];
  for (const button of buttons) button.disabled = true;
  try {
    await source.choose();
    await open(source);
  } catch (error) {
    session = null;
    complain(error);
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

/** What the form says, in the words of the API. What was not answered is left out, and the node refuses it. */
function opening(source) {
  const kind = element("protocol").value;
  const minutes = Number(element("minutes").value);
  const answered = [...document.querySelectorAll("[data-question]:has(input:checked)")];
  return {
    person: source.person ?? element("person").value,
    clock: source.clock,
    protocol: kind.startsWith("assess") ? { kind } : { kind, minutes },
    screen: {
      answers: answered.map((asked) => ({ question: asked.dataset.question, yes: asked.querySelector(":checked").value === "yes" })),
      clinician_agreed: element("acknowledge").checked,
    },
  };
}

/** Says what went wrong, and offers to stop a session that stands in the way. */
function complain(error) {
  element("complaint").textContent = error?.message ?? "";
  element("stop-other").hidden = !error?.other;
  element("stop-other").dataset.session = error?.other ?? "";
}

const engineOf = () => new RemoteEngine(element("token").value.trim());

async function stopOther() {
  try {
    await engineOf().stop(element("stop-other").dataset.session);
    complain(new Error("It was stopped. You can begin now."));
  } catch (error) {
    complain(error);
  }
}

/** What protects the person, in words. */
async function tellKept() {
  const text = element("kept-text");
  try {
    const safety = await engineOf().safety(element("person").value);
    if (!safety) return (text.textContent = "Nothing so far.");
    const minutes = (ms) => Math.round(ms / 60_000);
    const lines = [`Paced for ${minutes(safety.breathed_ms)} of ${minutes(safety.day_dose_ms)} minutes in the last 24 hours.`];
    for (const { practice, until } of safety.inhibitions) {
      if (new Date(until) > new Date()) lines.push(`The practice "${practice}" rests until ${new Date(until).toLocaleString()}.`);
    }
    if (safety.kept_until) lines.push(`Kept until ${new Date(safety.kept_until).toLocaleString()}. Ground: ${safety.ground}.`);
    text.textContent = lines.join(" ");
  } catch (error) {
    text.textContent = error.message;
  }
}

/** A session that this page was feeding when it was loaded again. */
let left = null;

async function offerLeft() {
  const before = kept.get("session");
  if (!before || !element("token").value) return;
  const engine = engineOf();
  const found = await engine.resume(before.id).catch(() => null);
  if (!found) return kept.set("session", null);
  left = { ...before, engine };
  element("left").hidden = false;
}

async function goOn() {
  const source = left.recording ? new Recording(left.recording, left.speed) : new Strap();
  try {
    await source.choose();
    await follow(left.engine, source);
    element("left").hidden = true;
  } catch (error) {
    session = null;
    complain(error);
  }
}

async function stopLeft() {
  try {
    await left.engine.stop(left.id);
    kept.set("session", null);
    element("left").hidden = true;
  } catch (error) {
    complain(error);
  }
}

/** Why a session may not start, or nothing. */
const HELD = {
  screen_refused: "What you answered means: not today. Nothing was started.",
  inhibited: "The last time did not go well, so this practice rests for some hours.",
  inhibitions_not_loaded: "The node cannot read what happened before, so it starts nothing.",
  day_dose_spent: "That was enough for one day.",
};

async function open(source) {
  const engine = engineOf();
  kept.set("token", engine.token);
  const opened = await engine.open(opening(source));
  const held = opened.decisions.map(({ code }) => HELD[code]).find(Boolean);
  if (held) throw new Error(held);
  kept.set("session", { id: opened.id, recording: source.name ?? null, speed: source.speed });
  await follow(engine, source);
}

/** Feeds a session, from where it is. */
async function follow(engine, source) {
  const own = new Session(engine, source);
  session = own;
  engine.onframe = (frame) => take(own, frame);
  engine.onlost = () => say("The connection is gone. The pacer holds its pace; stop whenever you like.");
  const first = await engine.connect();
  if (first.status === "open") session.send(source.stamp({ kind: "start" }));
  await source.start((input) => session?.send(input), say, first.at_ms);
  if (!session.ended) stage("running");
}

// ---- breathe

function take(current, frame) {
  // Nothing comes after the end: what is late is not told.
  if (current.over) return;
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
  for (const { code, detail } of frame.refused ?? []) {
    say(detail);
    // A start that is refused is no session: the form says why.
    if (frame.status === "open" && code !== "backstep") return refuseStart(current, detail);
  }
  numbers(current);
  speak(current);
  if (frame.status === "ended") end(current, { text: told(frame.summary) });
}

function refuseStart(current, detail) {
  over(current);
  session = null;
  complain(new Error(detail));
  stage("prepare");
}

/** Feeds and hears a session no more. */
function over(current) {
  current.source.stop();
  current.engine.close();
  Object.assign(current, { ended: true, over: true, pacer: rest });
  kept.set("session", null);
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
  if (element("remark").textContent !== remark(view)) element("remark").textContent = remark(view);
  show("mode", view.mode === "unmeasured" ? null : view.mode, words);
  const seconds = Math.floor(clock.at() / 1000);
  element("time").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** What is to be known of the beats: by what the engine says of them, the gravest first. */
const REMARKS = {
  millis: "The strap sends milliseconds where 1/1024 s should be: times read 2.3 % short, rates as much too high. Nothing is corrected.",
  ticks: "The intervals are 1/1024 s where milliseconds should be: times read 2.4 % long, rates as much too low. Nothing is corrected.",
  irregular: "Your heart beats without an order that a breath could have made. Nothing is measured but its rate, and the pace does not adapt.",
  repeated: "Beats come twice. Those that came before are left out.",
  overlap: "Beats come again with the next ones, and are left out then.",
  ahead: "More beats come than there is time for. Some are left out.",
};

const remark = ({ features }) =>
  REMARKS[features.other_unit ?? (features.irregular_since !== null ? "irregular" : features.left_out)] ?? "";

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
  const stopped = current.ended;
  over(current);
  if (!stopped) element("outcome").textContent = "Finished";
  element("summary").textContent = summary.text;
  stage("ended");
}

element("form").addEventListener("submit", begin);
element("stop-other").addEventListener("click", stopOther);
element("go-on").addEventListener("click", goOn);
element("stop-left").addEventListener("click", stopLeft);
element("kept").addEventListener("toggle", () => element("kept").open && tellKept());
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
