// The page of a review. Plain JavaScript modules, nothing to build: this one has the keys, the
// buttons and what follows what.
import { at, duration, element, events, newId, number, press, review, tell, warn, words } from "./page.js";
import { ask, send } from "./server.js";
import * as answer from "./answer.js";
import * as live from "./live.js";
import * as list from "./list.js";
import * as picture from "./picture.js";
import * as queue from "./queue.js";
import { showResults } from "./results.js";
import { closeMatches, search, searchKey } from "./search.js";
import * as walls from "./walls.js";

const THANKS = "All events have an answer. Thank you!";
let began = 0;
let waiting = []; // keys that were pressed while an answer was on its way

// ---------------------------------------------------------------- one thing after another

function setBusy(on) {
  review.busy = on;
  document.body.setAttribute("aria-busy", on);
}

// What was typed meanwhile comes next.
function goOn() {
  setBusy(false);
  while (waiting.length && !review.busy) act(waiting.shift());
}

// Keys pressed meanwhile are kept.
async function working(action) {
  if (review.busy) return;
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

// ---------------------------------------------------------------- what is on the screen

function turnTo(view) {
  review.view = view;
  document.body.dataset.view = view;
  const tabs = { question: "to-question", waiting: "to-question", walls: "to-walls", wall: "to-walls", list: "to-list" };
  for (const id of new Set(Object.values(tabs))) at(id).toggleAttribute("aria-current", tabs[view] === id);
  at("waiting").hidden = view !== "waiting";
  tell("");
  picture.stop();
}

async function show(place) {
  const event = await queue.ready(place);
  review.place = place;
  review.frame = event.best || 0;
  began = performance.now();
  document.body.dataset.place = place;
  queue.visited(place);
  turnTo("question");
  picture.unzoom();
  closeMatches();
  picture.drawStrip(event);
  picture.drawFrame();
  drawEvent(event);
  queue.prepare().catch(() => {});
}

function drawEvent(event) {
  answer.begin(event.mine);
  answer.drawPanel(event);
  answer.drawChosen();
  drawMarks(event);
}

function drawMarks(event) {
  if (!review.session.live) return;
  at("favourite").setAttribute("aria-pressed", Boolean(event.favourite));
  at("note").value = event.note || "";
}

function drawProgress(saved) {
  at("progress").max = saved.total;
  at("progress").value = saved.done;
  const left = saved.seconds_left === null || saved.done === saved.total ? "" : ` · about ${duration(saved.seconds_left)} left`;
  at("told").textContent = `${number(saved.done)} of ${number(saved.total)} events${left}`;
}

// To the next question; where there is none, says why.
async function goToNext(saved, text = "") {
  const next = await queue.following(saved);
  if (next !== null) {
    await show(next);
    return tell(text);
  }
  if (review.session.live && queue.whyNothing() === "prepare") return wait();
  const event = events.get(review.place);
  if (event) {
    drawEvent(event);
    turnTo("question");
  } else turnTo("waiting");
  tell(THANKS);
  at("waiting").replaceChildren(element("p", { textContent: THANKS }));
}

function wait() {
  review.place = null;
  drawWaiting();
  turnTo("waiting");
}

function drawWaiting() {
  const preparing = (review.state || {}).preparing || { state: "listing", pictures: null };
  const bar = element("progress", { max: preparing.pictures || 1, value: preparing.ready || 0 });
  const more = preparing.state === "failed" ? ""
    : preparing.can_begin ? "All events so far have an answer; others come as their pictures have been looked through."
    : "The first questions come as soon as 100 pictures, or all, have been looked through. You can close this page, or stop the program: it goes on where it was.";
  at("waiting").replaceChildren(
    element("h2", { textContent: "The pictures are being prepared" }), ...(preparing.state === "failed" ? [] : [bar]),
    element("p", { textContent: live.preparingText(preparing) }), element("p", { textContent: more }));
}

// What the server says by itself touches neither the event on the screen nor what is being typed.
function heard(state, before) {
  if (review.view !== "walls" && review.view !== "wall") drawProgress(state.saved);
  if (review.view === "waiting" && review.place === null) {
    drawWaiting();
    if (state.preparing.can_begin) working(() => goToNext(state.saved));
  } else if (before && before.model.number !== state.model.number && review.view === "question" && !review.busy) {
    queue.prepare().catch(() => {});
  }
}

// ---------------------------------------------------------------- answering

function saveChosen() {
  const made = answer.made();
  return made ? save(made) : tell("Choose a species, or 0 for empty, N for not sure.");
}

async function save(given) {
  if (review.place === null) return;
  const event = events.get(review.place);
  const content = {
    id: newId(), event_id: event.event_id, seconds: Math.round((performance.now() - began) / 100) / 10, ...given,
    ...(event.asked ? { asked: event.asked } : {}),
  };
  await working(async () => {
    // Should the page be closed before the answer is saved, it is sent when the page is opened again.
    localStorage.setItem("camtrap-unsent", JSON.stringify({ queue: review.session.queue, ...content }));
    const saved = await send("/api/answers", content);
    localStorage.removeItem("camtrap-unsent");
    event.mine = given;
    answer.remember(given);
    drawProgress(saved);
    await goToNext(saved, `Saved: ${words(given)}.`);
    if (review.session.live) live.look();
  });
}

async function undo() {
  await working(async () => {
    const { undone, place, saved } = await send("/api/undo", { id: newId() });
    drawProgress(saved);
    if (!undone) return tell("There is nothing to undo.");
    if (review.session.live) live.look();
    if (undone.events > 1) return tookBackWall(undone);
    if (place === null) return tell(`Took back ${words(undone)} of ${undone.event_id}, which is not in this list.`);
    events.delete(place);
    await show(place);
    answer.begin(undone);
    tell(`Took back: ${words(undone)}.`);
  });
}

async function tookBackWall(undone) {
  walls.forget();
  for (const [place, event] of events) if (event.mine && event.mine.bulk) events.delete(place);
  if (review.view === "wall" && !(await walls.reopen())) await toWalls();
  else if (review.view === "walls") await walls.drawWalls();
  tell(`Took back ${words(undone)} of all ${number(undone.events)} events of the wall.`);
}

async function mark(change) {
  if (review.place === null) return;
  const event = events.get(review.place);
  try {
    Object.assign(event, await send("/api/mark", { id: newId(), event_id: event.event_id, ...change }));
    tell("note" in change ? "The note is saved." : event.favourite ? "A favourite." : "No favourite any more.");
  } catch (error) {
    warn(`Not saved: ${error.message}`);
  }
  if (events.get(review.place) === event && document.activeElement !== at("note")) drawMarks(event);
}

const toggleFavourite = () => mark({ favourite: at("favourite").getAttribute("aria-pressed") !== "true" });

at("note").addEventListener("change", () => mark({ note: at("note").value.trim() }));

// ---------------------------------------------------------------- other views

async function toWalls() {
  turnTo("walls");
  await walls.drawWalls();
}

async function toWall(wanted) {
  turnTo("wall");
  if (await walls.openWall(wanted)) return;
  await toWalls();
  tell("Nothing is left of this wall.");
}

async function acceptWall() {
  const accepted = await walls.accept();
  if (!accepted) return;
  for (const [place, event] of events) if (!event.mine) events.delete(place);
  drawProgress(accepted.saved);
  live.look();
  if (!(await walls.reopen())) await toWalls();
  tell(accepted.text);
}

async function toList() {
  turnTo("list");
  await list.drawList(goTo);
}

const goTo = (place) => working(async () => { events.delete(place); await show(place); });

// Back to the event that was on the screen, with what was chosen for it, or to the next one.
function toQuestion() {
  const event = events.get(review.place);
  return event && !event.mine ? turnTo("question") : goToNext({ next: null });
}

async function step(by) {
  const next = await queue.neighbour(by);
  if (next === null) return tell(by < 0 ? "This is the first event." : "This is the last event.");
  return show(next);
}

// ---------------------------------------------------------------- keys and buttons

const ACTIONS = {
  Enter: saveChosen,
  0: () => save({ verdict: "empty", sightings: [] }),
  n: () => save({ verdict: "unsure", sightings: [] }),
  d: answer.same,
  Backspace: undo,
  PageUp: () => working(() => step(-1)),
  PageDown: () => working(() => step(1)),
  ArrowLeft: () => { picture.stop(); picture.go(review.frame - 1); },
  ArrowRight: () => { picture.stop(); picture.go(review.frame + 1); },
  ArrowUp: () => answer.currentStep(-1),
  ArrowDown: () => answer.currentStep(1),
  "+": () => answer.count(1),
  "-": () => answer.count(-1),
  x: answer.none,
  p: picture.play,
  z: () => picture.zoomStep(),
  l: picture.brighten,
  g: () => working(showResults),
  " ": () => at("search").focus(),
  "/": () => at("search").focus(),
  "?": () => at("help-box").showModal(),
};
const LIVE = {
  w: () => working(toWalls),
  o: () => working(toList),
  b: picture.toggleBoxes,
  f: toggleFavourite,
  t: () => at("note").focus(),
};
const OTHERS = { g: ACTIONS.g, "?": ACTIONS["?"], Backspace: undo, Escape: () => working(toQuestion), w: LIVE.w, o: LIVE.o };
const VIEWS = {
  waiting: { ...OTHERS, Escape: null },
  walls: OTHERS,
  list: { ...OTHERS, Backspace: null },
  wall: {
    ...OTHERS, Escape: () => working(toWalls), Enter: () => working(acceptWall), " ": walls.toggleFocused, x: walls.toggleFocused,
    z: walls.enlarge, b: picture.toggleBoxes,
    ...Object.fromEntries(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => [key, () => walls.moveTo(key)])),
  },
};

const PANS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const nameOf = (event) => (event.key.length === 1 ? event.key.toLowerCase() : event.key);

// What a key press means, or nothing. Digits by their place on the keyboard: with Shift they are numbers.
function meaning(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") return undo;
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
  if (review.view !== "question") return elsewhere(event, digit);
  if (digit && event.shiftKey) return () => answer.count(0, (Number(digit[1]) + 9) % 10);
  if (event.shiftKey && event.key in PANS) return () => picture.pan(...PANS[event.key]);
  if (digit && digit[1] > 0 && digit[1] < 6) {
    const guess = answer.suggestion(digit[1] - 1);
    return guess ? () => answer.choose(guess) : null;
  }
  const key = nameOf(event);
  if (key in answer.keys) return () => answer.tick(answer.keys[key]);
  return ACTIONS[key] || null;
}

function elsewhere(event, digit) {
  if (review.view === "walls" && digit && digit[1] > 0) {
    const wanted = walls.nthWall(digit[1] - 1);
    return wanted ? () => working(() => toWall(wanted)) : null;
  }
  return VIEWS[review.view][nameOf(event)] || null;
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

// Keys in a field that is no search: only those that leave it.
function fieldKey(event) {
  if (event.key !== "Escape" && (event.key !== "Enter" || event.target.closest("form"))) return;
  event.preventDefault();
  event.target.blur();
}

const isField = (node) => node.matches("input:not([type=checkbox]), select, textarea");
// Enter and Space press a button that the keyboard is on, but the tiles of a wall.
const presses = (event) => (event.key === "Enter" || event.key === " ") && event.target.closest("button") && !event.target.closest("#tiles");

document.addEventListener("keydown", (event) => {
  if (event.isComposing || document.querySelector("dialog[open]")) return;
  if (review.busy) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || /^F\d/.test(event.key) || (isField(event.target) && event.target !== at("search"))) return;
    event.preventDefault();
    waiting.push(event);
  } else if (event.target === at("search")) {
    if (searchKey(event.key)) event.preventDefault();
  } else if (isField(event.target)) {
    fieldKey(event);
  } else if (!presses(event)) {
    const action = meaning(event);
    if (!action) return;
    event.preventDefault();
    action();
  }
});

const BUTTONS = {
  undo, save: saveChosen, empty: ACTIONS[0], unsure: ACTIONS.n, same: ACTIONS.d, previous: ACTIONS.PageUp, next: ACTIONS.PageDown,
  earlier: ACTIONS.ArrowLeft, later: ACTIONS.ArrowRight, play: picture.play, zoom: ACTIONS.z, light: picture.brighten,
  help: ACTIONS["?"], results: ACTIONS.g, boxes: picture.toggleBoxes, favourite: toggleFavourite,
  "to-question": () => working(toQuestion), "to-walls": LIVE.w, "to-list": LIVE.o,
  accept: () => working(acceptWall), "leave-wall": () => working(toWalls),
  finish: live.showFinish, "finish-go": live.startFinish,
};

// ---------------------------------------------------------------- the beginning

// Sends what the page could not send before it was closed; true where there was something.
async function resend() {
  const unsent = JSON.parse(localStorage.getItem("camtrap-unsent") || "null");
  if (!unsent || unsent.queue !== review.session.queue) return false;
  await send("/api/answers", unsent);
  localStorage.removeItem("camtrap-unsent");
  review.session = await ask("/api/session");
  return true;
}

function startLive() {
  document.body.classList.add("learns");
  Object.assign(ACTIONS, LIVE);
  for (const part of document.querySelectorAll(".live")) part.hidden = false;
  at("walls").addEventListener("open-wall", (event) => working(() => toWall(event.detail)));
  at("wall-above").addEventListener("change", () => { at("wall-above").blur(); working(() => toWall(walls.shown())); });
  list.listenToFilters(goTo);
}

function showBoxes() {
  ACTIONS.b = picture.toggleBoxes;
  for (const part of document.querySelectorAll(".boxed")) part.hidden = false;
}

async function start() {
  review.session = await ask("/api/session");
  const resent = await resend();
  if (review.session.live) startLive();
  else if (review.session.boxes) showBoxes();
  answer.assignKeys(new Set(Object.keys(ACTIONS)));
  const letters = Object.keys(answer.keys).map((key) => element("kbd", { textContent: key.toUpperCase() }));
  at("help-attributes").append(...letters);
  at("who").textContent = review.session.reviewer;
  at("who").title = `answers go to ${review.session.file}`;
  for (const [id, action] of Object.entries(BUTTONS)) press(at(id), action);
  drawProgress(review.session);
  if (review.session.live) await startLearning();
  else await startQueue();
  if (resent) tell("An answer that had not been saved is saved now.");
  goOn();
}

async function startQueue() {
  await show(review.session.next === null ? 0 : review.session.next);
  if (review.session.next === null) tell(THANKS);
}

async function startLearning() {
  wait();
  await live.listen(heard);
  if (review.state && review.state.preparing.can_begin) await goToNext(review.state.saved);
}

start().catch((error) => warn(`The review cannot begin: ${error.message}`));
