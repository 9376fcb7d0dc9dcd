// Whoever does nothing is signed out by the server. Two minutes before, the page says so; a click, a key or the button is
// doing something, in any tab. What pages do by themselves is not. What was typed is kept as a draft all along.
import { token } from "./api.js";
import { toast } from "./toast.js";

const body = document.body;
const idleMs = Number(body.dataset.idle) * 60_000;
const WARN_MS = Math.min(120_000, idleMs / 2);
const TELL_MS = 60_000;
const PLACE = "gg-here";
let told = Date.now();
let close = null;

/** When somebody was last at work in any tab of this browser. */
function last() {
  try {
    return Math.max(told, Number(localStorage.getItem(PLACE)) || 0);
  } catch {
    return told;
  }
}

async function tell() {
  told = Date.now();
  try {
    localStorage.setItem(PLACE, String(told));
  } catch {
    // without a store each tab tells for itself
  }
  await fetch(body.dataset.here, { method: "POST", headers: { "X-CSRFToken": token() }, credentials: "same-origin", redirect: "manual" }).catch(() => {});
}

function atWork() {
  if (close || Date.now() - last() > TELL_MS) {
    close?.();
    close = null;
    tell();
  }
}

function look() {
  const left = last() + idleMs - Date.now();
  if (left > WARN_MS) {
    close?.();
    close = null;
  } else if (left > 0 && !close) {
    const minutes = Math.max(1, Math.round(left / 60_000));
    close = toast(interpolate(gettext("无人操作，%s 分钟后将退出登录。写着的内容已存为草稿。"), [minutes]), {
      kind: "over", stays: true, action: { label: gettext("继续工作"), run: atWork },
    });
  } else if (left <= 0) {
    // the server knows better: another browser window may have been at work
    fetch(body.dataset.here, { credentials: "same-origin", redirect: "manual", cache: "no-store" }).then((answer) => {
      if (answer.status !== 204) location.reload();
      else told = Date.now() - idleMs + WARN_MS;
    }).catch(() => {});
  }
}

if (idleMs > 0) {
  try {
    localStorage.setItem(PLACE, String(told)); // a page that is opened is somebody's doing
  } catch {
    // as above
  }
  for (const kind of ["pointerdown", "keydown", "wheel", "touchstart"]) addEventListener(kind, atWork, { passive: true, capture: true });
  setInterval(look, Math.min(10_000, WARN_MS / 4));
}
