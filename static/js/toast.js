// A short word about what was done, with a way back for ten seconds. Said to screen readers, never in the way.
const SHOWN_MS = 10_000;

// there before the first word is: a region that comes with its text is often not read out
const shelf = document.body.appendChild(
  Object.assign(document.createElement("div"), { className: "gg-toasts", role: "status", ariaLive: "polite" }),
);
let offered = null;

/** Takes the way back that is on offer, as a click on it does; whether there was one. */
export function takeOffer() {
  const taken = offered;
  taken?.click();
  return Boolean(taken);
}

/** `stays`: until it is answered; else ten seconds, and longer while it is pointed at or has the focus. */
export function toast(words, { kind = "ok", action = null, stays = false } = {}) {
  const shown = document.createElement("div");
  shown.className = `gg-toast gg-toast-${kind}`;
  shown.append(Object.assign(document.createElement("span"), { textContent: words }));
  offered = null;
  const close = () => {
    if (shown.matches(":hover, :focus-within") && shown.isConnected) return void setTimeout(close, SHOWN_MS);
    end();
  };
  const end = () => {
    if (offered?.parentElement === shown) offered = null;
    shown.remove();
  };
  if (action) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: action.label });
    if (action.key) button.append(" ", Object.assign(document.createElement("kbd"), { textContent: action.key }));
    offered = button;
    button.addEventListener("click", () => {
      end();
      action.run();
    });
    shown.append(button);
  }
  shelf.replaceChildren(shown);
  if (!stays) setTimeout(close, SHOWN_MS);
  return end;
}
