// What belongs together, message by message, byte by byte.
let filterExchanges = () => {};
const mostListed = 300, mostArrows = 150, mostLines = 10;

// byExchange lists the messages of each exchange, once somebody asks.
let grouped = null;
function messagesOf(x) {
  if (!grouped) {
    grouped = new Map();
    for (let i = 0; i < run.n; i++) {
      const k = run.exchange[i];
      if (grouped.has(k)) grouped.get(k).push(i); else grouped.set(k, [i]);
    }
  }
  return grouped.get(x) || [];
}

function buildExchanges(panel) {
  const x = run.exchanges;
  const find = make("input", { type: "search", placeholder: "node, method, path", "aria-label": "Filter exchanges", id: "filter" });
  const list = make("div", { id: "list" });
  const count = make("p", { class: "soft" });
  const diagram = make("div", { class: "scroll", id: "sequence", tabindex: "0", role: "group", "aria-label": "Sequence diagram" });
  const title = make("h2", {}, "Sequence");
  const bytes = make("div", { id: "bytes" });
  panel.append(make("div", { class: "cols list" },
    make("div", { class: "panel" }, find, list, count),
    make("div", {}, make("div", { class: "panel" }, title, diagram), make("div", { class: "panel" }, make("h2", {}, "Bytes"), bytes))));
  const label = (k) => [nodeName(x.client[k] - 1) + " → " + nodeName(x.server[k] - 1), data.words[x.label[k]]];
  const order = Array.from({ length: x.n }, (_, k) => k).filter((k) => x.count[k] > 0).sort((a, b) => x.start[a] - x.start[b]);
  let chosen = -1;
  const fill = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hits = order.filter((k) => {
      if (!words.length) return true;
      const text = label(k).join(" ").toLowerCase().split(/\s+/);
      return words.every((w) => text.some((t) => t === w || (w.length > 1 && !run.names.includes(w) && t.includes(w))));
    });
    list.replaceChildren(...hits.slice(0, mostListed).map((k) => {
      const [who, what] = label(k);
      return make("button", { type: "button", "data-x": k, "aria-pressed": k === chosen, onclick: () => choose(k) },
        what, make("small", {}, time(x.start[k]) + ", " + who + ", " + plural(x.count[k], "message")));
    }));
    count.textContent = plural(hits.length, "exchange") + (hits.length > mostListed ? ", of which the first " + mostListed + " are listed" : "");
    return hits;
  };
  function choose(k) {
    chosen = k;
    for (const b of list.children) b.setAttribute("aria-pressed", Number(b.dataset.x) === k);
    title.textContent = label(k)[1] + ", " + time(x.start[k]);
    sequence(diagram, messagesOf(k), x.client[k] - 1, (i) => showBytes(bytes, i));
  }
  list.addEventListener("keydown", (e) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    const to = step && [...list.children][[...list.children].indexOf(document.activeElement) + step];
    if (to) { to.focus(); e.preventDefault(); }
  });
  find.addEventListener("input", fill);
  filterExchanges = (text) => {
    find.value = text;
    const hits = fill();
    if (hits.length) choose(hits[0]);
  };
  const first = fill();
  if (first.length) choose(first[0]); else diagram.append(make("p", { class: "soft" }, "There is none."));
  return null;
}

// sequence draws the messages of an exchange, each from where and when it was
// sent to where and when it came to its end.
function sequence(box, all, client, select) {
  const columns = [client];
  for (const i of all) for (const node of [run.from[i], run.to[i]]) if (!columns.includes(node) && columns.length < mostLines) columns.push(node);
  const fit = all.filter((i) => columns.includes(run.from[i]) && columns.includes(run.to[i]));
  const list = fit.slice(0, mostArrows);
  const points = [];
  for (const i of list) points.push([run.sent[i], 0, i], [run.end[i], 1, i]);
  points.sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
  const rowOf = new Map();
  const gap = 24, top = 52, left = 96;
  const apart = Math.min(Math.max((box.clientWidth - left - 150) / Math.max(columns.length - 1, 1), 170), 460);
  points.forEach(([, end, i], k) => rowOf.set(i * 2 + end, top + k * gap));
  const width = left + (columns.length - 1) * apart + 110, height = top + points.length * gap + 12;
  const svg = draw("svg", { width, height, role: "list", "aria-label": plural(list.length, "message") });
  const at = (node) => left + 30 + columns.indexOf(node) * apart;
  svg.append(draw("defs", {}, ...["s1", "s3", "lost"].map((c) => draw("marker", { id: "head-" + c, viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" }, draw("path", { d: "M0 0L8 4L0 8z", fill: "var(--" + c + ")" })))));
  for (const node of columns) {
    const name = draw("text", { x: at(node), y: 22, "text-anchor": "middle", "font-weight": 600 });
    name.textContent = nodeName(node);
    svg.append(draw("line", { class: "axis", x1: at(node), x2: at(node), y1: 32, y2: height - 6 }), name);
  }
  let before = -1;
  for (const [t, end, i] of points) {
    if (t !== before) {
      const label = draw("text", { class: "soft", x: left - 16, y: rowOf.get(i * 2 + end) + 4, "text-anchor": "end" });
      label.textContent = time(t);
      svg.append(label);
    }
    before = t;
  }
  const arrows = [];
  for (const i of list) {
    const lost = run.cause[i] !== 0, answer = run.from[i] !== client;
    const x1 = at(run.from[i]), y1 = rowOf.get(i * 2);
    let x2 = at(run.to[i]), y2 = rowOf.get(i * 2 + 1);
    const self = x1 === x2;
    if (lost) { x2 = x1 + (x2 - x1) * 0.6; y2 = y1 + (y2 - y1) * 0.6; }
    if (self) x2 = x1 + 60;
    const what = run.gram[i] ? data.words[data.grams[run.gram[i] - 1].s] : "(bytes not kept)";
    const text = draw("text", { class: "what", x: x1 + (x2 >= x1 ? 8 : -8), y: y1 - 3, "text-anchor": x2 >= x1 ? "start" : "end" });
    const room = Math.max(Math.floor(Math.abs(at(run.to[i]) - x1) / 7), 12);
    text.textContent = what.length > room ? what.slice(0, room - 1) + "…" : what;
    const hue = lost ? "lost" : answer ? "s3" : "s1";
    const group = draw("g", {
      class: "arrow" + (answer ? " answer" : "") + (lost ? " lost" : ""), tabindex: 0, role: "button",
      "aria-label": what + " from " + nodeName(run.from[i]) + " to " + nodeName(run.to[i]) + " at " + time(run.sent[i]) + (lost ? ", lost: " + data.causes[run.cause[i]] : ""),
    }, draw("line", { class: "hit", x1, y1, x2, y2 }), draw("line", { x1, y1, x2, y2, "marker-end": lost ? "" : "url(#head-" + hue + ")" }), text);
    if (lost) {
      const why = draw("text", { class: "why", x: x2 + (x2 >= x1 ? 6 : -6), y: y2 + 5, "text-anchor": x2 >= x1 ? "start" : "end" });
      why.textContent = "✕ " + data.causes[run.cause[i]];
      group.append(why);
    }
    const pick = () => {
      for (const a of arrows) a.classList.toggle("on", a === group);
      select(i);
    };
    group.addEventListener("click", pick);
    group.addEventListener("keydown", (e) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
      const to = step && arrows[arrows.indexOf(group) + step];
      if (to) to.focus();
      if (e.key === "Enter" || e.key === " ") pick();
      if (to || e.key === "Enter" || e.key === " ") { e.preventDefault(); e.stopPropagation(); }
    });
    arrows.push(group);
    svg.append(group);
  }
  box.replaceChildren(svg);
  if (all.length > list.length) box.append(make("p", { class: "soft" }, plural(all.length - list.length, "more message") + ", also of nodes that have no line here, and not drawn."));
  if (list.length) { arrows[0].classList.add("on"); select(list[0]); }
}

// showBytes shows a datagram: what each byte of it means.
function showBytes(box, i) {
  const head = make("p", {}, nodeName(run.from[i]) + " → " + nodeName(run.to[i]) + ", sent at " + time(run.sent[i]) + ", " +
    (run.cause[i] ? "lost: " + data.causes[run.cause[i]] : "delivered at " + time(run.end[i])));
  if (!run.gram[i]) {
    box.replaceChildren(head, make("p", { class: "soft" }, "Its bytes are not kept: there are too many different ones."));
    return;
  }
  const gram = data.grams[run.gram[i] - 1], b = bytesOf(gram.d);
  const hex = make("div", { class: "hex mono" });
  const table = make("table", { class: "bytes" }, make("tr", {}, make("th", { class: "text" }, "bytes"), make("th", { class: "text" }, "what"), make("th", { class: "text" }, "value")));
  const most = 1024;
  let at = 0;
  for (let k = 0; k + 2 < gram.f.length; k += 3) {
    const n = gram.f[k], cells = [];
    for (let j = at; j < Math.min(at + n, most); j++) {
      const cell = make("span", {}, b[j].toString(16).padStart(2, "0"));
      cells.push(cell);
      hex.append(cell);
    }
    const range = n === 1 ? String(at) : at + "–" + (at + n - 1);
    const row = make("tr", { tabindex: 0 }, make("td", { class: "mono" }, range), make("td", { class: "text" }, data.words[gram.f[k + 1]]), make("td", { class: "text mono" }, data.words[gram.f[k + 2]]));
    const light = (on) => { row.classList.toggle("on", on); for (const c of cells) c.classList.toggle("on", on); };
    for (const part of [row, ...cells]) {
      part.addEventListener("mouseenter", () => light(true));
      part.addEventListener("mouseleave", () => light(false));
    }
    row.addEventListener("focus", () => light(true));
    row.addEventListener("blur", () => light(false));
    table.append(row);
    at += n;
  }
  box.replaceChildren(head, hex, make("div", { class: "scroll" }, table));
  if (b.length > most) box.append(make("p", { class: "soft" }, "The first " + number(most) + " of " + plural(b.length, "byte") + "."));
}
