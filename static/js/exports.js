// Exports on their way: while one moves the list is fetched anew every two seconds, and put in place of the old one.
const SECONDS = 2;

async function refresh() {
  const list = document.querySelector("[data-exports]");
  if (!list?.hasAttribute("data-moving")) return;
  try {
    const answer = document.hidden ? null : await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer?.redirected) return;
    if (answer?.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-exports]");
      // who is about to press a button keeps it under his finger
      if (fresh && !list.contains(document.activeElement)) list.replaceWith(fresh);
    }
  } catch {
    // the next time comes
  }
  setTimeout(refresh, SECONDS * 1000);
}

setTimeout(refresh, SECONDS * 1000);
