// What there was over time.
const seriesColours = ["s1", "s2", "s3", "s4", "s5", "s6"];

// nice returns a round step for an axis with about so many of them.
function nice(most, steps) {
  const raw = Math.max(most, 1e-9) / steps, p = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((f) => f * p).find((s) => s >= raw);
}

// chart draws lines over time into a box, and returns a function that moves the
// cursor.
function chart(box, { title, series, text, top, from = 0, to = run.length }) {
  const width = Math.max(box.clientWidth, 240), height = 210, left = 56, right = 10, above = 10, below = 26;
  const iw = width - left - right, ih = height - above - below;
  let most = top || 0;
  if (!top) for (const s of series) for (const [, v] of s.points) most = Math.max(most, v);
  if (!top) most = Math.ceil(most / nice(most, 4)) * nice(most, 4);
  const x = (us) => left + ((Math.min(Math.max(us, from), to) - from) / (to - from)) * iw, y = (v) => above + ih - (most ? v / most : 0) * ih;
  const svg = draw("svg", { width, height, role: "img", "aria-label": title });
  for (const m of bands()) if (m.to >= from && m.from <= to) svg.append(draw("rect", { x: x(m.from), y: above, width: Math.max(x(m.to) - x(m.from), 1), height: ih, fill: "var(--band)" }, draw("title", {}, m.names.join(", "))));
  const vs = nice(most, 4);
  for (let v = 0; v <= most * 1.0001; v += vs) {
    svg.append(draw("line", { class: "axis", x1: left, x2: width - right, y1: y(v), y2: y(v) }), draw("text", { class: "soft", x: left - 6, y: y(v) + 4, "text-anchor": "end" }));
    svg.lastChild.textContent = text(v);
  }
  const ts = nice(to - from, Math.max(Math.floor(iw / 110), 2));
  for (let t = Math.ceil(from / ts) * ts; t <= to; t += ts) {
    svg.append(draw("text", { class: "soft", x: x(t), y: height - 8, "text-anchor": x(t) < left + 20 ? "start" : x(t) > width - right - 20 ? "end" : "middle" }));
    const [unit, name] = to >= 1e6 ? [1e6, " s"] : [1e3, " ms"];
    svg.lastChild.textContent = t === 0 ? "0" : (t / unit).toLocaleString("en-US", { maximumFractionDigits: 6 }) + name;
  }
  for (const s of series) {
    let d = "";
    let last = 0;
    for (const [t, v] of s.points) {
      d += (d ? "L" : "M") + x(t).toFixed(1) + " " + y(last).toFixed(1) + "L" + x(t).toFixed(1) + " " + y(v).toFixed(1);
      last = v;
    }
    if (d) svg.append(draw("path", { d: d + "L" + x(to).toFixed(1) + " " + y(last).toFixed(1), fill: "none", stroke: "var(--" + s.colour + ")", "stroke-width": 1.8, "stroke-dasharray": s.dashes || "none" }));
  }
  const cursor = draw("line", { class: "cursor", y1: above, y2: above + ih });
  svg.append(cursor);
  svg.addEventListener("click", (e) => { play(false); setTime(from + ((e.clientX - svg.getBoundingClientRect().left - left) / iw) * (to - from)); });
  box.replaceChildren(svg);
  return (t) => { cursor.setAttribute("x1", x(t)); cursor.setAttribute("x2", x(t)); cursor.setAttribute("visibility", t < from || t > to ? "hidden" : "visible"); };
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

// lasting returns from when until when answers to an action came.
function lasting(action, series) {
  const e = run.events;
  let from = Infinity, to = 0;
  for (let i = 0; i < e.n; i++) if (e.action[i] === action && e.what[i] === whats.asks) from = Math.min(from, e.at[i]);
  for (const s of series) for (const [t] of s.points) { from = Math.min(from, t); to = Math.max(to, t); }
  return { from, to: to + Math.max((to - from) / 20, 1000) };
}

function buildCharts(panel) {
  const step = data.traffic.step_us;
  const rows = (k) => (data.traffic.rows || []).map((r, i) => [i * step, r[k]]).concat([[(data.traffic.rows || []).length * step, 0]]);
  const runs = [...new Set((data.curves || []).map((c) => c.run || ""))];
  // One run: an action has a colour. Several, which are compared: each action has a
  // chart, and a run a colour.
  const compared = runs.length > 1;
  const curves = (data.curves || []).map((c) => ({
    name: c.action + (c.run ? " (" + c.run + ")" : ""), action: c.action, total: c.total,
    colour: seriesColours[(compared ? runs.indexOf(c.run || "") : data.actions.indexOf(c.action)) % seriesColours.length],
    dashes: compared ? ["", "7 4", "2 3", "10 3 2 3"][Math.min(runs.indexOf(c.run || ""), 3)] : "",
    points: pairs(c.points || []).map(([t, v]) => [t, c.total ? v / c.total : v]),
  }));
  const answers = (title, series, range) => {
    const shares = series.length > 0 && series.every((c) => c.total > 0);
    const text = (v) => Math.round(100 * v) + "%", value = (v) => (100 * v).toFixed(1) + "%";
    return { title: shares ? title + ", as a share of all that there could be" : title, series, top: shares ? 1 : 0, text: shares ? text : number, value: shares ? value : number, ...range };
  };
  const all = [
    ...(compared ? data.actions.map((a, i) => [a, i, curves.filter((c) => c.action === a)]).filter(([, , list]) => list.some((c) => c.points.length)).map(([a, i, list]) => answers("Answers to " + a, list, lasting(i, list))) : [answers("Answers", curves)]),
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
