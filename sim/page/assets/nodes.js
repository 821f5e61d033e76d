// What each node has sent, received, lost and spent, in a table.
const mostRows = 300;

function buildNodes(panel) {
  const n = run.nodes, k = (kind) => (i) => (radio.of[i] < 0 ? 0 : radio.total(kind, i));
  const mj = (f) => (i) => f(i) / 1000;
  const columns = [["node", null], ["sent", (i) => n.sent[i]], ["received", (i) => n.received[i]], ["bytes", (i) => n.bytes[i]], ["lost to it", (i) => n.lost[i]], ["lost from it", (i) => n.gone[i]]];
  if (radio) columns.push(["mJ sending", mj(k(spends.send))], ["mJ receiving", mj(k(spends.receive))], ["mJ idle", mj((i) => (radio.of[i] < 0 ? 0 : radio.idle[radio.of[i]]))], ...(radio.asleep.some((v) => v > 0) ? [["mJ asleep", mj((i) => (radio.of[i] < 0 ? 0 : radio.sleep[radio.of[i]]))]] : []), ["frames sent", k(spends.sent)], ["frames lost", k(spends.lost)]);
  for (const m of data.measures || []) columns.push([m.name + ", " + m.unit, (i) => m.values[i] || 0]);
  let by = radio ? 7 : 4, down = true;
  const find = make("input", { type: "search", placeholder: "name of a node", "aria-label": "Filter nodes", id: "which" });
  const count = make("p", { class: "soft" });
  const head = make("tr", {}), body = make("tbody", {});
  const heads = columns.map(([name], c) => {
    const th = make("th", { scope: "col" }, make("button", { type: "button", class: "plain", onclick: () => { down = by === c ? !down : c > 0; by = c; fill(); } }, name));
    head.append(th);
    return th;
  });
  panel.append(make("div", { class: "panel" }, make("div", { class: "row" }, find), make("div", { class: "scroll" }, make("table", { id: "table", class: "wide" }, make("thead", {}, head), body)), count));
  const fill = () => {
    const text = find.value.trim().toLowerCase(), value = columns[by][1], sign = down ? -1 : 1;
    const list = [];
    for (let i = 0; i < run.known; i++) if (run.names[i].toLowerCase().includes(text)) list.push(i);
    list.sort((a, b) => (value ? sign * (value(a) - value(b)) : sign * (a - b)) || a - b);
    heads.forEach((th, c) => th.setAttribute("aria-sort", c !== by ? "none" : down ? "descending" : "ascending"));
    body.replaceChildren(...list.slice(0, mostRows).map((i) => make("tr", {},
      make("td", {}, make("button", { type: "button", class: "plain", title: "show it on the map", onclick: () => { show("map"); chooseNode(i); $("map").focus(); } }, run.names[i])),
      ...columns.slice(1).map(([, f]) => make("td", {}, number(f(i)))))));
    count.textContent = plural(list.length, "node") + (list.length > mostRows ? ", of which the first " + mostRows + " are listed" : "") + "; of the whole run.";
  };
  find.addEventListener("input", fill);
  fill();
  return null;
}
