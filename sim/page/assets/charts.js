// What there was over time.
const seriesColours = ["s1", "s2", "s3", "s4", "s5", "s6"];

// nice returns a round step for an axis with about so many of them.
function nice(most, steps) {
  const raw = Math.max(most, 1e-9) / steps, p = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((f) => f * p).find((s) => s >= raw);
}

// chart draws lines over time into a box, and returns a function that moves the
// cursor.
function chart(box, { title, series, text, top }) {
  const width = Math.max(box.clientWidth, 240), height = 210, left = 56, right = 10, above = 10, below = 26;
  const iw = width - left - right, ih = height - above - below;
  let most = top || 0;
  if (!top) for (const s of series) for (const [, v] of s.points) most = Math.max(most, v);
  if (!top) most = Math.ceil(most / nice(most, 4)) * nice(most, 4);
  const x = (us) => left + (us / run.length) * iw, y = (v) => above + ih - (most ? v / most : 0) * ih;
  const svg = draw("svg", { width, height, role: "img", "aria-label": title });
  for (const m of bands()) svg.append(draw("rect", { x: x(m.from), y: above, width: Math.max(x(m.to) - x(m.from), 1), height: ih, fill: "var(--band)" }, draw("title", {}, m.names.join(", "))));
  const vs = nice(most, 4);
  for (let v = 0; v <= most * 1.0001; v += vs) {
    svg.append(draw("line", { class: "axis", x1: left, x2: width - right, y1: y(v), y2: y(v) }), draw("text", { class: "soft", x: left - 6, y: y(v) + 4, "text-anchor": "end" }));
    svg.lastChild.textContent = text(v);
  }
  const ts = nice(run.length, Math.max(Math.floor(iw / 110), 2));
  for (let t = 0; t <= run.length; t += ts) {
    svg.append(draw("text", { class: "soft", x: x(t), y: height - 8, "text-anchor": t === 0 ? "start" : "middle" }));
    svg.lastChild.textContent = t === 0 ? "0" : number(t / (ts >= 1e6 ? 1e6 : 1e3)) + (ts >= 1e6 ? " s" : " ms");
  }
  for (const s of series) {
    let d = "";
    let last = 0;
    for (const [t, v] of s.points) {
      d += (d ? "L" : "M") + x(t).toFixed(1) + " " + y(last).toFixed(1) + "L" + x(t).toFixed(1) + " " + y(v).toFixed(1);
      last = v;
    }
    if (d) svg.append(draw("path", { d: d + "L" + x(run.length).toFixed(1) + " " + y(last).toFixed(1), fill: "none", stroke: "var(--" + s.colour + ")", "stroke-width": 1.8, "stroke-dasharray": s.dashes || "none" }));
  }
  const cursor = draw("line", { class: "cursor", y1: above, y2: above + ih });
  svg.append(cursor);
  svg.addEventListener("click", (e) => { play(false); setTime(((e.clientX - svg.getBoundingClientRect().left - left) / iw) * run.length); });
  box.replaceChildren(svg);
  return (t) => { cursor.setAttribute("x1", x(t)); cursor.setAttribute("x2", x(t)); };
}

// bands are the times during which faults last that come to an end; of the others
// only the beginning is shown.
function bands() {
  const open = new Map(), list = [];
  const close = (b) => list.push(b);
  for (const m of data.marks || []) {
    const b = open.get(m.name);
    if (b) { if (!m.begins) b.to = m.t; close(b); open.delete(m.name); }
    if (m.begins) open.set(m.name, { names: [m.name], from: m.t, to: m.t });
  }
  for (const b of open.values()) close(b);
  list.sort((a, b) => a.from - b.from);
  const merged = [];
  for (const b of list) {
    const last = merged[merged.length - 1];
    if (last && b.from <= last.to) { last.to = Math.max(last.to, b.to); if (!last.names.includes(b.names[0])) last.names.push(b.names[0]); } else merged.push(b);
  }
  return merged.slice(0, 500);
}

const pairs = (points) => { const out = []; for (let i = 0; i < points.length; i += 2) out.push([points[i], points[i + 1]]); return out; };

// valueAt returns what a series has come to at a time.
function valueAt(points, t) {
  let lo = 0, hi = points.length;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (points[mid][0] <= t) lo = mid + 1; else hi = mid; }
  return lo ? points[lo - 1][1] : 0;
}

// lineKey shows how the line of a series looks.
function lineKey(s) {
  return draw("svg", { width: 26, height: 12, "aria-hidden": "true" }, draw("line", { x1: 0, x2: 26, y1: 6, y2: 6, stroke: "var(--" + s.colour + ")", "stroke-width": 3, "stroke-dasharray": s.dashes || "none" }));
}

function buildCharts(panel) {
  const step = data.traffic.step_us;
  const rows = (k) => (data.traffic.rows || []).map((r, i) => [i * step, r[k]]).concat([[(data.traffic.rows || []).length * step, 0]]);
  // An action has a colour, a run a kind of line.
  const runs = [...new Set((data.curves || []).map((c) => c.run || ""))];
  const curves = (data.curves || []).map((c) => ({
    name: c.action + (c.run ? " (" + c.run + ")" : ""), total: c.total,
    colour: seriesColours[data.actions.indexOf(c.action) % seriesColours.length], dashes: ["", "7 4", "2 3", "10 3 2 3"][Math.min(runs.indexOf(c.run || ""), 3)],
    points: pairs(c.points || []).map(([t, v]) => [t, c.total ? v / c.total : v]),
  }));
  const shares = curves.length > 0 && curves.every((c) => c.total > 0);
  const all = [
    { title: shares ? "Answers, as a share of all that there could be" : "Answers", series: curves, top: shares ? 1 : 0, text: shares ? (v) => Math.round(100 * v) + "%" : number, value: shares ? (v) => (100 * v).toFixed(1) + "%" : number },
    { title: "Datagrams in " + time(step), series: [["sent", 0, "s1"], ["delivered", 1, "s3"], ["lost", 2, "lost"]].map(([name, k, colour]) => ({ name, colour, points: rows(k) })), text: number, value: number },
    { title: "Bytes delivered in " + time(step), series: [{ name: "bytes", colour: "s4", points: rows(3) }], text: number, value: number },
  ];
  const movers = [];
  for (const c of all) {
    c.box = make("div");
    c.legend = make("ul", { class: "legend flat" });
    for (const s of c.series) { s.label = make("span"); c.legend.append(make("li", {}, lineKey(s), s.label)); }
    panel.append(make("div", { class: "panel chart" }, make("h2", {}, c.title), c.legend, c.box));
  }
  if (!curves.length) all[0].box.append(make("p", { class: "soft" }, "Nobody has got an answer."));
  const move = (t) => {
    if (panel.hidden) return;
    for (const m of movers) m(t);
    for (const c of all) for (const s of c.series) s.label.textContent = s.name + ": " + c.value(valueAt(s.points, t));
  };
  const redraw = () => {
    if (panel.hidden) return;
    movers.length = 0;
    for (const c of all) if (c.series.length) movers.push(chart(c.box, c));
    move(now);
  };
  timeChanged.push(move);
  let width = 0;
  new ResizeObserver(() => { if (panel.clientWidth !== width) { width = panel.clientWidth; redraw(); } }).observe(panel);
  return redraw;
}
