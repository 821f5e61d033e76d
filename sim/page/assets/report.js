// What came of it.
function buildReport(panel) {
  const r = data.report;
  const facts = make("dl", {});
  for (const [k, v] of [["nodes", number(r.nodes)], ["virtual time", time(r.virtual_ms * 1000)], ["datagrams sent", number(r.sent)], ["delivered", number(r.deliveries) + ", " + plural(r.bytes, "byte")],
    ["lost", number(r.lost)], ["duplicated", number(r.duplicated)], ["trace", r.trace_hash]]) facts.append(make("dt", {}, k), make("dd", {}, v));
  panel.append(make("div", { class: "tiles" }, make("div", { class: "panel" }, make("h2", {}, "Run"), facts), make("div", { class: "panel" }, make("h2", {}, "See it again"), command(data.replay))));
  if ((r.violations || []).length) panel.append(make("div", { class: "panel" }, make("h2", { class: "bad" }, "Violated"), make("ul", {}, ...r.violations.map((v) => make("li", { class: "mono" }, v)))));
  if ((r.expectations || []).length) {
    const table = make("table", {}, make("tr", {}, make("th", {}, "expected"), make("th", {}, ""), make("th", {}, "left"), make("th", {}, "right")));
    for (const x of r.expectations) table.append(make("tr", {}, make("td", { class: "mono" }, x.expression), make("td", { class: x.ok ? "good" : "bad" }, x.ok ? "✓ holds" : "✗ does not hold"),
      make("td", {}, x.left === null ? "no value" : number(x.left)), make("td", {}, x.right === null ? "no value" : number(x.right))));
    panel.append(make("div", { class: "panel" }, make("h2", {}, "Expectations"), make("div", { class: "scroll" }, table)));
  }
  if ((r.compared || []).length) panel.append(comparison(r));
  const tiles = make("div", { class: "tiles" });
  panel.append(tiles);
  for (const a of r.actions || []) {
    const table = make("dl", {});
    for (const [k, v] of Object.entries(a)) if (k !== "name" && k !== "verb" && typeof v !== "object") table.append(make("dt", {}, k), make("dd", {}, typeof v === "number" ? number(v) : String(v)));
    tiles.append(make("div", { class: "panel" }, make("h2", {}, a.name + " (" + a.verb + ")"), table));
  }
  return null;
}

// comparison is what the discoveries came to by each of the strategies that are
// compared.
function comparison(r) {
  const ms = (v) => time(v * 1000);
  const columns = [["recall", "coverage", (v) => v.toFixed(4)], ["precision", "precision", (v) => v.toFixed(4)], ["answers", "responses", number], ["messages", "messages", number], ["bytes asked", "query_bytes", number], ["bytes answered", "response_bytes", number],
    ["to 50%", "t50_ms", ms], ["to 90%", "t90_ms", ms], ["to 99%", "t99_ms", ms], ["collisions", "collisions", number], ["frames", "frames", number], ["mJ sent", "send_mj", number], ["mJ received", "receive_mj", number]];
  const rows = [];
  for (const a of r.actions) {
    const all = [[a.strategy, a], ...r.compared.map((x) => [x.strategy, x.actions.find((k) => k.name === a.name)])].filter(([, k]) => k && k.verb === "discover");
    all.forEach(([by, k], i) => rows.push([i ? "" : a.name, by, k]));
  }
  const said = columns.filter(([, key]) => rows.some(([, , k]) => k[key]));
  const table = make("table", { id: "compared", class: "wide" }, make("tr", {}, make("th", {}, ""), make("th", { class: "text" }, "by"), ...said.map(([name]) => make("th", {}, name))));
  for (const [name, by, k] of rows) table.append(make("tr", {}, make("td", {}, name), make("td", { class: "text" }, by), ...said.map(([, key, text]) => make("td", {}, typeof k[key] === "number" ? text(k[key]) : "–"))));
  return make("div", { class: "panel" }, make("h2", {}, "Strategies compared"), make("div", { class: "scroll" }, table));
}

function buildRun() {
  $("title").textContent = data.report.scenario + ", seed " + data.seed;
  $("about").textContent = data.about;
  verdict(data.report.passed, data.report.passed ? "passed" : "failed");
  const l = data.left_out, words = [];
  if (l.messages) words.push(plural(l.messages, "copy").replace("copys", "copies") + " of datagrams");
  if (l.datagrams) words.push("the bytes of " + plural(l.datagrams, "datagram"));
  if (l.events) words.push(plural(l.events, "event"));
  if (l.nodes) words.push(plural(l.nodes, "node"));
  $("left").textContent = words.length ? "Too much for one page, and left out: " + words.join(", ") + ". What is counted over time is complete." : "";
  addView("map", "Map", buildMap, true);
  addView("charts", "Over time", buildCharts, true);
  addView("exchanges", "Exchanges", buildExchanges, false);
  addView("nodes", "Nodes", buildNodes, false);
  addView("report", "Report", buildReport, false);
}

function verdict(passed, text) {
  $("verdict").textContent = text;
  $("verdict").className = "badge " + (passed ? "good" : "bad");
}
