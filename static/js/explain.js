// Explanations of figures: shown by style sheet on hover and focus, placed here so that none is cut off; Escape hides.
export function explain(root) {
  const place = ({ target }) => {
    const term = target.closest?.(".gg-define");
    const tip = term?.nextElementSibling;
    if (!tip?.classList.contains("gg-tip")) return;
    root.classList.remove("gg-tip-off");
    tip.style.left = "0px";
    tip.style.top = "0px";
    requestAnimationFrame(() => {
      const at = term.getBoundingClientRect();
      const box = tip.getBoundingClientRect();
      const under = at.bottom + 6 + box.height < innerHeight;
      tip.style.left = `${Math.max(12, Math.min(at.left, innerWidth - box.width - 12))}px`;
      tip.style.top = `${under ? at.bottom + 6 : Math.max(6, at.top - box.height - 6)}px`;
    });
  };
  root.addEventListener("mouseover", place);
  root.addEventListener("focusin", place);
  root.addEventListener("keydown", ({ key }) => { if (key === "Escape") root.classList.add("gg-tip-off"); });
}
