// What is known of the radios: who hears whom, and, by time, where they are and
// what they have spent.
const radio = run && data.radio ? decodeRadio() : null;

function decodeRadio() {
  const [node, segment, x, y, idle, sleep, asleep] = columnsOf(data.radio.nodes);
  const n = node.length, samples = data.radio.samples.n / n;
  const times = addUp(columnsOf({ n: samples, cols: [data.radio.times] })[0]);
  const kinds = columnsOf(data.radio.samples);
  kinds.forEach((col, k) => {
    for (let i = 0; i < n; i++) {
      let sum = k === 4 ? x[i] : k === 5 ? y[i] : 0;
      for (let s = i * samples; s < (i + 1) * samples; s++) {
        sum += k < 4 ? col[s] : col[s] % 2 ? -(col[s] + 1) / 2 : col[s] / 2;
        col[s] = sum;
      }
    }
  });
  const of = new Int32Array(run.names.length).fill(-1); // which of them a node is
  for (let i = 0; i < n; i++) of[node[i]] = i;
  const near = new Map(); // by node, where there is no reach
  const join = (a, b) => { if (near.has(a)) near.get(a).push(b); else near.set(a, [b]); };
  const segments = data.radio.segments.map((s) => {
    const [a, b] = columnsOf(s.links);
    for (let i = 0; i < a.length; i++) { join(a[i], b[i]); join(b[i], a[i]); }
    return { name: s.name.replace(/^segment\//, ""), full: s.full, reach: s.reach_mm, leftOut: s.left_out, nodes: [] };
  });
  for (let i = 0; i < n; i++) segments[segment[i]].nodes.push(node[i]);
  const moves = kinds.length > 4;
  const last = (t) => Math.min(lowerBound(times, t + 0.5), samples) - 1;
  return {
    n, node, segment, idle, sleep, asleep, of, near, segments, moves, x, y,
    // at returns a number of each of them at a time, in a list by node.
    at(k, t, into) {
      const s = last(t);
      for (let i = 0; i < n; i++) into[node[i]] = s < 0 ? 0 : kinds[k][i * samples + s];
    },
    value: (k, i, t) => { const s = last(t); return s < 0 ? 0 : kinds[k][of[i] * samples + s]; },
    total: (k, i) => kinds[k][of[i] * samples + samples - 1],
    // place returns where one of them is: on the line between two samples.
    place(i, t) {
      if (!moves) return [x[i], y[i]];
      const s = last(t), a = Math.max(s, 0), b = Math.min(s + 1, samples - 1), o = i * samples;
      const q = b > a ? (t - times[a]) / (times[b] - times[a]) : 0;
      return [kinds[4][o + a] + q * (kinds[4][o + b] - kinds[4][o + a]), kinds[5][o + a] + q * (kinds[5][o + b] - kinds[5][o + a])];
    },
    // reachOf is how far a node is heard, 0 where that does not say it.
    reachOf: (i) => (of[i] < 0 ? 0 : segments[segment[of[i]]].reach),
    segmentOf: (i) => (of[i] < 0 ? null : segments[segment[of[i]]]),
  };
}
const spends = { send: 0, receive: 1, sent: 2, lost: 3 };
const millijoules = (uj) => number(uj / 1000) + " mJ";

// hears returns those who hear a node at a time; null = all of its segment.
let heard = { i: -1, t: -1, list: null };
function hears(i, t) {
  if (heard.i !== i || (heard.t !== t && radio && radio.moves)) heard = { i, t, list: whoHears(i, t) };
  return heard.list;
}
function whoHears(i, t) {
  const s = radio && radio.segmentOf(i);
  if (!s) return [];
  if (s.full) return null;
  if (!s.reach) return radio.near.get(i) || [];
  const [x, y] = radio.place(radio.of[i], t);
  return s.nodes.filter((k) => {
    if (k === i) return false;
    const [a, b] = radio.place(radio.of[k], t);
    return (a - x) ** 2 + (b - y) ** 2 <= s.reach ** 2;
  });
}
