const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

// make makes an element. What it says is always text.
function make(tag, props, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k === "class") e.className = v;
    else if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (v === true) e.setAttribute(k, "");
    else if (v !== false && v !== null && v !== undefined) e.setAttribute(k, v);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

// draw makes an element of a picture.
function draw(tag, props, ...children) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [k, v] of Object.entries(props || {})) {
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else e.setAttribute(k, v);
  }
  e.append(...children);
  return e;
}

function bytesOf(base64) {
  const s = atob(base64);
  const b = new Uint8Array(s.length);
  for (let i = 0; i < s.length; i++) b[i] = s.charCodeAt(i);
  return b;
}

// columnsOf reads columns of varints.
function columnsOf(c) {
  return c.cols.map((col) => {
    const b = bytesOf(col || "");
    const out = new Float64Array(c.n);
    for (let i = 0, at = 0; i < c.n; i++) {
      let v = 0, f = 1, byte;
      do { byte = b[at++]; v += (byte & 127) * f; f *= 128; } while (byte > 127);
      out[i] = v;
    }
    return out;
  });
}

function addUp(col) {
  for (let i = 1; i < col.length; i++) col[i] += col[i - 1];
  return col;
}

// lowerBound returns the first i with col[i] >= v.
function lowerBound(col, v) {
  let lo = 0, hi = col.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (col[mid] < v) lo = mid + 1; else hi = mid;
  }
  return lo;
}

function time(us) {
  if (us >= 100e6) return (us / 1e6).toFixed(1) + " s";
  if (us >= 1e6) return (us / 1e6).toFixed(3) + " s";
  if (us >= 1e3) return Number((us / 1e3).toFixed(2)) + " ms";
  return Math.round(us) + " µs";
}

const number = (n) => Number(n).toLocaleString("en-US", { maximumFractionDigits: 2 });
const plural = (n, what) => number(n) + " " + what + (n === 1 ? "" : "s");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
const key = (name) => { const e = make("span", { class: "key" }); e.style.background = "var(--" + name + ")"; return e; };
const say = (text) => { $("said").textContent = text; };

// command shows a command, with a button that copies it.
function command(text) {
  const code = make("code", {}, text);
  const button = make("button", { type: "button", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      say("copied");
      button.textContent = "Copied";
    } catch {
      const range = document.createRange();
      range.selectNodeContents(code);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  } }, "Copy");
  return make("div", { class: "command" }, code, button);
}

// Light and dark.
const themeChanged = [];
function dark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
function switchTheme() {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  for (const f of themeChanged) f();
}
$("theme").addEventListener("click", switchTheme);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { for (const f of themeChanged) f(); });

// Views.
const views = [];
function addView(id, name, build, timed) { views.push({ id, name, build, timed, panel: null, tab: null }); }
function show(id, focus) {
  for (const v of views) {
    const on = v.id === id;
    v.tab.setAttribute("aria-selected", on);
    v.tab.tabIndex = on ? 0 : -1;
    v.panel.hidden = !on;
    if (!on) continue;
    if (focus) v.tab.focus();
    $("timebar").hidden = !v.timed;
    if (!v.built) { v.built = true; v.shown = v.build(v.panel); }
    if (v.shown) v.shown();
  }
}
function buildTabs() {
  for (const v of views) {
    v.panel = make("section", { id: "view-" + v.id, role: "tabpanel", "aria-labelledby": "tab-" + v.id, hidden: true });
    v.tab = make("button", { type: "button", role: "tab", id: "tab-" + v.id, "aria-controls": "view-" + v.id, onclick: () => show(v.id) }, v.name);
    $("tabs").append(v.tab);
    $("views").append(v.panel);
  }
  $("tabs").addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    const i = views.findIndex((v) => v.tab.getAttribute("aria-selected") === "true");
    show(views[(i + step + views.length) % views.length].id, true);
    e.preventDefault();
  });
}
