"use strict";
// Draws what the stream says. Every word of it comes into the page as text, never as markup: names, images and messages
// are written by anybody who may write an object.

const SIGNS = {
  Done: "✓", Settling: "◔", Swapping: "↻", Draining: "◌", Resizing: "↻", Writing: "…", Failed: "✕", Held: "‖",
  Waiting: "·", Kept: "=", Unmanaged: "?",
};
// Listed one by one, in this order; what waits or is held is told by its reason, and how many do.
const LISTED = ["Failed", "Resizing", "Draining", "Swapping", "Writing", "Settling"];
const WAITING = ["Held", "Waiting"];
const ROWS = 8;
// Phases in which a person has something to do, in those that go on, and in which all is said with one line.
const ASKS = ["Degraded", "Refused", "RolledBack", "AwaitingPromotion", "Paused"];
const SETTLED = ["UpToDate", "HandedOver"];
// So many Pods and more are small cells.
const MANY = 150;
const cards = new Map();
const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && !name.startsWith("aria")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Sets only what is another, so that a reader's place, focus and selection stay.
function text(element, words) { if (element.textContent !== words) element.textContent = words; }

function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (number) => String(number).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}
function ago(time) {
  const minutes = Math.floor((Date.now() - Date.parse(time)) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  return minutes < 2880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
}
const until = (time) => span((Date.parse(time) - Date.now()) / 1000);
const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
const natural = new Intl.Collator("en", { numeric: true });
const allowed = (word, words) => (words.includes(word) ? word : "");

function why(pod) {
  const parts = [];
  if (pod.reason) parts.push(`${pod.reason.code}: ${pod.reason.path ? pod.reason.path + ": " : ""}${pod.reason.message}`);
  for (const one of pod.containers) if (one.state !== "running") parts.push(`${one.name}: ${one.state}`);
  return parts.join("; ");
}

function times(pod) {
  if (pod.until) return `ends in ${until(pod.until)}`;
  return pod.deadline ? `fails in ${until(pod.deadline)}` : "";
}

function images(one) {
  const [from, to] = one.wantedImage ? [one.image, one.wantedImage] : [one.fromImage, one.image];
  return from && from !== to ? [from, to] : ["", one.image];
}

// The images of the first Pod, where nothing changes.
function unchanged(pods) {
  return pods.length ? pods[0].containers.map((one) => ({ container: one.name, fromImage: "", toImage: one.image, pods: pods.length })) : [];
}

// Who waits for the same: [stage, words, how many].
function together(pods) {
  const found = new Map();
  for (const pod of pods) {
    const row = found.get(pod.stage + why(pod)) || [pod.stage, why(pod), []];
    row[2].push(pod.name);
    found.set(pod.stage + why(pod), row);
  }
  return [...found.values()].sort((one, other) => other[2].length - one[2].length);
}

// `state` is that of a container which still has the image that is on the left.
function arrow(from, to, state = "") {
  const parts = from ? [make("code", {}, from), state ? ` ${state} → ` : " → "] : [];
  return [...parts, make("code", { className: "to" }, to)];
}

// Its images, and its state with the one of which it is.
function container(one) {
  const [from, to] = images(one);
  return from && (one.isOld || one.wantedImage) ? arrow(from, to, one.state) : [...arrow(from, to), ` ${one.state}`];
}

class Card {
  constructor(key) {
    this.key = key;
    this.cells = new Map();
    this.chosen = "";
    this.name = make("h2");
    this.place = make("span", { className: "dim" });
    this.phase = make("span", { className: "phase" });
    this.revision = make("span", { className: "dim revision" });
    this.changes = make("ul", { className: "changes" });
    this.progress = make("progress", { "aria-label": "Pods done" });
    this.counts = make("span");
    this.time = make("span", { className: "dim" });
    this.message = make("p", { className: "message" });
    this.warnings = make("ul", { className: "warnings" });
    this.grid = make("div", { className: "cells", role: "group", "aria-label": "Pods" });
    this.grid.addEventListener("keydown", (event) => this.move(event));
    this.detail = make("div", { className: "detail", hidden: true, "aria-live": "polite" });
    this.rows = make("tbody");
    this.table = make("table", { hidden: true, className: "pods" },
      make("thead", {}, make("tr", {}, ...["Pod", "Stage", "Waits for", "Until"].map((word) => make("th", { scope: "col" }, word)))),
      this.rows);
    this.more = make("p", { className: "message more" });
    this.eventRows = make("tbody");
    this.eventHead = make("summary");
    this.events = make("details", {}, this.eventHead, make("table", {}, this.eventRows));
    this.element = make("section", { className: "workload", id: `workload ${key}` },
      make("div", { className: "head" }, this.name, this.phase, this.place, this.revision),
      this.changes, make("div", { className: "bar" }, this.progress, this.counts, this.time),
      this.message, this.warnings, this.grid, this.detail, this.table, this.more, this.events);
  }

  show(panel) {
    this.panel = panel;
    const { view } = panel;
    this.pods = [...view.pods].sort((one, other) => natural.compare(one.name, other.name));
    const name = `${view.kind.toLowerCase()}/${view.name}`;
    const phase = phaseOf(panel);
    this.element.classList.toggle("settled", SETTLED.includes(phase) && !panel.moving && !panel.failed && !panel.warnings.length);
    text(this.name, name);
    this.element.setAttribute("aria-label", name);
    text(this.place, view.namespace);
    text(this.phase, phase || "waiting for the controller");
    this.phase.className = /^[A-Za-z]*$/.test(phase) ? `phase ${phase}` : "phase";
    text(this.revision, view.target ? `revision ${view.target}` : "");
    const changes = panel.changes.length ? panel.changes : unchanged(this.pods);
    this.changes.replaceChildren(...changes.map((one) => make("li", {},
      make("b", {}, one.container), " ", ...arrow(one.fromImage, one.toImage),
      one.pods < view.pods.length ? `  (${counted(one.pods, "Pod")})` : "")));
    this.progress.max = Math.max(1, view.pods.length);
    this.progress.value = panel.done;
    const counts = [`${panel.done} of ${counted(view.pods.length, "Pod")} done`];
    if (panel.moving) counts.push(`${panel.moving} in flight`);
    if (panel.failed) counts.push(`${panel.failed} failed`);
    this.progress.hidden = panel.done === view.pods.length;
    this.grid.classList.toggle("many", view.pods.length >= MANY);
    text(this.counts, counts.join(", "));
    const message = view.status ? view.status.message : "";
    text(this.message, /^\d+ of \d+ Pods? upgraded$/.test(message) ? "" : message);  // the counts say it already
    this.warnings.replaceChildren(...panel.warnings.map((words) => make("li", { role: "alert" }, words)));
    this.showCells();
    this.showEvents();
    this.tick();
  }

  showCells() {
    const left = new Set(this.cells.keys());
    let before = null;
    for (const pod of this.pods) {
      left.delete(pod.name);
      let cell = this.cells.get(pod.name);
      if (!cell) {
        cell = make("button", { type: "button", "aria-pressed": "false", tabIndex: -1 });
        cell.addEventListener("click", () => this.choose(pod.name));
        this.cells.set(pod.name, cell);
      }
      text(cell, SIGNS[pod.stage] || "?");
      cell.className = `cell ${allowed(pod.stage, Object.keys(SIGNS))}`;
      const words = [pod.name, pod.stage, why(pod)].filter(Boolean).join(": ");
      if (cell.title !== words) { cell.title = words; cell.setAttribute("aria-label", words); }
      const next = before ? before.nextSibling : this.grid.firstChild;
      if (next !== cell) this.grid.insertBefore(cell, next);
      before = cell;
    }
    for (const gone of left) { this.cells.get(gone).remove(); this.cells.delete(gone); }
    if (!this.cells.has(this.chosen)) this.chosen = "";
    this.mark();
  }

  // One stop of the Tab key for all cells of a workload; the arrow keys go from one to the next.
  mark() {
    const stop = this.chosen || (this.pods.length ? this.pods[0].name : "");
    for (const [name, cell] of this.cells) {
      cell.tabIndex = name === stop ? 0 : -1;
      cell.setAttribute("aria-pressed", String(name === this.chosen));
    }
  }

  choose(name) {
    this.chosen = this.chosen === name ? "" : name;
    this.mark();
    this.tick();
  }

  move(event) {
    const cells = [...this.grid.children];
    const here = cells.indexOf(document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.columns(cells), ArrowUp: -this.columns(cells) }[event.key];
    let to = step ? here + step : -1;
    if (event.key === "Home") to = 0;
    if (event.key === "End") to = cells.length - 1;
    if (event.key === "Escape" && this.chosen) this.choose(this.chosen);
    if (here < 0 || to < 0 || to >= cells.length) return;
    event.preventDefault();
    cells[here].tabIndex = -1;
    cells[to].tabIndex = 0;
    cells[to].focus();
  }

  columns(cells) {
    const second = cells.findIndex((cell) => cell.offsetTop > cells[0].offsetTop);
    return second < 0 ? cells.length : second;
  }

  showEvents() {
    const { events } = this.panel;
    this.events.hidden = !events.length;
    text(this.eventHead, `${counted(events.length, "Event")}, the latest first`);
    this.eventRows.replaceChildren(...events.map((one) => make("tr", {},
      make("td", { className: "when" }, one.at ? new Date(one.at).toLocaleTimeString() : ""),
      make("td", { className: allowed(one.type, ["Warning"]) }, one.reason),
      make("td", {}, one.object),
      make("td", { className: "words" }, one.count > 1 ? `${one.message} (${one.count} times)` : one.message))));
  }

  // What the passing of time alone changes.
  tick() {
    const { panel } = this;
    const parts = [];
    if (panel.endsAt) parts.push(`about ${until(panel.endsAt)} left`);
    if (panel.startedAt) {
      const ended = panel.endedAt ? Date.parse(panel.endedAt) : Date.now();
      const took = span((ended - Date.parse(panel.startedAt)) / 1000);
      parts.push(panel.endedAt ? `took ${took}, ${ago(panel.endedAt)}` : `for ${took}`);
    }
    text(this.time, parts.join(", "));
    const listed = this.pods.filter((pod) => LISTED.includes(pod.stage));
    listed.sort((one, other) => LISTED.indexOf(one.stage) - LISTED.indexOf(other.stage));
    const waiting = together(this.pods.filter((pod) => WAITING.includes(pod.stage)));
    this.table.hidden = !listed.length && !waiting.length;
    this.rows.replaceChildren(
      ...listed.slice(0, ROWS).map((pod) => row(pod.stage, pod.name, why(pod), times(pod))),
      ...waiting.slice(0, ROWS).map(([stage, words, pods]) => row(stage, pods.length > 1 ? counted(pods.length, "Pod") : pods[0], words, "")));
    const more = Math.max(0, listed.length - ROWS) + waiting.slice(ROWS).reduce((sum, one) => sum + one[2].length, 0);
    text(this.more, more ? `and ${counted(more, "Pod")} more` : "");
    this.showDetail();
  }

  showDetail() {
    const pod = this.pods.find((one) => one.name === this.chosen);
    this.detail.hidden = !pod;
    if (!pod) { this.detail.replaceChildren(); return; }
    const facts = [pod.stage, pod.ready ? "Ready" : "not Ready", pod.node && `on ${pod.node}`, times(pod)].filter(Boolean);
    const containers = pod.containers.map((one) => make("li", {},
      make("b", {}, one.name), " ", ...container(one), `, ${counted(one.restarts, "restart")} `,
      make("span", { className: "evidence" }, one.evidence)));
    const parts = [make("h3", {}, pod.name), make("p", {}, facts.join(", ")), make("p", {}, why(pod)),
      make("ul", { className: "containers" }, ...containers)];
    const before = this.detail.textContent;
    if (before !== parts.map((part) => part.textContent).join("")) this.detail.replaceChildren(...parts);
  }
}

function row(stage, name, words, time) {
  return make("tr", { className: stage }, make("td", { className: name.length > 40 ? "name long" : "name" }, name), make("td", { className: "stage" }, stage),
    make("td", { className: "why" }, words), make("td", { className: "times" }, time));
}

const phaseOf = (panel) => (panel.view.status ? panel.view.status.phase : "");

function arrange() {
  const keys = [...cards.keys()].sort(natural.compare);
  const main = byId("workloads");
  keys.forEach((key, place) => {
    if (main.children[place] !== cards.get(key).element) main.insertBefore(cards.get(key).element, main.children[place] || null);
  });
  summarize(keys);
  byId("empty").hidden = cards.size > 0;
}

// How many there are of each phase, and the way to those that somebody has to look at.
function summarize(keys) {
  const phases = new Map();
  for (const key of keys) {
    const phase = phaseOf(cards.get(key).panel) || "not yet seen by a controller";
    phases.set(phase, [...(phases.get(phase) || []), key]);
  }
  const rank = (phase) => (ASKS.includes(phase) ? 0 : SETTLED.includes(phase) ? 2 : 1);
  const told = [...phases].sort((one, other) => rank(one[0]) - rank(other[0]));
  const words = told.map(([phase, found]) => `${found.length} ${phase}`);
  const title = [words.filter((_, place) => rank(told[place][0]) < 2).join(", "), "inplace"].filter(Boolean).join(" · ");
  if (document.title !== title) document.title = title;
  const summary = byId("summary");
  const now = cards.size ? `${counted(cards.size, "workload")}: ${words.join(", ")}` : "";
  if (summary.dataset.shown === JSON.stringify([now, ...told])) return;
  summary.dataset.shown = JSON.stringify([now, ...told]);
  summary.replaceChildren(...told.map(([phase, found], place) => {
    const words = make("b", { className: /^[A-Za-z]*$/.test(phase) ? `phase ${phase}` : "phase" }, `${found.length} ${phase}`);
    if (rank(phase) === 2) return make("li", {}, words);
    const links = found.slice(0, 5).map((key) => make("a", { href: "#" + encodeURIComponent(`workload ${key}`) }, cards.get(key).panel.view.name));
    return make("li", {}, words, ...links, found.length > 5 ? `and ${found.length - 5} more` : "");
  }));
}

function connect() {
  const source = new EventSource("events");
  const state = byId("connection");
  source.addEventListener("open", () => {
    text(state, "live");
    state.className = "";
    document.body.classList.remove("lost");
    // A new stream tells everything anew, and nothing of what has gone since the last one.
    for (const card of cards.values()) card.element.remove();
    cards.clear();
  });
  source.addEventListener("error", () => {
    text(state, source.readyState === EventSource.CLOSED ? "ended: start inplace dashboard again" : "lost, trying again …");
    state.className = "lost";
    document.body.classList.add("lost");
  });
  source.addEventListener("shown", (event) => {
    const panel = JSON.parse(event.data);
    if (panel.key === "") {
      text(byId("where"), panel.where);
      byId("notes").replaceChildren(...panel.notes.map((words) => make("li", {}, words)));
    } else {
      if (!cards.has(panel.key)) cards.set(panel.key, new Card(panel.key));
      cards.get(panel.key).show(panel);
    }
    arrange();
  });
  source.addEventListener("gone", (event) => {
    const card = cards.get(event.data);
    if (card) { card.element.remove(); cards.delete(event.data); }
    arrange();
  });
}

setInterval(() => { for (const card of cards.values()) card.tick(); }, 1000);
connect();
