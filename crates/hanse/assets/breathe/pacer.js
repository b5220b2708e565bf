// Draws the breath: an orb that fills and empties, petals that open with it, and the heart's own curve laid round it,
// one turn for each breath. A heart that follows draws a smooth, closed line.

const TURN = Math.PI * 2;
const Q32 = 2 ** 32;
/** Milliseconds in which what is measured comes and goes, so that no number flickers in the corner of the eye. */
const FADE_MS = 900;

/** Where in the breath `at_ms` is: cycles since the start, whole part and fraction. */
export function cycles(pacer, at_ms) {
  return pacer.anchor_phase_q32 / Q32 + ((at_ms - pacer.anchor_ms) * pacer.milli_breaths) / 60_000_000;
}

/** How full the lungs are, 0 to 1, and whether they fill. Smooth at both ends, where nobody turns at once. */
export function fullness(pacer, at_ms) {
  const phase = cycles(pacer, at_ms);
  const fraction = phase - Math.floor(phase);
  const inhale = pacer.inhale_permille / 1000;
  const filling = fraction < inhale;
  const part = filling ? fraction / inhale : 1 - (fraction - inhale) / (1 - inhale);
  return { fraction, filling, full: (1 - Math.cos(Math.PI * part)) / 2 };
}

export class PacerView {
  /** Draws on `canvas`, in the middle of the element `space`. */
  constructor(canvas, space) {
    this.canvas = canvas;
    this.space = space;
    this.context = canvas.getContext("2d");
    this.warmth = 0;
    this.presence = 0;
    this.drawn = 0;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.colours();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.colours());
    addEventListener("resize", () => this.fit());
    this.fit();
  }

  colours() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.palette = { glow: colour("--glow"), warm: colour("--glow-warm"), line: colour("--line"), edge: colour("--edge") };
  }

  fit() {
    const scale = Math.min(devicePixelRatio || 1, 2);
    this.canvas.width = innerWidth * scale;
    this.canvas.height = innerHeight * scale;
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  /**
   * One picture at `now` (ms). `breath` comes from `fullness`, `heart` is a list of `{turn, value}` with value -1 to 1, newest
   * last, `following` is 0 to 1, or null when it is not measured. Answers the radius of the orb.
   */
  draw({ now, breath, heart, following, turns }) {
    const { context } = this;
    const { left, top, width, height } = this.space.getBoundingClientRect();
    const fade = 1 - Math.exp(-Math.min(now - this.drawn, 1000) / FADE_MS);
    this.drawn = now;
    this.warmth += ((following ?? 0) - this.warmth) * fade;
    this.presence += ((following === null ? 0.6 : 1) - this.presence) * fade;
    context.clearRect(0, 0, innerWidth, innerHeight);
    const room = Math.min(width, height) * 0.43;
    if (room <= 0) return 0;
    context.save();
    context.translate(left + width / 2, top + height / 2);
    // Who wants less motion sees light come and go, in an orb that keeps its size.
    const full = this.still.matches ? 0.6 : breath.full;
    const light = this.still.matches ? 0.25 + 0.75 * breath.full : 1;
    const radius = room * (0.36 + 0.5 * full);
    this.halo(radius, breath.full);
    if (!this.still.matches) this.petals(radius, full, turns);
    this.orb(radius, full, light);
    this.path(room, breath);
    this.curve(room, heart);
    context.restore();
    return radius;
  }

  halo(radius, full) {
    const reach = radius * (1.5 + 0.25 * full);
    this.disc(0, 0, reach, [[0.45, this.palette.glow, 0.16 + 0.1 * full], [1, this.palette.glow, 0]]);
  }

  petals(radius, full, turns) {
    const count = 8;
    const spread = radius * (0.16 + 0.34 * full);
    const slow = (turns / 16) * TURN;
    for (let petal = 0; petal < count; petal += 1) {
      const angle = slow + (petal / count) * TURN;
      const [x, y] = [Math.cos(angle) * spread, Math.sin(angle) * spread];
      const size = radius * (0.62 + 0.06 * full);
      const isWarm = petal % 2 === 0;
      const strength = isWarm ? 0.04 + 0.14 * this.warmth : 0.14;
      this.disc(x, y, size, [[0, this.palette.glow, 0.02], [0.75, isWarm ? this.palette.warm : this.palette.glow, strength], [1, this.palette.glow, 0.02]]);
    }
  }

  orb(radius, full, light) {
    const { context, palette } = this;
    this.disc(0, 0, radius * 0.86, [
      [0, palette.warm, (0.12 + 0.5 * this.warmth) * light],
      [0.4, palette.glow, (0.34 + 0.16 * full) * light],
      [0.92, palette.glow, 0.12 * light],
      [1, palette.glow, 0.02],
    ]);
    context.strokeStyle = this.tint(palette.glow, 0.55 * light);
    context.lineWidth = 1.25;
    context.beginPath();
    context.arc(0, 0, radius * 0.86, 0, TURN);
    context.stroke();
  }

  // The ring that a bead goes round once a breath: what comes next can be seen, and nobody is surprised.
  path(room, breath) {
    const { context, palette } = this;
    const ring = room * 0.93;
    context.strokeStyle = this.tint(palette.edge, 0.55);
    context.lineWidth = 1;
    context.beginPath();
    context.arc(0, 0, ring, 0, TURN);
    context.stroke();
    const angle = breath.fraction * TURN - TURN / 4;
    context.lineWidth = 2.5;
    for (let part = 0; part < 12; part += 1) {
      context.strokeStyle = this.tint(palette.glow, 0.75 * ((part + 1) / 12) ** 2);
      context.beginPath();
      context.arc(0, 0, ring, angle - 0.7 + (part / 12) * 0.7, angle - 0.7 + ((part + 1) / 12) * 0.7);
      context.stroke();
    }
    context.fillStyle = this.tint(palette.line, 1);
    context.beginPath();
    context.arc(Math.cos(angle) * ring, Math.sin(angle) * ring, 5, 0, TURN);
    context.fill();
  }

  // The heart's curve of the last two breaths, smooth between the beats; older beats fade.
  curve(room, heart) {
    const { context, palette } = this;
    context.lineWidth = 2;
    for (let index = 1; index < heart.length; index += 1) {
      const around = [-2, -1, 0, 1].map((step) => heart[Math.max(0, Math.min(heart.length - 1, index + step))]);
      context.strokeStyle = this.tint(palette.line, 0.7 * (index / heart.length) ** 1.5);
      context.beginPath();
      for (let part = 0; part <= 10; part += 1) {
        const share = part / 10;
        const turn = around[1].turn + (around[2].turn - around[1].turn) * share;
        const distance = room * (1.06 + 0.1 * between(around.map(({ value }) => value), share));
        const angle = turn * TURN - TURN / 4;
        context.lineTo(Math.cos(angle) * distance, Math.sin(angle) * distance);
      }
      context.stroke();
    }
  }

  /** A disc whose colours go outwards by `stops`: `[place, colour, strength]`. */
  disc(x, y, radius, stops) {
    const { context } = this;
    const shade = context.createRadialGradient(x, y, 0, x, y, radius);
    for (const [place, colour, strength] of stops) shade.addColorStop(place, this.tint(colour, strength));
    context.fillStyle = shade;
    context.beginPath();
    context.arc(x, y, radius, 0, TURN);
    context.fill();
  }

  tint(colour, strength) {
    // The colour stays where it is clear: a gradient towards mere "transparent" would go through grey.
    const alpha = Math.round(Math.max(0, Math.min(1, strength * this.presence)) * 255);
    return colour + alpha.toString(16).padStart(2, "0");
  }
}

/** The value at `share` of the way from the second to the third of four points (Catmull and Rom 1974). */
function between([before, from, to, after], share) {
  const bend = 2 * before - 5 * from + 4 * to - after + share * (3 * (from - to) + after - before);
  return from + (share / 2) * (to - before + share * bend);
}
