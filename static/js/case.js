// Comforts of the case page: the pictures before and after laid over each other, and paper.
for (const figure of document.querySelectorAll("[data-compare]")) {
  const slider = figure.querySelector("input");
  const put = () => figure.style.setProperty("--gg-share", `${slider.value}%`);
  slider.addEventListener("input", put);
  put();
}
document.querySelector("[data-print]")?.addEventListener("click", () => window.print());
