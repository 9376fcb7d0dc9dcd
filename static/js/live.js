// Live updates: one event stream a browser, shared by its tabs. Pages say live.on("case", ({n, seq, action, from, to}) => …),
// live.on("gap", () => …) (more was missed than is known: fetch everything), live.on("claim", ({n}) => …) (somebody else
// holds case n now, or nobody), live.on("notice", ({unread}) => …).
const lamp = document.querySelector("[data-live]");
const handlers = new Map();
const WATCH_MS = 45_000; // three heartbeats of the server
const POLL_MS = [3_000, 30_000];
const STATES = { live: "broadcast", poll: "refresh", retry: "loader-2", down: "plug-connected-x", out: "lock" };

let offset = lamp ? Number(lamp.dataset.now) - Date.now() : 0;
let last = lamp ? `0-0-${lamp.dataset.now}` : "";
let state = "";
let heardAt = Date.now();

export const serverNow = () => Date.now() + offset;
export const words = (name) => lamp?.dataset[name] ?? "";

export const live = {
  on(kind, handler) {
    handlers.set(kind, [...(handlers.get(kind) ?? []), handler]);
  },
  get state() {
    return state;
  },
  say(text) {
    const region = document.querySelector("[data-live-said]");
    if (region) region.textContent = text;
  },
};

function emit(kind, data) {
  for (const handler of handlers.get(kind) ?? []) handler(data);
}

// --- the lamp ---

function clockTime(ms) {
  return new Intl.DateTimeFormat("zh-CN", { timeZone: lamp.dataset.zone, timeStyle: "medium", hourCycle: "h23" }).format(ms);
}

function show(next) {
  if (next === state) return;
  const before = state;
  state = next;
  const cut = next === "down" || next === "out";
  lamp.dataset.state = next;
  lamp.hidden = false;
  lamp.querySelector("use").setAttribute("href", `${lamp.dataset.sprite}#${STATES[next]}`);
  const detail = cut ? lamp.dataset.asOf.replace("{t}", clockTime(heardAt + offset)) : "";
  lamp.querySelector("[data-live-words]").textContent = lamp.dataset[next];
  lamp.querySelector("[data-live-detail]").textContent = detail;
  lamp.title = lamp.dataset[next] + detail;
  // read out only what matters: that it is cut off, and that it is back
  if (cut) live.say(lamp.dataset[next] + detail);
  else if ((next === "live" || next === "poll") && (before === "down" || before === "out")) live.say(lamp.dataset[next]);
  emit("state", next);
}

// --- what came ---

let tell = () => {};

function take(kind, data, id) {
  heardAt = Date.now();
  if (id) last = id;
  if (data?.now) offset = data.now - Date.now();
  if (kind !== "hello" && kind !== "beat") emit(kind, data);
}

function heard(kind, data, id) {
  take(kind, data, id);
  tell({ kind, data, id });
}

function turn(next) {
  show(next);
  tell({ state: next, heardAt });
}

async function ask() {
  const answer = await fetch(`/live/changes?last=${encodeURIComponent(last)}`, { cache: "no-store" });
  if (answer.status === 401) return "out";
  if (!answer.ok) throw new Error(String(answer.status));
  const found = await answer.json();
  if (found.gap) heard("gap", {}, found.id);
  for (const { kind, ...data } of found.events) heard(kind, data, found.id);
  heard("hello", { now: found.now }, found.id);
  return found.events.length || found.gap ? "some" : "none";
}

// --- the tab that leads ---

function lead() {
  let source = null;
  let failures = 0;
  let timer = 0;
  let pause = POLL_MS[0];
  let polls = 0;

  const later = (ms, next) => {
    clearTimeout(timer);
    timer = setTimeout(next, ms);
  };

  function open() {
    source?.close();
    source = new EventSource(`/live/stream?last=${encodeURIComponent(last)}`);
    for (const kind of ["hello", "case", "claim", "notice", "reference", "gap", "beat"]) {
      source.addEventListener(kind, (event) => {
        if (kind === "hello") {
          failures = 0;
          clearTimeout(timer);
          turn("live");
        }
        heard(kind, JSON.parse(event.data), event.lastEventId);
      });
    }
    source.onerror = lost;
  }

  function lost() {
    source?.close();
    source = null;
    failures += 1;
    if (state === "live" || state === "") turn("retry");
    // each comes back at a time of its own, so that a restarted server is not run over
    const backOff = Math.min(30_000, 500 * 2 ** failures) * (0.5 + Math.random());
    later(failures < 2 ? backOff : 0, failures < 2 ? open : () => poll(backOff));
  }

  // Streams do not get through, or nothing does: ask, and try a stream again now and then.
  async function poll(backOff) {
    try {
      const found = await ask();
      if (found === "out") {
        turn("out");
        return;
      }
      polls += 1;
      // one answer may be the server coming up again: a stream is tried before it is called polling
      if (polls % 6 === 1) {
        later(200, open);
        return;
      }
      turn("poll");
      pause = found === "some" ? POLL_MS[0] : Math.min(POLL_MS[1], pause * 1.5);
      later(document.hidden ? POLL_MS[1] : pause, () => poll(backOff));
    } catch {
      turn("down");
      later(backOff, open);
    }
  }

  window.addEventListener("offline", () => {
    source?.close();
    source = null;
    clearTimeout(timer);
    failures += 1;
    turn("down");
  });
  window.addEventListener("online", () => {
    turn("retry");
    later(100, open);
  });
  setInterval(() => {
    if (source && Date.now() - heardAt > WATCH_MS) lost();
  }, 5_000);
  open();
}

function begin() {
  if (!("locks" in navigator) || !("BroadcastChannel" in window)) {
    // no way to share (plain HTTP): a stream of one's own, opened when the page is first looked at
    if (document.visibilityState === "visible") lead();
    else document.addEventListener("visibilitychange", lead, { once: true });
    return;
  }
  const name = `gridgov-live-${lamp.dataset.user}`;
  const channel = new BroadcastChannel(name);
  let leads = false;
  tell = (message) => leads && channel.postMessage(message);
  channel.onmessage = ({ data: message }) => {
    if (message.asks) tell({ state, heardAt });
    else if (leads) return;
    else if (message.kind) take(message.kind, message.data, message.id);
    else if (message.state) {
      heardAt = message.heardAt;
      show(message.state);
    }
  };
  navigator.locks.request(name, { ifAvailable: true }, (lock) => {
    if (lock) {
      leads = true;
      lead();
      return new Promise(() => {});
    }
    // another tab leads: what came between the making of this page and now is asked for once
    channel.postMessage({ asks: true });
    ask().catch(() => show("retry"));
    navigator.locks.request(name, () => {
      leads = true;
      lead();
      return new Promise(() => {});
    });
    setInterval(() => {
      if (!leads && Date.now() - heardAt > WATCH_MS) show("down");
    }, 5_000);
    return undefined;
  });
}

// --- what every page has ---

live.on("notice", ({ unread }) => {
  const bell = document.querySelector(".gg-bell");
  if (!bell) return;
  const text = unread > 99 ? "99+" : String(unread);
  let count = bell.querySelector(".gg-count");
  if (!count && unread) {
    count = document.createElement("span");
    count.className = "gg-count";
    count.setAttribute("aria-hidden", "true");
    bell.append(count);
  }
  if (count) {
    count.textContent = text;
    count.hidden = !unread;
  }
  bell.setAttribute("aria-label", lamp.dataset.bell.replace("{n}", text));
});

if (lamp && "EventSource" in window) begin();
