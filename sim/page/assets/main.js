if (data.kind === "run") buildRun(); else buildSweep();
buildTabs();
if (run) {
  buildTimebar();
  setTime(0);
}
show(views[0].id);
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName) && e.target.type !== "range") return;
  if (e.key === " " && run && !$("timebar").hidden && e.target.tagName !== "BUTTON") { play(!playing); e.preventDefault(); }
  if (e.key === "t") switchTheme();
  const v = views[Number(e.key) - 1];
  if (v) show(v.id, true);
});
document.documentElement.dataset.ready = "yes";
