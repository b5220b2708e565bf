// Two small plots: heart rate over time, and the rhythms in it.

function prepare(canvas) {
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== width * scale || canvas.height !== height * scale) {
    canvas.width = width * scale;
    canvas.height = height * scale;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  context.font = "11px system-ui, sans-serif";
  return { context, width, height, line: colour("--line"), soft: colour("--ink-soft"), edge: colour("--edge"), glow: colour("--glow"), warm: colour("--glow-warm") };
}

/** `beats` are `{at_ms, bpm}` in order; the newest two minutes are shown, with the pacer's breaths behind them. */
export function tachogram(canvas, beats, now_ms, fullnessAt) {
  const { context, width, height, line, soft, glow } = prepare(canvas);
  const span = 120_000;
  const shown = beats.filter((beat) => beat.at_ms > now_ms - span);
  const x = (at) => width - ((now_ms - at) / span) * width;
  context.strokeStyle = glow;
  context.globalAlpha = 0.3;
  context.beginPath();
  for (let pixel = 0; pixel <= width; pixel += 2) {
    const at = now_ms - ((width - pixel) / width) * span;
    if (at < 0) continue;
    const y = height - 4 - fullnessAt(at) * (height - 8);
    context.lineTo(pixel, y);
  }
  context.stroke();
  context.globalAlpha = 1;
  if (shown.length < 2) return;
  const rates = shown.map((beat) => beat.bpm);
  const [low, high] = [Math.floor(Math.min(...rates) - 2), Math.ceil(Math.max(...rates) + 2)];
  const y = (bpm) => height - 4 - ((bpm - low) / (high - low)) * (height - 8);
  context.strokeStyle = line;
  context.lineWidth = 1.5;
  context.beginPath();
  for (const beat of shown) context.lineTo(x(beat.at_ms), y(beat.bpm));
  context.stroke();
  context.fillStyle = soft;
  context.fillText(String(high), 2, 10);
  context.fillText(String(low), 2, height - 2);
}

/** `points` are `[milli_hertz, power]`, in order; `pace` is marked, in milli-breaths a minute. */
export function spectrum(canvas, points, pace) {
  const { context, width, height, line, soft, glow, warm } = prepare(canvas);
  const top = 400;
  const x = (milliHertz) => (milliHertz / top) * width;
  context.fillStyle = soft;
  for (const breaths of [6, 12, 18]) context.fillText(String(breaths), x((breaths * 1000) / 60) - 4, height - 1);
  if (pace) {
    context.strokeStyle = warm;
    context.beginPath();
    context.moveTo(x(pace / 60), 0);
    context.lineTo(x(pace / 60), height - 12);
    context.stroke();
  }
  if (!points?.length) return;
  const most = Math.max(...points.map(([, power]) => power)) || 1;
  const y = (power) => height - 12 - (power / most) * (height - 16);
  context.beginPath();
  context.moveTo(x(points[0][0]), height - 12);
  for (const [frequency, power] of points) if (frequency <= top) context.lineTo(x(frequency), y(power));
  context.lineTo(width, height - 12);
  context.fillStyle = glow;
  context.globalAlpha = 0.35;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = line;
  context.stroke();
}
