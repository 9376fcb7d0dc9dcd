// Files go up one by one as soon as they are chosen; the form then only names them (`kept`). A break costs the one file
// that was on its way: it is sent again from its beginning, by itself or by hand; those that arrived stay. What the
// server refuses says why and leaves the others alone.
const RETRY_MS = [2_000, 5_000, 15_000, 30_000];
const MB = 1024 * 1024;

const made = (name, className = "", text = "") => Object.assign(document.createElement(name), { className, textContent: text });
const token = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
const size = (bytes) => (bytes < MB ? `${Math.max(1, Math.round(bytes / 1024))} kB` : `${(bytes / MB).toFixed(1)} MB`);

export class Uploads extends EventTarget {
  #items = [];
  #busy = false;
  #timer = 0;

  /** `box`: [data-uploads] within a form that has a hidden field `kept`. Says "change" whenever something changed. */
  constructor(box) {
    super();
    this.box = box;
    this.form = box.closest("form");
    this.input = box.querySelector("input[type=file]");
    this.list = box.querySelector("[data-files]");
    box.dataset.scripted = "";
    for (const row of [...this.list.querySelectorAll("[data-kept]")]) {
      row.remove();
      this.#show({ id: row.dataset.kept, name: row.dataset.name, state: "done", size: 0, sent: 0 });
    }
    this.input.addEventListener("change", () => {
      this.add([...this.input.files]);
      this.input.value = "";
    });
    for (const kind of ["dragover", "dragleave", "drop"]) box.addEventListener(kind, (event) => this.#drag(event));
    addEventListener("online", () => this.resume());
  }

  get done() { return this.#items.filter((one) => one.state === "done"); }
  get isBusy() { return this.#items.some((one) => ["waiting", "sending", "broken", "signed-out"].includes(one.state)); }
  get kept() { return this.done.map((one) => one.id).join(" "); }

  add(files) {
    for (const file of files) {
      const item = { file, name: file.name, size: file.size, sent: 0, state: "waiting", tries: 0 };
      const most = this.#most(file);
      if (most === 0) this.#refuse(item, gettext("只收照片、PDF 和 MP4"));
      else if (file.size > most) this.#refuse(item, interpolate(gettext("文件 %(size)s，超过 %(most)s"), { size: size(file.size), most: size(most) }, true));
      this.#show(item);
    }
    this.#next();
  }

  /** What broke off is sent again. */
  resume() {
    clearTimeout(this.#timer);
    for (const one of this.#items) if (one.state === "broken" || one.state === "signed-out") this.#set(one, "waiting");
    this.#next();
  }

  /** What the server did not know any more, or the form has sent. */
  clear() {
    for (const one of [...this.#items]) this.#remove(one);
  }

  /** The most bytes for a file of its type; 0 for a type that is none; the server looks at the content. */
  #most({ type, name }) {
    if (type.startsWith("image/") || /\.(heic|heif)$/i.test(name)) return Number(this.box.dataset.image);
    if (type === "application/pdf") return Number(this.box.dataset.pdf);
    if (type === "video/mp4") return Number(this.box.dataset.video);
    return 0;
  }

  #drag(event) {
    event.preventDefault();
    this.box.classList.toggle("gg-dover", event.type === "dragover");
    if (event.type === "drop") this.add([...event.dataTransfer.files]);
  }

  #refuse(item, words) {
    item.state = "rejected";
    item.why = words;
  }

  #next() {
    const item = this.#items.find((one) => one.state === "waiting");
    if (!item || this.#busy) return;
    this.#busy = true;
    item.tries += 1;
    this.#set(item, "sending");
    const request = (item.request = new XMLHttpRequest());
    const body = new FormData();
    body.append("file", item.file, item.name);
    request.open("POST", "/api/v1/attachments/");
    request.setRequestHeader("X-CSRFToken", token());
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      item.sent = total ? loaded / total : 0;
      this.#paint(item);
    });
    request.addEventListener("loadend", () => {
      this.#busy = false;
      if (!this.#items.includes(item)) return this.#next(); // it was taken away meanwhile
      this.#ended(item, request);
      this.#next();
    });
    request.send(body);
  }

  #ended(item, { status, response }) {
    item.request = null;
    if (status === 201) {
      item.id = response.id;
      this.#set(item, "done");
    } else if (status === 401 || status === 403) this.#set(item, "signed-out");
    else if (status >= 400 && status < 500 && status !== 408 && status !== 429) {
      this.#refuse(item, response?.errors?.map((one) => one.message).join(" ") || response?.detail || gettext("服务器没有收下这个文件"));
      this.#set(item, "rejected");
    } else {
      item.sent = 0;
      this.#set(item, "broken");
      const wait = RETRY_MS[item.tries - 1];
      if (wait) this.#timer = setTimeout(() => this.resume(), wait);
    }
  }

  #set(item, state) {
    item.state = state;
    this.#paint(item);
    this.#changed();
  }

  #changed() {
    if (this.form.elements.kept) this.form.elements.kept.value = this.kept;
    this.dispatchEvent(new Event("change"));
  }

  #remove(item) {
    this.#items = this.#items.filter((one) => one !== item);
    item.request?.abort();
    item.row.remove();
    this.#changed();
  }

  // --- a row -------------------------------------------------------------------------------------------------------

  #show(item) {
    this.#items.push(item);
    const row = (item.row = made("li", "gg-dfile"));
    const words = made("div");
    item.bar = made("progress");
    item.bar.max = 1;
    item.bar.setAttribute("aria-label", item.name);
    item.word = made("span", "gg-meta gg-dword");
    words.append(made("b", "", item.name), item.bar, item.word);
    item.again = made("button", "gg-link", gettext("重传"));
    item.again.addEventListener("click", () => this.resume());
    const away = made("button", "gg-link", gettext("移除"));
    away.setAttribute("aria-label", `${gettext("移除")} ${item.name}`);
    away.addEventListener("click", () => { this.#remove(item); this.input.focus(); });
    item.again.type = away.type = "button";
    const ends = made("span", "gg-line");
    ends.append(item.again, away);
    row.append(this.#picture(item), words, ends);
    this.list.append(row);
    this.#paint(item);
    this.#changed();
  }

  #picture(item) {
    const none = made("span", "gg-dnopic", item.name.split(".").pop().slice(0, 5).toUpperCase());
    if (item.file?.type.startsWith("image/")) {
      createImageBitmap(item.file, { resizeWidth: 192 }).then((bitmap) => {
        const canvas = made("canvas");
        canvas.width = bitmap.width;
        canvas.height = bitmap.height;
        canvas.getContext("2d").drawImage(bitmap, 0, 0);
        none.replaceWith(canvas);
      }).catch(() => {}); // the browser cannot read it; the server says what it thinks of it
    } else if (item.id && /\.(jpe?g|png|webp|heic|avif)$/i.test(item.name)) {
      const image = made("img");
      image.src = `/files/${item.id}/`;
      image.alt = "";
      return image;
    }
    return none;
  }

  #paint(item) {
    const { row, state } = item;
    row.dataset.state = state;
    item.bar.hidden = state !== "sending";
    item.bar.value = item.sent;
    item.again.hidden = state !== "broken" && state !== "signed-out";
    const words = {
      waiting: gettext("等待上传"),
      sending: item.sent < 1 ? `${size(item.size * item.sent)} / ${size(item.size)} · ${Math.floor(item.sent * 100)}%` : gettext("已传到，正在检查"),
      done: item.size ? `${gettext("已上传")} · ${size(item.size)}` : gettext("已上传"),
      rejected: item.why,
      broken: gettext("网络中断，恢复后自动重传这一个文件"),
      "signed-out": gettext("登录已过期：在新页面登录后点重传"),
    };
    item.word.textContent = words[state];
    item.word.setAttribute("role", state === "sending" ? "presentation" : "status");
  }
}
