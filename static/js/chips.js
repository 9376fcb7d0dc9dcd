// Time chips go on by themselves: one timer for all of them, by the server's clock, in the words of the server.
import { serverNow, words } from "./live.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SOON = 15 * MINUTE;
const SOON_SHARE = 0.3;

// [left, over (both with "{span}" in them), under, day, hour, minute]
const said = words("chips").split("|");

function span(ms) {
  const amount = Math.abs(ms);
  if (amount < MINUTE) return [[said[2]], [" 1 ", true], [said[5]]];
  const days = Math.floor(amount / DAY);
  const hours = Math.floor((amount % DAY) / HOUR);
  const minutes = Math.floor((amount % HOUR) / MINUTE);
  const pairs = days ? [[days, said[3]], [hours, said[4]]] : [[hours, said[4]], [minutes, said[5]]];
  return pairs.filter(([number]) => number).flatMap(([number, unit]) => [[` ${number} `, true], [unit]]);
}

function around(pattern, parts) {
  const [before, after] = pattern.split("{span}");
  if (!before) parts[0] = [parts[0][0].trimStart(), parts[0][1]];
  return [[before], ...parts, [after]].filter(([text]) => text);
}

function kindOf(left, share, level) {
  if (left < 0) return level >= 2 ? "over2" : "over";
  return left < SOON || (share !== null && share < SOON_SHARE) ? "soon" : "ok";
}

function mark(chip, name) {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", "gg-icon gg-icon-solid");
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${words("sprite")}#${name}`);
  icon.append(use);
  chip.querySelector("svg").replaceWith(icon);
}

function tick(chip, now) {
  const { due, since, level, label } = chip.dataset;
  const left = Number(due) - now;
  const share = since ? left / (Number(due) - Number(since)) : null;
  const parts = [...(label ? [[`${label} `]] : []), ...around(said[left < 0 ? 1 : 0], span(left))];
  const text = chip.querySelector(":scope > span");
  if (text.textContent !== parts.map(([part]) => part).join("")) {
    text.replaceChildren(
      ...parts.map(([part, figure]) => {
        if (!figure) return part;
        const bold = document.createElement("b");
        bold.textContent = part;
        return bold;
      }),
    );
  }
  const kind = kindOf(left, share, Number(level));
  if (!chip.classList.contains(`gg-sla-${kind}`)) {
    chip.className = `gg-sla gg-sla-${kind}`;
    if (kind !== "ok") mark(chip, kind === "soon" ? "alert-triangle-filled" : "alert-circle-filled");
  } else if (kind === "ok" && share !== null) {
    chip.querySelector(".gg-ring circle:last-child")?.setAttribute("stroke-dasharray", `${Math.max(1, Math.round(share * 100))} 100`);
  }
}

function tickAll() {
  if (document.hidden) return;
  const now = serverNow();
  for (const chip of document.querySelectorAll(".gg-sla[data-due]")) tick(chip, now);
}

if (said.length === 6) {
  setInterval(tickAll, 1000);
  document.addEventListener("visibilitychange", tickAll);
}
