// What a run has, decoded; and the moment that is shown.
const run = data.kind === "run" ? decodeRun() : null;

function decodeRun() {
  const [sent, under, from, to, cause, gram, exchange] = columnsOf(data.messages);
  addUp(sent);
  const end = new Float64Array(sent.length);
  let longest = 0;
  for (let i = 0; i < sent.length; i++) { end[i] = sent[i] + under[i]; longest = Math.max(longest, under[i]); }
  const [xClient, xServer, xLabel, xStart, xCount] = columnsOf(data.exchanges);
  const [eAt, eAction, eWhat, eFrom, eTo] = columnsOf(data.events);
  addUp(eAt);
  const names = [];
  for (const g of data.groups) for (const n of g.names) names.push(n);
  const known = names.length;
  for (const n of data.extra || []) names.push(n);
  const [nSent, nReceived, nLost, nBytes, nGone] = columnsOf(data.nodes);
  return {
    n: sent.length, sent, end, from, to, cause, gram, exchange, longest, names, known,
    exchanges: { n: xStart.length, client: xClient, server: xServer, label: xLabel, start: xStart, count: xCount },
    events: { n: eAt.length, at: eAt, action: eAction, what: eWhat, from: eFrom, to: eTo },
    nodes: { sent: nSent, received: nReceived, lost: nLost, bytes: nBytes, gone: nGone },
    length: data.end_us * 1.02 + 1000,
  };
}
const whats = { asks: 0, answered: 1, failed: 2, cancelled: 3 };
const nodeName = (i) => (i < 0 ? "the group" : run.names[i]);

let now = 0;
let playing = false;
const timeChanged = [];
let asked = 0;

// changed has everything drawn anew, once a frame at most.
function changed() {
  if (asked) return;
  asked = requestAnimationFrame(() => {
    asked = 0;
    for (const f of timeChanged) f(now);
  });
}

function setTime(us) {
  now = Math.min(Math.max(us, 0), run.length);
  const scrub = $("scrub");
  scrub.value = Math.round((now / run.length) * 10000);
  scrub.setAttribute("aria-valuetext", time(now));
  $("now").textContent = time(now);
  changed();
}

function play(on) {
  playing = on;
  $("play").textContent = on ? "❚❚" : "▶";
  if (!on) return;
  if (now >= run.length) setTime(0);
  let last = performance.now();
  const frame = (t) => {
    if (!playing) return;
    setTime(now + (t - last) * 1000 * Number($("speed").value));
    last = t;
    if (now >= run.length) play(false); else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function buildTimebar() {
  $("scrub").addEventListener("input", (e) => { play(false); setTime((e.target.value / 10000) * run.length); });
  $("play").addEventListener("click", () => play(!playing));
  const places = [["the beginning", 0]];
  for (let a = 0; a < data.actions.length; a++) {
    const e = run.events;
    for (let i = 0, n = 0; i < e.n && n < 20; i++) {
      if (e.action[i] === a && e.what[i] === whats.asks && (n === 0 || e.at[i] > places[places.length - 1][1] + run.length / 50)) {
        places.push([data.actions[a] + " asks", e.at[i]]);
        n++;
      }
    }
  }
  for (const m of (data.marks || []).slice(0, 100)) places.push([m.name + (m.begins ? " begins" : " ends"), m.t]);
  places.push(["the end", run.length]);
  places.sort((a, b) => a[1] - b[1]);
  const go = $("goto");
  go.append(make("option", { value: "" }, "…"));
  for (const [name, at] of places) go.append(make("option", { value: at }, name + ", " + time(at)));
  go.addEventListener("change", () => { if (go.value !== "") setTime(Number(go.value)); go.value = ""; });
}

// stages says of each node when, in the course of an action, a request reached it,
// it answered, and its answer counted; -1 = of any action.
const stageCache = new Map();
function stages(action) {
  if (stageCache.has(action)) return stageCache.get(action);
  const n = run.names.length;
  const s = { reached: new Float64Array(n).fill(Infinity), responded: new Float64Array(n).fill(Infinity), counted: new Float64Array(n).fill(Infinity), asks: new Float64Array(n).fill(Infinity) };
  const e = run.events;
  let begins = Infinity;
  for (let i = 0; i < e.n; i++) {
    if (action >= 0 && e.action[i] !== action) continue;
    const from = e.from[i] - 1, to = e.to[i] - 1;
    if (e.what[i] === whats.asks) {
      begins = Math.min(begins, e.at[i]);
      if (from >= 0) s.asks[from] = Math.min(s.asks[from], e.at[i]);
    } else if (e.what[i] === whats.answered && to >= 0) s.counted[to] = Math.min(s.counted[to], e.at[i]);
  }
  const x = run.exchanges;
  for (let i = 0; i < run.n; i++) {
    const ex = run.exchange[i];
    if (x.start[ex] < begins) continue;
    const client = x.client[ex] - 1, from = run.from[i], to = run.to[i];
    if (from === client && run.cause[i] === 0) s.reached[to] = Math.min(s.reached[to], run.end[i]);
    else if (to === client) s.responded[from] = Math.min(s.responded[from], run.sent[i]);
  }
  stageCache.set(action, s);
  return s;
}
