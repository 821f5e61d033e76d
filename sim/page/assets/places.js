// Where the nodes are drawn. Those of a radio where they are, if that means
// something; of the others, those that are alone in the middle, the rest around
// them. Each lot has a part of the picture of its own.
function lots() {
  const list = [], n = run.names.length, taken = new Uint8Array(n);
  for (const s of radio ? radio.segments : []) {
    for (const i of s.nodes) taken[i] = 1;
    list.push({ name: s.name, nodes: s.nodes, metric: s.reach > 0, real: !s.full });
  }
  const rest = [];
  for (let i = 0; i < n; i++) if (!taken[i]) rest.push(i);
  if (list.length === 1 && !list[0].real && rest.every((i) => i >= run.known)) list[0].nodes = list[0].nodes.concat(rest);
  else if (rest.length) list.push({ name: list.length ? "others" : "", nodes: rest });
  return list;
}

// discOf lays nodes out in a circle of radius 1.
function discOf(nodes, x, y) {
  const crowd = [], alone = [], group = [];
  for (const g of data.groups) for (let k = 0; k < g.names.length; k++) group.push(g.names.length);
  for (const i of nodes) (group[i] > 1 ? crowd : alone).push(i);
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
}

// plan returns where on a picture each node is. It is fitted to its size, and moved
// to a time.
function plan() {
  const n = run.names.length, all = lots(), x = new Float64Array(n), y = new Float64Array(n);
  const px = new Float64Array(n), py = new Float64Array(n);
  for (const l of all) {
    l.box = [-1, -1, 1, 1];
    if (!l.real) { discOf(l.nodes, x, y); continue; }
    // All places there will be.
    let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
    for (let s = 0; s <= (radio.moves ? 200 : 0); s++) for (const i of l.nodes) {
      const [a, b] = radio.place(radio.of[i], (s / 200) * run.length);
      x0 = Math.min(x0, a); x1 = Math.max(x1, a); y0 = Math.min(y0, b); y1 = Math.max(y1, b);
    }
    l.box = [x0, y0, Math.max(x1, x0 + 1), Math.max(y1, y0 + 1)];
  }
  const p = {
    x: px, y: py, lots: all, size: 4,
    fit(w, h) {
      const columns = Math.max(1, Math.min(all.length, Math.round(Math.sqrt((all.length * w) / h)))), rows = Math.ceil(all.length / columns);
      p.size = 9;
      all.forEach((l, k) => {
        const row = Math.floor(k / columns);
        const cw = w / Math.min(columns, all.length - row * columns), ch = h / rows, top = all.length > 1 ? 22 : 0, pad = 22;
        const iw = Math.max(cw - 2 * pad, 10), ih = Math.max(ch - 2 * pad - top, 10), [x0, y0, x1, y1] = l.box;
        l.sx = iw / (x1 - x0); l.sy = ih / (y1 - y0);
        if (!l.real || l.metric) l.sx = l.sy = Math.min(l.sx, l.sy);
        // What knows no lengths may be stretched, but not out of shape.
        else { const most = 2.5 * Math.min(l.sx, l.sy); l.sx = Math.min(l.sx, most); l.sy = Math.min(l.sy, most); }
        l.left = (k % columns) * cw; l.top = row * ch; l.w = cw; l.h = ch;
        l.ox = l.left + cw / 2 - (l.sx * (x0 + x1)) / 2;
        l.oy = l.top + top + (ch - top) / 2 - (l.sy * (y0 + y1)) / 2;
        p.size = Math.min(p.size, (0.25 * Math.sqrt((x1 - x0) * l.sx * (y1 - y0) * l.sy)) / Math.sqrt(l.nodes.length));
      });
      p.size = Math.max(p.size, 1);
      p.at = undefined;
      p.move(now);
    },
    move(t) {
      if (p.at !== undefined && (p.at === t || !radio || !radio.moves)) return;
      p.at = t;
      for (const l of all) for (const i of l.nodes) {
        let a = x[i], b = y[i];
        if (l.real) [a, b] = radio.place(radio.of[i], t);
        px[i] = l.ox + l.sx * a;
        py[i] = l.oy + l.sy * b;
      }
    },
  };
  for (const l of all) for (const i of l.nodes) (p.lotOf = p.lotOf || [])[i] = l;
  return p;
}
