// Draws the breath: an orb that fills and empties, petals that open with it, and the heart's own curve laid round it,
// one turn for each breath. A heart that follows draws a smooth, closed line.

const TURN = Math.PI * 2;
const Q32 = 2 ** 32;

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
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.warmth = 0;
    this.presence = 0;
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
   * One picture. `breath` comes from `fullness`, `heart` is a list of `{turn, value}` with value -1 to 1, newest last,
   * `following` is 0 to 1, or null when it is not measured.
   */
  draw({ breath, heart, following, turns }) {
    const { context } = this;
    const [width, height] = [innerWidth, innerHeight];
    const centre = { x: width / 2, y: height * 0.42 };
    const room = Math.min(width * 0.46, height * 0.36);
    // What is measured comes and goes slowly, so that no number flickers in the corner of the eye.
    this.warmth += ((following ?? 0) - this.warmth) * 0.02;
    this.presence += ((following === null ? 0.45 : 1) - this.presence) * 0.02;
    context.clearRect(0, 0, width, height);
    context.save();
    context.translate(centre.x, centre.y);
    const radius = room * (0.34 + 0.46 * breath.full);
    if (!this.still.matches) this.petals(radius, breath, turns);
    this.orb(radius, breath);
    this.path(room, breath);
    this.curve(room, heart);
    context.restore();
  }

  petals(radius, breath, turns) {
    const { context, palette } = this;
    const count = 9;
    const spread = radius * (0.12 + 0.42 * breath.full);
    const slow = (turns / 12) * TURN;
    context.globalCompositeOperation = "source-over";
    for (let petal = 0; petal < count; petal += 1) {
      const angle = slow + (petal / count) * TURN;
      const [x, y] = [Math.cos(angle) * spread, Math.sin(angle) * spread];
      const shade = context.createRadialGradient(x, y, 0, x, y, radius * 0.8);
      shade.addColorStop(0, this.tint(petal % 3 === 0 ? palette.warm : palette.glow, petal % 3 === 0 ? 0.05 + 0.16 * this.warmth : 0.13));
      shade.addColorStop(1, this.tint(palette.glow, 0));
      context.fillStyle = shade;
      context.beginPath();
      context.arc(x, y, radius * 0.8, 0, TURN);
      context.fill();
    }
  }

  orb(radius, breath) {
    const { context, palette } = this;
    const shade = context.createRadialGradient(0, -radius * 0.25, radius * 0.05, 0, 0, radius);
    shade.addColorStop(0, this.tint(palette.warm, 0.15 + 0.35 * this.warmth));
    shade.addColorStop(0.55, this.tint(palette.glow, 0.3 + 0.12 * breath.full));
    shade.addColorStop(1, this.tint(palette.glow, 0.06));
    context.fillStyle = shade;
    context.beginPath();
    context.arc(0, 0, radius, 0, TURN);
    context.fill();
    context.strokeStyle = this.tint(palette.glow, 0.5);
    context.lineWidth = 1.5;
    context.stroke();
  }

  // The ring that a bead goes round once a breath: what comes next can be seen, and nobody is surprised.
  path(room, breath) {
    const { context, palette } = this;
    const ring = room * 0.92;
    context.strokeStyle = this.tint(palette.edge, 0.5);
    context.lineWidth = 1;
    context.beginPath();
    context.arc(0, 0, ring, 0, TURN);
    context.stroke();
    const angle = breath.fraction * TURN - TURN / 4;
    context.strokeStyle = this.tint(palette.glow, 0.8);
    context.lineWidth = 3;
    context.lineCap = "round";
    context.beginPath();
    context.arc(0, 0, ring, angle - 0.5, angle);
    context.stroke();
    context.fillStyle = this.tint(palette.line, 1);
    context.beginPath();
    context.arc(Math.cos(angle) * ring, Math.sin(angle) * ring, 5, 0, TURN);
    context.fill();
  }

  // The heart's curve of the last two breaths; older beats fade.
  curve(room, heart) {
    const { context, palette } = this;
    context.lineWidth = 2;
    for (let index = 1; index < heart.length; index += 1) {
      const [from, to] = [heart[index - 1], heart[index]];
      const point = ({ turn, value }) => {
        const angle = turn * TURN - TURN / 4;
        const distance = room * (1.02 + 0.12 * value);
        return [Math.cos(angle) * distance, Math.sin(angle) * distance];
      };
      context.strokeStyle = this.tint(palette.line, (0.75 * index) / heart.length);
      context.beginPath();
      context.moveTo(...point(from));
      context.lineTo(...point(to));
      context.stroke();
    }
  }

  tint(colour, strength) {
    return `color-mix(in srgb, ${colour} ${Math.round(Math.max(0, Math.min(1, strength * this.presence)) * 100)}%, transparent)`;
  }
}
