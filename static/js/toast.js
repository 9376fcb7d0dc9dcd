// A short word about what was done, with a way back for ten seconds. Said to screen readers, never in the way.
const SHOWN_MS = 10_000;

let shelf = null;

export function toast(words, { kind = "ok", action = null } = {}) {
  shelf ??= document.body.appendChild(
    Object.assign(document.createElement("div"), { className: "gg-toasts", role: "status", ariaLive: "polite" }),
  );
  const shown = document.createElement("div");
  shown.className = `gg-toast gg-toast-${kind}`;
  shown.append(Object.assign(document.createElement("span"), { textContent: words }));
  const close = () => shown.remove();
  if (action) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: action.label });
    button.addEventListener("click", () => {
      close();
      action.run();
    });
    shown.append(button);
  }
  shelf.replaceChildren(shown);
  setTimeout(close, SHOWN_MS);
  return close;
}
