// A dashboard that is being counted: asked for again every few seconds, and loaded once its figures are there.
import { Freshness } from "./fresh.js";

new Freshness(document.querySelector("[data-dashboard]"), (page) => {
  if (!page.querySelector("[data-pending]")) location.reload();
});
