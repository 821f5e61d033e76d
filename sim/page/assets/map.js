// The map: nodes, and what is under way between them.
let chosenNode = -1;

// places lays the nodes out: those that are alone in the middle, the others around
// them.
function places() {
  const n = run.names.length, x = new Float64Array(n), y = new Float64Array(n);
  const crowd = [], alone = [];
  let i = 0;
  for (const g of data.groups) for (let k = 0; k < g.names.length; k++, i++) (g.names.length > 1 ? crowd : alone).push(i);
  for (; i < n; i++) alone.push(i);
  const ring = (list, r, turn) => list.forEach((node, k) => {
    const a = turn + (2 * Math.PI * k) / list.length;
    x[node] = r * Math.cos(a);
    y[node] = r * Math.sin(a);
  });
  if (crowd.length === 0) ring(alone, alone.length > 1 ? 0.8 : 0, Math.PI);
  else {
    ring(alone, alone.length > 1 ? 0.14 : 0, 0);
    if (crowd.length <= 36) ring(crowd, 0.88, -Math.PI / 2);
    else crowd.forEach((node, k) => {
      const inner = alone.length ? 0.24 : 0;
      const r = Math.sqrt(inner * inner + (1 - inner * inner) * ((k + 0.5) / crowd.length)), a = k * Math.PI * (3 - Math.sqrt(5));
      x[node] = 0.96 * r * Math.cos(a);
      y[node] = 0.96 * r * Math.sin(a);
    });
  }
  return { x, y };
}

function buildMap(panel) {
  const at = places();
  const n = run.names.length;
  let size = 4;
  const canvas = make("canvas", { tabindex: "0", role: "img", "aria-label": "Map of the nodes; arrow keys choose one", id: "map" });
  const mode = make("select", { id: "mode", "aria-label": "What the colours of the nodes mean" });
  if (data.actions.length > 1) mode.append(make("option", { value: "stage:-1" }, "answers to all"));
  data.actions.forEach((a, i) => mode.append(make("option", { value: "stage:" + i }, "answers to " + a)));
  mode.append(make("option", { value: "loss" }, "loss so far"), make("option", { value: "traffic" }, "messages received so far"));
  (data.measures || []).forEach((m, i) => mode.append(make("option", { value: "measure:" + i }, m.name)));
  const legend = make("ul", { class: "legend", id: "legend" });
  const detail = make("div", { id: "node" });
  const find = make("input", { type: "search", list: "names", placeholder: "name of a node", "aria-label": "Find a node", onchange: () => choose(run.names.indexOf(find.value.trim())) });
  const names = make("datalist", { id: "names" });
  for (const name of run.names.slice(0, 2000)) names.append(make("option", { value: name }));
  panel.append(make("div", { class: "cols" },
    make("div", { class: "panel" }, canvas),
    make("div", {},
      make("div", { class: "panel" }, make("div", { class: "row" }, make("label", {}, "colours ", mode)), legend),
      make("div", { class: "panel" }, make("div", { class: "row" }, find, names), detail))));

  const g = canvas.getContext("2d", { alpha: false });
  let w = 0, h = 0, sx = 1, ox = 0, oy = 0, colours = {};
  const px = (i) => ox + sx * at.x[i], py = (i) => oy + sx * at.y[i];
  const resize = () => {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    w = canvas.clientWidth; h = canvas.clientHeight;
    canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio);
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    sx = Math.max(Math.min(w, h) / 2 - 18, 10); ox = w / 2; oy = h / 2;
    size = Math.min(Math.max((0.5 * sx) / Math.sqrt(n), 1), 9);
    changed();
  };
  const readColours = () => {
    for (const c of ["idle", "reached", "responded", "counted", "asks", "lost", "sent", "text", "soft", "low", "high", "accent", "panel"]) colours[c] = colour(c);
    changed();
  };
  themeChanged.push(readColours);
  new ResizeObserver(resize).observe(canvas);

  const values = new Float64Array(n), totals = new Float64Array(n);
  // tally counts what has come to each node until t.
  const tally = (t, kind) => {
    values.fill(0); totals.fill(0);
    for (let i = 0; i < run.n && run.sent[i] <= t; i++) {
      if (run.end[i] > t) continue;
      totals[run.to[i]]++;
      if (kind === "loss" ? run.cause[i] !== 0 : run.cause[i] === 0) values[run.to[i]]++;
    }
    if (kind === "loss") for (let i = 0; i < n; i++) values[i] = totals[i] ? values[i] / totals[i] : 0;
  };
  const mix = (share) => "color-mix(in srgb, " + colours.high + " " + Math.round(100 * share) + "%, " + colours.low + ")";
  // A dot is drawn once for each colour, and copied from then on.
  const stamps = new Map();
  const stampOf = (fill, r) => {
    const name = fill + r;
    if (!stamps.has(name)) {
      if (stamps.size > 100) stamps.clear();
      const stamp = make("canvas"), ratio = Math.min(devicePixelRatio || 1, 2), side = 2 * Math.ceil(r) + 2;
      stamp.width = stamp.height = side * ratio;
      const s = stamp.getContext("2d");
      s.scale(ratio, ratio);
      s.fillStyle = fill;
      s.beginPath();
      s.arc(side / 2, side / 2, r, 0, 2 * Math.PI);
      s.fill();
      stamps.set(name, { stamp, side });
    }
    return stamps.get(name);
  };
  const dots = (list, fill, r) => {
    if (!list.length) return;
    if (r < 2) {
      g.fillStyle = fill;
      for (const i of list) g.fillRect(px(i) - r, py(i) - r, 2 * r, 2 * r);
      return;
    }
    const { stamp, side } = stampOf(fill, r);
    for (const i of list) g.drawImage(stamp, px(i) - side / 2, py(i) - side / 2, side, side);
  };
  const legendOf = (rows) => {
    while (legend.children.length > rows.length) legend.lastChild.remove();
    rows.forEach(([name, text], i) => {
      const li = legend.children[i] || legend.appendChild(make("li", {}, make("span", { class: "key" }), make("span")));
      if (name.startsWith("color-mix")) li.firstChild.style.background = name; else li.firstChild.style.background = "var(--" + name + ")";
      if (li.lastChild.textContent !== text) li.lastChild.textContent = text;
    });
  };

  const messages = (t) => {
    const tail = Math.max(run.length / 250, 2000);
    const first = lowerBound(run.sent, t - Math.max(run.longest, tail) - tail);
    const paths = [[], [], []]; // lost, under way, arrived a moment ago
    let drawn = 0;
    for (let i = first; i < run.n && run.sent[i] <= t && drawn < 6000; i++) {
      const stay = Math.max(run.end[i], run.sent[i] + tail);
      if (stay < t) continue;
      drawn++;
      paths[run.cause[i] !== 0 ? 0 : t <= run.end[i] ? 1 : 2].push(i);
    }
    const line = (list, style, part) => {
      if (!list.length) return;
      g.strokeStyle = style;
      g.beginPath();
      for (const i of list) {
        const a = run.from[i], b = run.to[i], [p, q] = part(i);
        const x0 = px(a), y0 = py(a), dx = px(b) - x0, dy = py(b) - y0;
        g.moveTo(x0 + p * dx, y0 + p * dy);
        g.lineTo(x0 + q * dx, y0 + q * dy);
      }
      g.stroke();
    };
    g.lineWidth = 1;
    g.globalAlpha = 0.22;
    line(paths[2], colours.sent, () => [0, 1]);
    g.globalAlpha = 0.9;
    g.lineWidth = 1.6;
    line(paths[1], colours.accent, (i) => {
      const q = (t - run.sent[i]) / Math.max(run.end[i] - run.sent[i], 1);
      return [Math.max(q - 0.25, 0), q];
    });
    line(paths[0], colours.lost, () => [0, 0.55]);
    g.globalAlpha = 1;
    if (paths[1].length + paths[0].length > 400) return;
    // Where they are, and where they got lost.
    const spot = (i, q) => [px(run.from[i]) + q * (px(run.to[i]) - px(run.from[i])), py(run.from[i]) + q * (py(run.to[i]) - py(run.from[i]))];
    g.fillStyle = colours.accent;
    for (const i of paths[1]) {
      const [x, y] = spot(i, (t - run.sent[i]) / Math.max(run.end[i] - run.sent[i], 1));
      g.fillRect(x - 2.5, y - 2.5, 5, 5);
    }
    g.strokeStyle = colours.lost;
    g.beginPath();
    for (const i of paths[0]) {
      const [x, y] = spot(i, 0.55);
      g.moveTo(x - 4, y - 4); g.lineTo(x + 4, y + 4); g.moveTo(x + 4, y - 4); g.lineTo(x - 4, y + 4);
    }
    g.stroke();
  };

  const nodes = (t) => {
    const [kind, which] = mode.value.split(":");
    if (kind === "stage") {
      const s = stages(Number(which)), list = [[], [], [], [], []];
      for (let i = 0; i < n; i++) list[s.counted[i] <= t ? 3 : s.responded[i] <= t ? 2 : s.asks[i] <= t ? 4 : s.reached[i] <= t ? 1 : 0].push(i);
      ["idle", "reached", "responded", "counted", "asks"].forEach((c, k) => dots(list[k], colours[c], k === 4 ? size + 2 : size));
      legendOf([["asks", number(list[4].length) + " asking"], ["counted", number(list[3].length) + " have answered"], ["responded", number(list[2].length) + " whose answer is under way or lost"],
        ["reached", number(list[1].length) + " reached by a request"], ["idle", number(list[0].length) + " not reached"]]);
      return;
    }
    let unit = "", shown = values;
    if (kind === "measure") { const m = data.measures[Number(which)]; shown = m.values; unit = " " + m.unit; } else tally(t, kind);
    let most = 0;
    for (let i = 0; i < run.known; i++) most = Math.max(most, shown[i] || 0);
    const steps = 8, list = Array.from({ length: steps + 1 }, () => []);
    for (let i = 0; i < n; i++) list[most ? Math.min(Math.ceil(((shown[i] || 0) / most) * steps), steps) : 0].push(i);
    list.forEach((l, k) => dots(l, mix(k / steps), size));
    const text = (v) => (kind === "loss" ? number(100 * v) + "% lost" : number(v) + (unit || " messages"));
    legendOf([[mix(0), text(0)], [mix(0.5), text(most / 2)], [mix(1), text(most)]]);
  };

  const paint = (t) => {
    if (panel.hidden) return;
    g.fillStyle = colours.panel;
    g.fillRect(0, 0, w, h);
    messages(t);
    nodes(t);
    g.fillStyle = colours.text;
    g.font = "12px system-ui, sans-serif";
    g.textAlign = "center";
    let i = 0;
    for (const group of data.groups) for (const name of group.names) {
      if (n <= 40 || group.names.length === 1) g.fillText(name, px(i), py(i) + size + 14);
      i++;
    }
    for (; i < n; i++) g.fillText(run.names[i], px(i), py(i) + size + 14);
    if (chosenNode >= 0) {
      g.strokeStyle = colours.text;
      g.lineWidth = 2;
      g.beginPath();
      g.arc(px(chosenNode), py(chosenNode), size + 5, 0, 2 * Math.PI);
      g.stroke();
    }
  };
  timeChanged.push(paint);

  function choose(i) {
    if (i < 0 || i >= n) return;
    chosenNode = i;
    const rows = [["node", run.names[i]]];
    if (i < run.known) rows.push(["sent", plural(run.nodes.sent[i], "datagram")], ["received", plural(run.nodes.received[i], "datagram") + ", " + plural(run.nodes.bytes[i], "byte")],
      ["lost on the way to it", number(run.nodes.lost[i]) + (run.nodes.lost[i] ? " (" + number((100 * run.nodes.lost[i]) / (run.nodes.lost[i] + run.nodes.received[i])) + "%)" : "")]);
    for (const m of data.measures || []) rows.push([m.name, number(m.values[i]) + " " + m.unit]);
    const dl = make("dl", {});
    for (const [k, v] of rows) dl.append(make("dt", {}, k), make("dd", {}, v));
    detail.replaceChildren(dl, make("div", { class: "row" }, make("button", { type: "button", onclick: () => { show("exchanges", true); filterExchanges(run.names[i]); } }, "Its exchanges")));
    detail.lastChild.style.marginTop = "8px";
    say(rows.map((r) => r.join(" ")).join(", "));
    changed();
  }
  detail.append(make("p", { class: "soft" }, "Click a node, or move with the arrow keys on the map."));
  canvas.addEventListener("click", (e) => {
    const r = canvas.getBoundingClientRect();
    let best = -1, least = 24 * 24;
    for (let i = 0; i < n; i++) {
      const d = (px(i) - (e.clientX - r.left)) ** 2 + (py(i) - (e.clientY - r.top)) ** 2;
      if (d < least) { least = d; best = i; }
    }
    choose(best);
  });
  canvas.addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
    if (!step) return;
    choose((Math.max(chosenNode, step > 0 ? -1 : 0) + step + n) % n);
    e.preventDefault();
  });
  mode.addEventListener("change", changed);
  readColours();
  return () => { resize(); };
}
