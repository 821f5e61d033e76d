// painter draws what is on the map: the nodes, what is under way between them, and
// how far they are heard.
function painter(canvas, p) {
  const g = canvas.getContext("2d", { alpha: false });
  let colours = {};
  const px = (i) => p.x[i], py = (i) => p.y[i];
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

  // range shows who hears a node, and how far it is heard.
  const range = (i, t) => {
    const l = p.lotOf[i], reach = radio ? radio.reachOf(i) : 0, near = hears(i, t);
    if (!near) return;
    g.strokeStyle = colours.accent;
    g.fillStyle = colours.accent;
    g.lineWidth = 1;
    if (reach > 0) {
      g.beginPath();
      g.arc(px(i), py(i), reach * l.sx, 0, 2 * Math.PI);
      g.globalAlpha = 0.1;
      g.fill();
      g.globalAlpha = 0.8;
      g.stroke();
    }
    g.globalAlpha = 0.55;
    g.beginPath();
    for (const k of near) { g.moveTo(px(i), py(i)); g.lineTo(px(k), py(k)); }
    g.stroke();
    g.globalAlpha = 1;
  };
  // frames shows which lot of nodes is which, and how long a metre is.
  const frames = () => {
    g.font = "12px system-ui, sans-serif";
    g.textAlign = "left";
    g.lineWidth = 1;
    for (const l of p.lots) {
      g.fillStyle = colours.soft;
      g.strokeStyle = colours.line;
      if (p.lots.length > 1) {
        g.strokeRect(l.left + 0.5, l.top + 0.5, l.w - 1, l.h - 1);
        g.fillText(l.name, l.left + 8, l.top + 16);
      }
      if (!l.metric) continue;
      const metres = nice(l.w / l.sx / 1000, 6), long = metres * 1000 * l.sx, y = l.top + l.h - 8;
      g.strokeStyle = colours.soft;
      g.beginPath();
      g.moveTo(l.left + 8.5, y - 4); g.lineTo(l.left + 8.5, y); g.lineTo(l.left + 8.5 + long, y); g.lineTo(l.left + 8.5 + long, y - 4);
      g.stroke();
      g.fillText(length(metres), l.left + 14 + long, y + 1);
    }
  };
  const names = () => {
    g.fillStyle = colours.text;
    g.font = "12px system-ui, sans-serif";
    g.textAlign = "center";
    const n = run.names.length;
    let i = 0;
    for (const group of data.groups) for (const name of group.names) {
      if (n <= 40 || group.names.length === 1) g.fillText(name, px(i), py(i) + p.size + 14);
      i++;
    }
    for (; i < n; i++) g.fillText(run.names[i], px(i), py(i) + p.size + 14);
  };
  const ring = (i, wide) => {
    g.strokeStyle = colours.text;
    g.lineWidth = wide;
    g.beginPath();
    g.arc(px(i), py(i), p.size + 5, 0, 2 * Math.PI);
    g.stroke();
  };
  return {
    dots, messages, range, frames, names, ring,
    readColours() {
      for (const c of ["idle", "reached", "responded", "counted", "asks", "lost", "sent", "text", "soft", "low", "high", "accent", "panel", "line"]) colours[c] = colour(c);
      changed();
    },
    colours: () => colours,
    resize() {
      const ratio = Math.min(devicePixelRatio || 1, 2);
      canvas.width = Math.round(canvas.clientWidth * ratio); canvas.height = Math.round(canvas.clientHeight * ratio);
      g.setTransform(ratio, 0, 0, ratio, 0, 0);
      p.fit(canvas.clientWidth, canvas.clientHeight);
      changed();
    },
    clear() {
      g.fillStyle = colours.panel;
      g.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    },
  };
}

const length = (metres) => (metres >= 1000 ? number(metres / 1000) + " km" : number(metres) + " m");
