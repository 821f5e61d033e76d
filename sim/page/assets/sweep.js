// The seeds of a sweep.
function buildSweep() {
  $("title").textContent = data.scenario + ", " + plural(data.seeds.length + data.left_out, "seed");
  $("about").textContent = data.about;
  verdict(data.failed === 0, data.failed === 0 ? "all passed" : number(data.failed) + " failed");
  if (data.left_out) $("left").textContent = number(data.left_out) + " more seeds are left out.";
  addView("seeds", "Seeds", buildSeeds, false);
}

function buildSeeds(panel) {
  const grid = make("div", { class: "grid", id: "grid", role: "group", "aria-label": "Seeds; arrow keys move" });
  const detail = make("div", { id: "seed" }, make("p", { class: "soft" }, "Click a seed to see how to run it again."));
  const only = make("input", { type: "checkbox", id: "only" });
  const size = make("select", { "aria-label": "What the brightness means" });
  for (const [value, name] of [["", "nothing"], ["deliveries", "datagrams delivered"], ["lost", "datagrams lost"], ["virtual_ms", "virtual time"]]) size.append(make("option", { value }, name));
  panel.append(make("div", { class: "cols" }, make("div", { class: "panel" },
    make("div", { class: "row" }, make("label", {}, only, " only those that failed"), make("label", {}, "brightness ", size)),
    make("ul", { class: "legend flat" }, make("li", {}, key("counted"), "passed"), make("li", {}, key("lost"), "failed (!)")), grid), make("div", { class: "panel" }, detail)));
  let chosen = null;
  const choose = (s, b) => {
    if (chosen) chosen.setAttribute("aria-pressed", false);
    chosen = b;
    b.setAttribute("aria-pressed", true);
    const dl = make("dl", {});
    for (const [k, v] of [["seed", s.seed], ["verdict", s.passed ? "passed" : "failed"], ["delivered", number(s.deliveries)], ["lost", number(s.lost)], ["virtual time", time(s.virtual_ms * 1000)], ["trace", s.hash]])
      dl.append(make("dt", {}, k), make("dd", {}, v));
    detail.replaceChildren(make("h2", {}, "Seed " + s.seed), dl);
    if ((s.why || []).length) detail.append(make("ul", { class: "bad" }, ...s.why.map((w) => make("li", {}, w))));
    detail.append(make("p", { class: "soft" }, "See it again:"), command(s.replay));
    say("seed " + s.seed + (s.passed ? " passed" : " failed"));
  };
  const fill = () => {
    const list = data.seeds.filter((s) => !only.checked || !s.passed);
    let least = Infinity, most = -Infinity;
    if (size.value) for (const s of list) { least = Math.min(least, s[size.value]); most = Math.max(most, s[size.value]); }
    grid.replaceChildren(...list.map((s, i) => {
      const b = make("button", { type: "button", class: s.passed ? "" : "failed", tabindex: i ? -1 : 0, "aria-pressed": false, title: "seed " + s.seed, "aria-label": "seed " + s.seed + (s.passed ? ", passed" : ", failed") }, s.passed ? "" : "!");
      if (size.value) b.style.opacity = 0.35 + 0.65 * (most > least ? (s[size.value] - least) / (most - least) : 1);
      b.addEventListener("click", () => choose(s, b));
      return b;
    }));
    if (!list.length) grid.append(make("p", { class: "soft" }, "None."));
  };
  grid.addEventListener("keydown", (e) => {
    const cells = [...grid.children], i = cells.indexOf(document.activeElement);
    const across = cells.filter((c) => c.offsetTop === cells[0].offsetTop).length;
    const to = cells[{ ArrowRight: i + 1, ArrowLeft: i - 1, ArrowDown: i + across, ArrowUp: i - across, Home: 0, End: cells.length - 1 }[e.key] ?? -1];
    if (!to) return;
    document.activeElement.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
    e.preventDefault();
  });
  only.addEventListener("change", fill);
  size.addEventListener("change", fill);
  fill();
  return null;
}
