// The sheet of plates: the button that prints it.
document.querySelector("[data-print]")?.addEventListener("click", () => window.print());
