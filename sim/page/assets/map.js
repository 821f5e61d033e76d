// The map: nodes, and what is under way between them.
let chosenNode = -1;
let chooseNode = () => {};

// share is how much of so many was lost.
const share = (lost, all) => number(lost) + (lost ? " (" + number((100 * lost) / all) + "%)" : "");

// factsOf says what is known of a node at a time: what it has spent and lost by
// then, of all in the end.
function factsOf(i, t) {
  const rows = [["node", run.names[i]]], n = run.nodes;
  const s = radio && radio.segmentOf(i);
  if (s && s.reach) rows.push(["place", radio.place(radio.of[i], t).map((v) => number(Math.round(v / 100) / 10)).join(" m, ") + " m"]);
  if (s) {
    const near = hears(i, t);
    rows.push(["hears", near ? plural(near.length, "node") : "all " + number(s.nodes.length) + " of " + s.name]);
  }
  if (i < run.known) rows.push(["sent", plural(n.sent[i], "datagram")], ["received", plural(n.received[i], "datagram") + ", " + plural(n.bytes[i], "byte")],
    ["lost to it", share(n.lost[i], n.lost[i] + n.received[i])], ["lost from it", plural(n.gone[i], "copy").replace("copys", "copies")]);
  if (s) {
    const mj = (uj) => number(uj / 1000), both = (k, text) => text(radio.value(k, i, t)) + " of " + text(radio.total(k, i));
    rows.push(["sending", both(spends.send, mj) + " mJ"], ["receiving", both(spends.receive, mj) + " mJ"], ["idle", mj(radio.idle[radio.of[i]]) + " mJ in all"],
      ...(radio.asleep[radio.of[i]] ? [["asleep", number(radio.asleep[radio.of[i]] / 100) + "% of the time, " + mj(radio.sleep[radio.of[i]]) + " mJ"]] : []),
      ["frames sent", both(spends.sent, number)], ["frames lost", both(spends.lost, number)]);
  }
  for (const m of data.measures || []) rows.push([m.name, number(m.values[i]) + " " + m.unit]);
  return rows;
}

// modesOf are what the colours of the nodes can mean.
function modesOf(select) {
  const group = (label, options) => {
    if (options.length) select.append(make("optgroup", { label }, ...options.map(([value, name]) => make("option", { value }, name))));
  };
  const states = data.actions.map((a, i) => ["stage:" + i, "answers to " + a]);
  group("State", data.actions.length > 1 ? [["stage:-1", "answers to all"], ...states] : states);
  const measures = (data.measures || []).map((m, i) => ["measure:" + i, m.name]);
  group("Energy", (radio ? [["radio:energy", "energy spent"], ["radio:send", "energy spent on sending"]] : []).concat(measures));
  group("Loss", [["loss", "lost on the way to it"], ["gone", "lost of what it sent"]].concat(radio ? [["radio:lost", "frames lost at it"]] : []));
  group("Traffic", [["traffic", "messages received"]].concat(radio ? [["radio:sent", "frames sent"]] : []));
}

// briefly are those facts that are shown beside the mouse.
const briefly = new Set(["hears", "lost to it", "lost from it", "sending", "receiving", "frames lost"]);

// notes say more of what the colours mean.
const notes = {
  "radio:energy": "Sending and receiving, until now. Listening while nothing is on the air is counted apart.", "radio:send": "Until now.", "radio:sent": "Until now.",
  "radio:lost": "Frames until now that it did not get because others collided with them, or that it could not send.",
  loss: "Copies of datagrams that did not come to it, of all that were sent to it.", gone: "Copies of its datagrams that did not come to whom they were sent.",
};

// meter returns a function that says, of a time, what the colours of the nodes mean
// in a mode: a value for each, the greatest, and how it is said.
function meter() {
  const n = run.names.length, values = new Float64Array(n), totals = new Float64Array(n), more = new Float64Array(n), ends = new Map();
  const tally = (t, whose, counts) => {
    values.fill(0); totals.fill(0);
    for (let i = 0; i < run.n && run.sent[i] <= t; i++) {
      if (run.end[i] > t) continue;
      totals[whose[i]]++;
      if (counts === (run.cause[i] !== 0)) values[whose[i]]++;
    }
  };
  const greatest = (list) => { let most = 0; for (let i = 0; i < run.known; i++) most = Math.max(most, list[i] || 0); return most; };
  return (mode, t) => {
    const [kind, which] = mode.split(":");
    if (kind === "measure") { const m = data.measures[Number(which)]; return { values: m.values, most: greatest(m.values), text: (v) => number(v) + " " + m.unit }; }
    if (kind === "radio") {
      // Colours mean the same all the time: the greatest is that of the end.
      const fill = (time) => {
        values.fill(0);
        radio.at(which === "energy" ? spends.send : spends[which], time, values);
        if (which !== "energy") return;
        radio.at(spends.receive, time, more);
        for (let i = 0; i < n; i++) values[i] += radio.of[i] < 0 ? 0 : more[i];
      };
      if (!ends.has(which)) { fill(Infinity); ends.set(which, greatest(values)); }
      const most = ends.get(which);
      fill(t);
      for (let i = 0; i < n; i++) if (radio.of[i] < 0) values[i] = NaN;
      return { values, most, text: which === "energy" || which === "send" ? millijoules : (v) => number(v) + " frames" + (which === "lost" ? " lost" : "") };
    }
    tally(t, kind === "gone" ? run.from : run.to, kind !== "traffic");
    if (kind === "traffic") return { values, most: greatest(values), text: (v) => number(v) + " messages" };
    for (let i = 0; i < n; i++) values[i] = totals[i] ? values[i] / totals[i] : 0;
    return { values, most: greatest(values), text: (v) => number(100 * v) + "% lost" };
  };
}

function buildMap(panel) {
  const p = plan(), n = run.names.length, measure = meter();
  const canvas = make("canvas", { tabindex: "0", role: "img", "aria-label": "Map of the nodes; arrow keys choose one", id: "map" });
  const tip = make("div", { id: "tip", hidden: true });
  const mode = make("select", { id: "mode", "aria-label": "What the colours of the nodes mean" });
  modesOf(mode);
  const legend = make("ul", { class: "legend", id: "legend" });
  const note = make("p", { class: "soft note" });
  const detail = make("div", { id: "node" });
  const find = make("input", { type: "search", list: "names", placeholder: "name of a node", "aria-label": "Find a node", onchange: () => choose(run.names.indexOf(find.value.trim())) });
  const names = make("datalist", { id: "names" });
  for (const name of run.names.slice(0, 2000)) names.append(make("option", { value: name }));
  panel.append(make("div", { class: "cols" },
    make("div", { class: "panel map" }, canvas, tip),
    make("div", {},
      make("div", { class: "panel" }, make("div", { class: "row" }, make("label", {}, "colours ", mode)), legend, note),
      make("div", { class: "panel" }, make("div", { class: "row" }, find, names), detail))));
  const draws = painter(canvas, p);
  themeChanged.push(draws.readColours);
  new ResizeObserver(draws.resize).observe(canvas);
  let hovered = -1, facts = null;

  const mix = (share) => "color-mix(in srgb, " + draws.colours().high + " " + Math.round(100 * share) + "%, " + draws.colours().low + ")";
  const legendOf = (rows) => {
    while (legend.children.length > rows.length) legend.lastChild.remove();
    rows.forEach(([name, text], i) => {
      const li = legend.children[i] || legend.appendChild(make("li", {}, make("span", { class: "key" }), make("span")));
      li.firstChild.style.background = name.startsWith("color-mix") ? name : "var(--" + name + ")";
      if (li.lastChild.textContent !== text) li.lastChild.textContent = text;
    });
  };
  const nodes = (t) => {
    const [kind, which] = mode.value.split(":");
    const more = notes[mode.value] || "";
    if (note.textContent !== more) note.textContent = more;
    if (kind === "stage") {
      const s = stages(Number(which)), list = [[], [], [], [], []];
      for (let i = 0; i < n; i++) list[s.counted[i] <= t ? 3 : s.responded[i] <= t ? 2 : s.asks[i] <= t ? 4 : s.reached[i] <= t ? 1 : 0].push(i);
      ["idle", "reached", "responded", "counted", "asks"].forEach((c, k) => draws.dots(list[k], draws.colours()[c], k === 4 ? p.size + 2 : p.size));
      legendOf([["asks", number(list[4].length) + " asking"], ["counted", number(list[3].length) + " have answered"], ["responded", number(list[2].length) + " whose answer is under way or lost"],
        ["reached", number(list[1].length) + " reached by a request"], ["idle", number(list[0].length) + " not reached"]]);
      return;
    }
    const { values, most, text } = measure(mode.value, t);
    const steps = 8, list = Array.from({ length: steps + 1 }, () => []), none = [];
    for (let i = 0; i < n; i++) (Number.isNaN(values[i]) ? none : list[most ? Math.min(Math.ceil(((values[i] || 0) / most) * steps), steps) : 0]).push(i);
    draws.dots(none, draws.colours().idle, p.size);
    list.forEach((l, k) => draws.dots(l, mix(k / steps), p.size));
    legendOf([...(most ? [[mix(0), text(0)], [mix(0.5), text(most / 2)], [mix(1), text(most)]] : [[mix(0), text(0)]]), ...(none.length ? [["idle", "no radio"]] : [])]);
  };
  const paint = (t) => {
    if (panel.hidden) return;
    p.move(t);
    draws.clear();
    draws.frames();
    if (hovered >= 0 || chosenNode >= 0) draws.range(hovered >= 0 ? hovered : chosenNode, t);
    draws.messages(t);
    nodes(t);
    draws.names();
    if (hovered >= 0) draws.ring(hovered, 1);
    if (chosenNode >= 0) draws.ring(chosenNode, 2);
    if (facts && chosenNode >= 0) factsOf(chosenNode, t).forEach(([, v], k) => { if (facts[k].textContent !== v) facts[k].textContent = v; });
  };
  timeChanged.push(paint);

  function choose(i) {
    if (i < 0 || i >= n) return;
    chosenNode = i;
    const rows = factsOf(i, now);
    const dl = make("dl", {});
    facts = rows.map(([k, v]) => { const dd = make("dd", {}, v); dl.append(make("dt", {}, k), dd); return dd; });
    detail.replaceChildren(dl, make("div", { class: "row" }, make("button", { type: "button", onclick: () => { show("exchanges", true); filterExchanges(run.names[i]); } }, "Its exchanges")));
    detail.lastChild.style.marginTop = "8px";
    say(rows.map((r) => r.join(" ")).join(", "));
    changed();
  }
  chooseNode = choose;
  detail.append(make("p", { class: "soft" }, "Click a node, or move with the arrow keys on the map." + (radio ? " It shows who hears it, and what it has spent." : "")));
  const nearest = (e) => {
    const r = canvas.getBoundingClientRect();
    let best = -1, least = 24 * 24;
    for (let i = 0; i < n; i++) {
      const d = (p.x[i] - (e.clientX - r.left)) ** 2 + (p.y[i] - (e.clientY - r.top)) ** 2;
      if (d < least) { least = d; best = i; }
    }
    return best;
  };
  const hover = (i) => {
    if (i === hovered) return;
    hovered = i;
    tip.hidden = i < 0;
    if (i >= 0) {
      const rows = factsOf(i, now);
      tip.replaceChildren(make("strong", {}, rows[0][1]), make("dl", {}, ...rows.filter(([k]) => briefly.has(k)).flatMap(([k, v]) => [make("dt", {}, k), make("dd", {}, v)])));
      const left = canvas.offsetLeft + p.x[i] + 14, top = canvas.offsetTop + p.y[i] + 14;
      tip.style.left = Math.max(0, left + tip.offsetWidth > canvas.clientWidth ? left - 28 - tip.offsetWidth : left) + "px";
      tip.style.top = Math.max(0, top + tip.offsetHeight > canvas.clientHeight ? top - 28 - tip.offsetHeight : top) + "px";
    }
    changed();
  };
  canvas.addEventListener("pointermove", (e) => hover(e.pointerType === "touch" ? -1 : nearest(e)));
  canvas.addEventListener("pointerleave", () => hover(-1));
  canvas.addEventListener("click", (e) => choose(nearest(e)));
  canvas.addEventListener("keydown", (e) => {
    if (e.key === "Escape") hover(-1);
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
    if (!step) return;
    choose((Math.max(chosenNode, step > 0 ? -1 : 0) + step + n) % n);
    e.preventDefault();
  });
  mode.addEventListener("change", changed);
  draws.readColours();
  return () => { draws.resize(); };
}
