// The page of a review. Plain JavaScript, nothing to build.
"use strict";

const AHEAD = 3; // events whose pictures are loaded before they are shown
const PAGE = 12; // events asked for at once
const PLAY_MS = 450;
const RETRY_MS = 1000;

const at = (id) => document.getElementById(id);
const plain = (name) => name.replace(/_/g, " ");
const percent = (share) => (100 * share).toFixed(share < 0.995 && share >= 0.1 ? 0 : 1) + "%";

let session; // what the server said once
let keys = {}; // key -> attribute
const events = new Map(); // place -> event
const loaded = new Map(); // place -> pictures kept ready
let place = 0;
let frame = 0;
let chosen = []; // [{species, count, attributes: Set or null, choices: {head: class}}]; null: nothing said of them
let current = 0;
let began = 0;
let busy = true; // until the first event is shown
let waiting = []; // keys that were pressed while an answer was on its way
let player = null;
let light = 0;

// ---------------------------------------------------------------- the server

async function ask(path, content) {
  const options = content && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ queue: session.queue, ...content }),
  };
  const response = await fetch(path, options);
  if (response.ok) return response.json();
  const error = new Error(await response.text());
  error.status = response.status;
  throw error;
}

// Until it is on the disk: the server may be down, or away for a restart.
async function send(path, content) {
  for (;;) {
    try {
      const answer = await ask(path, content);
      warn("");
      return answer;
    } catch (error) {
      if (error.status && error.status < 500) throw error;
      warn(error.status ? `Not saved: ${error.message}. Trying again.`
        : "Not saved: the server does not answer. Start camtrap review again; this page goes on by itself.");
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

function warn(text) {
  at("warning").textContent = text;
  at("warning").hidden = !text;
}

const pictureOf = (number, index) => `/pictures/${session.queue}/${number}/${index}`;

async function fetchEvents(start) {
  const found = await ask(`/api/events?start=${start}&count=${PAGE}`);
  for (const event of found.events) events.set(event.place, event);
}

async function ready(number) {
  if (!events.has(number)) await fetchEvents(number);
  return events.get(number);
}

async function preload(number) {
  for (const kept of loaded.keys()) {
    if (kept < number - 1 || kept > number + AHEAD) loaded.delete(kept);
  }
  for (let next = number; next <= Math.min(number + AHEAD, session.total - 1); next++) {
    if (loaded.has(next)) continue;
    const event = await ready(next);
    loaded.set(next, event.frames.map((_, index) => {
      const picture = new Image();
      picture.src = pictureOf(next, index);
      return picture;
    }));
  }
}

// ---------------------------------------------------------------- showing

async function show(number) {
  stop();
  const event = await ready(number);
  place = number;
  frame = 0;
  chosen = event.mine ? event.mine.sightings.map(fromServer) : [];
  current = 0;
  began = performance.now();
  zoom(false);
  closeMatches();
  drawStrip(event);
  drawFrame();
  drawPanel(event);
  preload(number).catch(() => {});
}

function fromServer(sighting) {
  const told = Object.keys(sighting.attributes).length > 0;
  const yes = Object.entries(sighting.attributes).filter(([, value]) => value).map(([name]) => name);
  return { species: sighting.species, count: sighting.count, attributes: told ? new Set(yes) : null, choices: { ...sighting.choices } };
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function drawStrip(event) {
  at("strip").replaceChildren(...event.frames.map((one, index) => {
    const button = element("button", { type: "button", title: one.name },
      element("img", { src: pictureOf(place, index), alt: "" }),
      element("span", { textContent: index + 1 }));
    button.setAttribute("aria-label", `picture ${index + 1} of ${event.frames.length}`);
    button.classList.toggle("failed", one.failure !== null);
    press(button, () => { stop(); go(index); });
    return element("li", {}, button);
  }));
}

function go(index) {
  const count = events.get(place).frames.length;
  frame = (index + count) % count;
  drawFrame();
}

function drawFrame() {
  const event = events.get(place);
  const one = event.frames[frame];
  const url = pictureOf(place, frame);
  at("unshown").hidden = true;
  at("picture").hidden = false;
  at("picture").src = url;
  at("view").setAttribute("aria-label", `picture ${frame + 1} of ${event.frames.length}: ${one.name}`);
  [...at("strip").children].forEach((item, index) => {
    item.firstChild.setAttribute("aria-current", index === frame);
    if (index === frame) item.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  const parts = [event.site && `site ${event.site}`, event.datetime, one.name];
  if (one.failure) parts.push(`the model could not read it: ${one.failure}`);
  at("where").textContent = parts.filter(Boolean).join("  ·  ");
}

at("picture").addEventListener("error", async () => {
  const url = at("picture").getAttribute("src");
  let reason = "it is damaged, or no picture";
  try {
    const response = await fetch(url);
    if (!response.ok) reason = await response.text();
  } catch { reason = "the server does not answer"; }
  if (url !== at("picture").getAttribute("src")) return;
  const known = events.get(place).frames[frame].failure;
  at("picture").hidden = true;
  at("unshown").textContent = `This picture cannot be shown: ${known || reason}.`;
  at("unshown").hidden = false;
});

function drawPanel(event) {
  const shown = event.reasons.slice();
  if (event.mine) shown.unshift(`you said: ${words(event.mine)}`);
  at("reasons").replaceChildren(...shown.map((text) => element("li", { textContent: plain(text) })));
  at("guesses-head").hidden = session.blind;
  at("guesses").replaceChildren(...event.suggestions.map((guess, index) => {
    const fill = element("span", { className: "fill" });
    fill.style.width = `${100 * guess.probability}%`;
    const button = element("button", { type: "button" }, fill,
      element("kbd", { textContent: index + 1 }),
      element("span", { className: "name", textContent: plain(guess.name) }),
      element("span", { className: "share", textContent: percent(guess.probability) }));
    button.dataset.name = guess.name;
    press(button, () => choose(guess.name));
    return element("li", {}, button);
  }));
  drawChosen();
}

function drawChosen() {
  for (const button of at("guesses").querySelectorAll("button")) {
    const on = chosen.some((one) => one.species === button.dataset.name);
    button.setAttribute("aria-pressed", on);
  }
  const none = element("p", { textContent: "Nothing chosen yet." });
  at("chosen").replaceChildren(...(chosen.length ? chosen.map(drawSighting) : [none]));
  at("save").disabled = !chosen.length;
}

function drawSighting(one, index) {
  const small = (text, label, action) => {
    const button = element("button", { type: "button", textContent: text });
    button.setAttribute("aria-label", label);
    press(button, () => { current = index; action(); });
    return button;
  };
  const name = plain(one.species);
  const top = element("div", { className: "top" },
    Object.assign(small(name, `${name}: number and behaviours are of this one`, drawChosen), { className: "name" }),
    small("−", `${name}: fewer`, () => count(-1)),
    element("output", { textContent: one.count === null ? "how many?" : `× ${one.count}` }),
    small("+", `${name}: more`, () => count(1)),
    small("×", `remove ${name}`, () => choose(one.species)));
  const letters = Object.entries(keys);
  const attributes = letters.map(([key, attribute]) => {
    const on = Boolean(one.attributes && one.attributes.has(attribute));
    const text = attribute === session.young ? "young" : plain(attribute);
    const button = small("", `${name}: ${text}`, () => tick(attribute));
    button.append(...underlined(text, key));
    button.setAttribute("aria-pressed", on);
    button.classList.toggle("no", one.attributes !== null && !on);
    return button;
  });
  const box = element("div", { className: "sighting" }, top, element("div", { className: "attributes" }, ...attributes),
    ...Object.entries(session.choices).map(([head, names]) => drawChoice(one, head, names)));
  box.classList.toggle("current", chosen.length > 1 && index === current);
  return box;
}

// A further question that has one answer among several; the first option says nothing of it.
function drawChoice(one, head, names) {
  const options = [["", "–"], ...names.map((name) => [name, plain(name)])].map(([value, textContent]) => element("option", { value, textContent }));
  const list = element("select", {}, ...options);
  list.value = one.choices[head] || "";
  list.setAttribute("aria-label", `${plain(one.species)}: ${plain(head)}`);
  list.addEventListener("change", () => {
    if (list.value) one.choices[head] = list.value;
    else delete one.choices[head];
    list.blur();
  });
  return element("label", { className: "choice" }, `${plain(head)} `, list);
}

function underlined(text, key) {
  const where = text.toLowerCase().indexOf(key);
  if (where < 0) return [text, element("kbd", { textContent: key.toUpperCase() })];
  return [text.slice(0, where), element("u", { textContent: text[where] }), text.slice(where + 1)];
}

function drawProgress(saved) {
  at("progress").max = saved.total;
  at("progress").value = saved.done;
  const left = saved.seconds_left === null || saved.done === saved.total ? "" : ` · about ${duration(saved.seconds_left)} left`;
  at("told").textContent = `${saved.done.toLocaleString("en")} of ${saved.total.toLocaleString("en")} events${left}`;
}

function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

// ---------------------------------------------------------------- answering

function choose(name) {
  if (name === "empty") return save({ verdict: "empty", sightings: [] });
  const index = chosen.findIndex((one) => one.species === name);
  if (index >= 0) chosen.splice(index, 1);
  else chosen.push({ species: name, count: null, attributes: null, choices: {} });
  current = index >= 0 ? Math.max(0, Math.min(current, chosen.length - 1)) : chosen.length - 1;
  drawChosen();
}

function count(step, absolute) {
  const one = chosen[current];
  if (!one) return tell("First choose a species.");
  const bins = session.counts;
  const next = absolute === undefined ? bins.indexOf(one.count) + step : absolute;
  one.count = next < 0 ? null : bins[Math.min(next, bins.length - 1)];
  drawChosen();
}

function tick(attribute) {
  const one = chosen[current];
  if (!one) return tell("First choose a species.");
  one.attributes = one.attributes || new Set();
  if (!one.attributes.delete(attribute)) one.attributes.add(attribute);
  else if (!one.attributes.size) one.attributes = null;
  drawChosen();
}

function none() {
  const one = chosen[current];
  if (!one) return tell("First choose a species.");
  one.attributes = one.attributes && !one.attributes.size ? null : new Set();
  drawChosen();
}

function words(answer) {
  if (answer.verdict !== "animal") return answer.verdict === "unsure" ? "not sure" : "empty";
  return answer.sightings.map((one) => plain(one.species) + (one.count ? ` × ${one.count}` : "")).join(", ");
}

const tell = (text) => { at("said").textContent = text; };

const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

function saveChosen() {
  if (!chosen.length) return tell("Choose a species, or 0 for empty, N for not sure.");
  return save({
    verdict: "animal",
    sightings: chosen.map((one) => ({
      species: one.species,
      count: one.count,
      attributes: one.attributes === null ? {}
        : Object.fromEntries(session.attributes.map((name) => [name, one.attributes.has(name)])),
      choices: one.choices,
    })),
  });
}

async function save(answer) {
  const event = events.get(place);
  const content = {
    id: newId(), event_id: event.event_id, seconds: Math.round((performance.now() - began) / 100) / 10, ...answer,
  };
  await working(async () => {
    // Should the page be closed before the answer is saved, it is sent when the page is opened again.
    localStorage.setItem("camtrap-unsent", JSON.stringify({ queue: session.queue, ...content }));
    const saved = await send("/api/answers", content);
    localStorage.removeItem("camtrap-unsent");
    event.mine = answer;
    drawProgress(saved);
    tell(`Saved: ${words(answer)}.`);
    if (saved.next === null) done();
    else await show(saved.next);
  });
}

async function undo() {
  await working(async () => {
    const { undone, place: back, saved } = await send("/api/undo", { id: newId() });
    drawProgress(saved);
    if (!undone) return tell("There is nothing to undo.");
    if (back === null) return tell(`Took back ${words(undone)} of ${undone.event_id}, which is not in this list.`);
    events.delete(back);
    await show(back);
    chosen = undone.sightings.map(fromServer);
    drawChosen();
    tell(`Took back: ${words(undone)}.`);
  });
}

function setBusy(on) {
  busy = on;
  document.body.setAttribute("aria-busy", on);
}

// What was typed meanwhile comes next.
function goOn() {
  setBusy(false);
  while (waiting.length && !busy) act(waiting.shift());
}

// One thing after another; keys pressed meanwhile are kept.
async function working(action) {
  if (busy) return;
  setBusy(true);
  try {
    await action();
  } catch (error) {
    warn(error.status === 409 ? "The server was started with another list. Load this page again (F5)." : `Not done: ${error.message}`);
    waiting = [];
  } finally {
    goOn();
  }
}

function done() {
  drawPanel(events.get(place));
  tell("All events have an answer. Thank you!");
}

// ---------------------------------------------------------------- search

function matching(text) {
  const wanted = text.trim().toLowerCase().replace(/[\s_]+/g, "");
  if (!wanted) return [];
  const flat = (name) => name.toLowerCase().replace(/[\s_]+/g, "");
  const rank = (name) => {
    const where = flat(name).indexOf(wanted);
    if (where < 0) return -1;
    const starts = where === 0 || name.toLowerCase().split(/[\s_]+|(?<=[a-z])(?=[A-Z])/).some((word) => word.startsWith(wanted));
    return where === 0 ? 0 : starts ? 1 : 2;
  };
  const found = [...session.species, "empty"].map((name) => [rank(name), name]).filter(([order]) => order >= 0);
  const names = found.sort(([one], [other]) => one - other).map(([, name]) => name).slice(0, 8);
  const exact = [...session.species, "empty"].some((name) => flat(name) === wanted);
  return exact ? names : [...names, { fresh: text.trim().replace(/\s+/g, "_") }];
}

let matches = [];
let marked = 0;

function search() {
  matches = matching(at("search").value);
  marked = 0;
  drawMatches();
}

function drawMatches() {
  at("matches").replaceChildren(...matches.map((match, index) => {
    const text = match.fresh ? `new species “${plain(match.fresh)}”` : plain(match);
    const item = element("li", { textContent: text, id: `match-${index}` });
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", index === marked);
    item.addEventListener("mousedown", (event) => { event.preventDefault(); take(index); });
    return item;
  }));
  const open = matches.length > 0;
  at("matches").hidden = !open;
  at("search").setAttribute("aria-expanded", open);
  if (open) at("search").setAttribute("aria-activedescendant", `match-${marked}`);
  else at("search").removeAttribute("aria-activedescendant");
}

function take(index) {
  const match = matches[index];
  closeMatches();
  if (match === undefined) return;
  const name = match.fresh || match;
  if (match.fresh) session.species.push(name);
  if (!chosen.some((one) => one.species === name)) choose(name);
}

function closeMatches() {
  at("search").value = "";
  matches = [];
  drawMatches();
  if (document.activeElement === at("search")) at("search").blur();
}

at("search").addEventListener("input", search);
at("search").addEventListener("blur", () => { matches = []; drawMatches(); });

// A key in the search field that is no letter; true where it meant something.
function searchKey(key) {
  const moves = { ArrowDown: 1, ArrowUp: -1 };
  if (key in moves && matches.length) {
    marked = (marked + moves[key] + matches.length) % matches.length;
    drawMatches();
  } else if (key === "Enter") {
    if (matches.length) take(marked);
    else closeMatches();
  } else if (key === "Escape") {
    closeMatches();
  } else return false;
  return true;
}

// ---------------------------------------------------------------- looking

function zoom(on) {
  at("view").classList.toggle("zoomed", on);
  at("zoom").setAttribute("aria-pressed", on);
}

function zoomTo(x, y) {
  const view = at("view");
  zoom(!view.classList.contains("zoomed"));
  view.scrollTo((view.scrollWidth - view.clientWidth) * x, (view.scrollHeight - view.clientHeight) * y);
}

function pan(x, y) {
  const view = at("view");
  view.scrollBy(x * view.clientWidth * 0.3, y * view.clientHeight * 0.3);
}

function brighten() {
  light = (light + 1) % 3;
  at("picture").style.filter = light ? `url(#light-${light})` : "";
  at("light").setAttribute("aria-pressed", light > 0);
}

function play() {
  if (player) return stop();
  player = setInterval(() => go(frame + 1), PLAY_MS);
  at("play").setAttribute("aria-pressed", true);
}

function stop() {
  clearInterval(player);
  player = null;
  at("play").setAttribute("aria-pressed", false);
}

at("view").addEventListener("dblclick", (event) => {
  const box = at("view").getBoundingClientRect();
  zoomTo((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
});
at("view").addEventListener("pointermove", (event) => {
  if (event.buttons === 1 && at("view").classList.contains("zoomed")) at("view").scrollBy(-event.movementX, -event.movementY);
});

async function showResults() {
  const found = await ask("/api/results");
  const rows = found.pairs.map((pair) => [`${pair.first} and ${pair.second}`, pair.events,
    pair.share === null ? "–" : percent(pair.share), pair.kappa === null ? "–" : pair.kappa.toFixed(2)]);
  const parts = [table(["reviewer", "events answered"], Object.entries(found.reviewers))];
  if (rows.length) {
    parts.push(table(["agreement of", "events of both", "alike", "Cohen’s kappa"], rows));
  } else parts.push(element("p", { textContent: "Agreement is shown when two people have answered." }));
  const open = Object.entries(found.undecided);
  parts.push(element("p", { textContent: `Decided: ${found.decided} events.` + (open.length ? " Undecided, they keep the model’s answer: " + open.map(([why, n]) => `${n} (${why})`).join("; ") + "." : "") }));
  const scored = found.accuracy;
  parts.push(element("p", {
    textContent: scored
      ? `Of ${scored.events} events drawn at random the model answered ${scored.right} as people do: ${percent(scored.right / scored.events)} (95% interval ${percent(scored.interval[0])} to ${percent(scored.interval[1])}).` + (scored.undecided ? ` ${scored.undecided} more were undecided.` : "")
      : "How often the model is right is estimated from events drawn at random: camtrap review --only=random.",
  }));
  at("results-body").replaceChildren(...parts);
  at("results-box").showModal();
}

function table(heads, rows) {
  const cells = (tag, values) => element("tr", {}, ...values.map((value) => element(tag, { textContent: value })));
  return element("table", {}, element("thead", {}, cells("th", heads)), element("tbody", {}, ...rows.map((row) => cells("td", row))));
}

// ---------------------------------------------------------------- keys and buttons

function step(by) {
  const next = place + by;
  if (next < 0 || next >= session.total) return tell(by < 0 ? "This is the first event." : "This is the last event.");
  return working(() => show(next));
}

function currentStep(by) {
  if (!chosen.length) return;
  current = (current + by + chosen.length) % chosen.length;
  drawChosen();
}

const ACTIONS = {
  Enter: saveChosen,
  0: () => save({ verdict: "empty", sightings: [] }),
  n: () => save({ verdict: "unsure", sightings: [] }),
  Backspace: undo,
  PageUp: () => step(-1),
  PageDown: () => step(1),
  ArrowLeft: () => { stop(); go(frame - 1); },
  ArrowRight: () => { stop(); go(frame + 1); },
  ArrowUp: () => currentStep(-1),
  ArrowDown: () => currentStep(1),
  "+": () => count(1),
  "-": () => count(-1),
  x: none,
  p: play,
  z: () => zoomTo(0.5, 0.5),
  l: brighten,
  g: () => working(showResults),
  " ": () => at("search").focus(),
  "/": () => at("search").focus(),
  "?": () => at("help-box").showModal(),
};

const PANS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// What a key press means, or nothing. Digits by their place on the keyboard: with Shift they are numbers.
function meaning(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") return undo;
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
  if (digit && event.shiftKey) return () => count(0, (Number(digit[1]) + 9) % 10);
  if (event.shiftKey && event.key in PANS) return () => pan(...PANS[event.key]);
  if (digit && digit[1] > 0 && digit[1] < 6) {
    const guess = events.get(place).suggestions[digit[1] - 1];
    return guess ? () => choose(guess.name) : null;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in keys) return () => tick(keys[key]);
  return ACTIONS[key] || null;
}

// A key that was kept while an answer was on its way: the search field did not have it.
function act(event) {
  if (document.activeElement !== at("search")) {
    const action = meaning(event);
    if (action) action();
  } else if (!searchKey(event.key)) {
    if (event.key === "Backspace") at("search").value = at("search").value.slice(0, -1);
    else if (event.key.length === 1) at("search").value += event.key;
    search();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  if (busy) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || /^F\d/.test(event.key)) return;
    event.preventDefault();
    waiting.push(event);
  } else if (event.target === at("search")) {
    if (searchKey(event.key)) event.preventDefault();
  } else if (!event.target.closest("select") && !(event.target.closest("button") && (event.key === "Enter" || event.key === " "))) {
    const action = meaning(event);
    if (!action) return;
    event.preventDefault();
    action();
  }
});

// A button pressed with the mouse gives the keyboard back to the page.
function press(button, action) {
  button.addEventListener("click", (event) => {
    if (event.detail) button.blur();
    if (!busy) action();
  });
}

const BUTTONS = {
  undo, save: saveChosen, empty: ACTIONS[0], unsure: ACTIONS.n, previous: ACTIONS.PageUp, next: ACTIONS.PageDown,
  earlier: ACTIONS.ArrowLeft, later: ACTIONS.ArrowRight, play, zoom: ACTIONS.z, light: brighten,
  help: ACTIONS["?"], results: ACTIONS.g,
};

// Each attribute gets the first letter of its name that is still free.
function assignKeys() {
  const taken = new Set(Object.keys(ACTIONS));
  for (const name of session.attributes) {
    const shown = name === session.young ? "young" : name;
    const letter = [...shown.toLowerCase(), ..."abcdefhijkmoqrstuvwy"].find((one) => /[a-z]/.test(one) && !taken.has(one));
    taken.add(letter);
    keys[letter] = name;
  }
}

async function resend() {
  const unsent = JSON.parse(localStorage.getItem("camtrap-unsent") || "null");
  if (!unsent || unsent.queue !== session.queue) return;
  await send("/api/answers", unsent);
  localStorage.removeItem("camtrap-unsent");
  session = await ask("/api/session");
  tell("An answer that had not been saved is saved now.");
}

async function start() {
  session = await ask("/api/session");
  await resend();
  assignKeys();
  const letters = Object.keys(keys).map((key) => element("kbd", { textContent: key.toUpperCase() }));
  at("help-attributes").append(...letters);
  at("who").textContent = session.reviewer;
  at("who").title = `answers go to ${session.file}`;
  for (const [id, action] of Object.entries(BUTTONS)) press(at(id), action);
  drawProgress(session);
  await show(session.next === null ? 0 : session.next);
  if (session.next === null) done();
  goOn();
}

start().catch((error) => warn(`The review cannot begin: ${error.message}`));
