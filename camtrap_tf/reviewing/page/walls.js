// Many events at once: a wall of tiles of which those that do not belong are clicked away.
import { at, counted, element, newId, number, percent, plain, press, review, tell } from "./page.js";
import { fitted, placeBox } from "./picture.js";
import { ask, pictureOf, query, send } from "./server.js";

const TILES = 40;
const ROOM = 1.8; // of what a tile shows, in sides of the box
const GLANCE_MS = 600;
const LEAST = 0.3; // of the picture that a tile shows

let wall = null; // what /api/wall answered
let began = 0;
let watcher = null;
const glances = new WeakMap(); // tile -> the timer after which it counts as seen
const away = new Set(); // events that do not belong
const unseen = new Set();
const passed = new Set(); // events that were clicked away on walls that are done

export const isOpen = () => wall !== null;

// ---------------------------------------------------------------- which walls there are

export async function drawWalls() {
  wall = null;
  const { walls } = await ask("/api/walls");
  const nothing = element("li", { textContent: "There is no wall now: answer events one by one, as many as come up." });
  at("wall-list").replaceChildren(...(walls.length ? walls.map(drawWall) : [nothing]));
  return walls;
}

function drawWall(one, index, all) {
  const name = one.kind === "name" ? plain(one.name) : `look alike${one.name ? `, perhaps ${plain(one.name)}` : ""}`;
  const key = all.slice(0, index + 1).filter(({ open }) => open).length;
  const sure = one.kind === "name" ? `, ${number(one.sure)} of them sure` : "";
  const button = element("button", { type: "button", disabled: !one.open },
    ...(one.open && key <= 9 ? [element("kbd", { textContent: key })] : []),
    element("b", { textContent: name }), element("span", { textContent: counted(one.events, "event") + sure }));
  button.dataset.wall = one.wall;
  button.dataset.above = one.sure ? "" : 0; // where it is sure of none: all of them
  press(button, () => at("walls").dispatchEvent(new CustomEvent("open-wall", { detail: button.dataset })));
  const why = one.closed_because ? [element("p", { textContent: `Closed: ${one.closed_because}.` })] : [];
  return element("li", {}, button, ...why);
}

export const nthWall = (index) => (at("wall-list").querySelectorAll("button:enabled")[index] || { dataset: null }).dataset;

// ---------------------------------------------------------------- one wall

// Shows a wall, of events of some confidence; false where nothing is left of it.
export async function openWall({ wall: name, above }) {
  const found = await ask(`/api/wall?${query({ wall: name, count: TILES, above })}`);
  const tiles = found.tiles.filter((tile) => !passed.has(tile.event_id));
  if (!tiles.length) return false;
  wall = { ...found, tiles, total: found.total - found.tiles.length + tiles.length };
  at("wall-above").value = above;
  at("wall-from").hidden = !name.startsWith("name:");
  began = performance.now();
  away.clear();
  unseen.clear();
  for (const tile of wall.tiles) unseen.add(tile.event_id);
  at("wall-name").value = wall.name ? plain(wall.name) : "";
  at("wall-head").textContent = wall.name ? `Are these all ${plain(wall.name)}?` : "What are these?";
  const sorted = wall.total > wall.tiles.length ? `${wall.tiles.length} of ${counted(wall.total, "event")}` : counted(wall.total, "event");
  at("wall-note").textContent = `${sorted}, the least sure first. Click those that do not belong: they will be asked one by one.`;
  drawTiles();
  drawAccept();
  return true;
}

export const shown = () => ({ wall: wall.wall, above: at("wall-above").value });
export const reopen = () => openWall(shown());

function drawTiles() {
  if (watcher) watcher.disconnect();
  watcher = new IntersectionObserver(look, { threshold: 0.6 });
  at("tiles").replaceChildren(...wall.tiles.map((tile) => drawTile(tile, toggle)));
  for (const item of at("tiles").children) watcher.observe(item.firstChild);
  at("tiles").scrollTop = 0;
  at("tiles").firstChild.firstChild.focus({ preventScroll: true });
}

// A tile counts as seen when most of it was on the screen for a while with its picture, or where
// that cannot be shown. A key that is pressed twice accepts nothing that came up in between.
function look(entries) {
  for (const { isIntersecting, target } of entries) {
    clearTimeout(glances.get(target));
    if (isIntersecting) glances.set(target, setTimeout(() => see(target), GLANCE_MS));
  }
}

function see(tile) {
  const picture = tile.querySelector("img");
  if (picture && !picture.complete) {
    for (const kind of ["load", "error"]) picture.addEventListener(kind, () => see(tile), { once: true });
  } else if (unseen.delete(tile.dataset.event)) drawAccept();
}

export function drawTile(tile, action) {
  const picture = element("img", { alt: "" });
  const box = element("i", { hidden: true });
  picture.addEventListener("load", () => crop(picture, box, tile.box));
  picture.addEventListener("error", () => sayWhy(picture));
  picture.src = pictureOf(tile.place, tile.best);
  const said = [tile.confidence === null ? "" : percent(tile.confidence),
    (tile.datetime || "").slice(0, 16), tile.site, tile.frames > 1 ? `${tile.frames} pictures` : ""].filter(Boolean);
  const part = element("span", { className: "part" }, picture, box);
  new ResizeObserver(() => { if (picture.naturalWidth) crop(picture, box, tile.box); }).observe(part);
  const button = element("button", { type: "button" },
    part,
    element("span", { className: "caption", textContent: said.join(" · ") }));
  button.dataset.event = tile.event_id;
  button.title = [tile.event_id, ...said].join("\n");
  press(button, () => action(button, tile));
  return element("li", {}, button);
}

// Says, in place of a picture that cannot be shown, why that is.
async function sayWhy(picture) {
  const note = element("span", { className: "none", textContent: "cannot be shown" });
  picture.replaceWith(note);
  const response = await fetch(picture.src);
  if (!response.ok) note.textContent = await response.text();
}

// Shows the part of a picture around its box.
function crop(picture, box, found) {
  const room = picture.parentElement;
  if (!room) return; // a note stands in its place
  const [wide, high] = [room.clientWidth, room.clientHeight];
  const [left, top, width, height] = fitted(picture, wide, high);
  const side = found ? Math.min(1, Math.max(LEAST, ROOM * Math.max((found[2] * width) / wide, (found[3] * height) / high))) : 1;
  const scale = 1 / side;
  const centre = found ? [left + (found[0] + found[2] / 2) * width, top + (found[1] + found[3] / 2) * height] : [wide / 2, high / 2];
  const shift = (middle, length) => Math.min(0, Math.max(length * (1 - scale), length / 2 - middle * scale));
  const place = [shift(centre[0], wide) + left * scale, shift(centre[1], high) + top * scale, width * scale, height * scale];
  placeBox(picture, [0, 0, 1, 1], place);
  box.hidden = !found;
  if (found) placeBox(box, found, place);
}

function toggle(button) {
  const event = button.dataset.event;
  if (!away.delete(event)) away.add(event);
  button.setAttribute("aria-pressed", away.has(event));
  button.classList.toggle("away", away.has(event));
  drawAccept();
}

// What is accepted: a name that is known, however it is written, or a new one.
function wallName() {
  const typed = at("wall-name").value.trim();
  const known = [...review.session.species, "empty"].find((name) => plain(name).toLowerCase() === plain(typed).toLowerCase());
  return known || typed.replace(/\s+/g, "_");
}

export function drawAccept() {
  const staying = wall.tiles.length - away.size;
  const name = wallName();
  const text = unseen.size ? `${number(unseen.size)} more to be seen` : !name ? "Give them a name"
    : staying ? `Accept ${number(staying)} as ${plain(name)}` : "None is left to accept";
  at("accept").replaceChildren(`${text} `, element("kbd", { textContent: "Enter" }));
  at("accept").classList.toggle("main", !unseen.size && Boolean(name) && staying > 0);
}

// Goes on to what was not seen yet, asks for the name, or accepts; what was saved, and in words.
export async function accept() {
  if (unseen.size) {
    const next = [...at("tiles").querySelectorAll("button")].find((button) => unseen.has(button.dataset.event));
    next.scrollIntoView({ block: "start" });
    next.focus({ preventScroll: true });
    return null;
  }
  const accepted = wall.tiles.map((tile) => tile.event_id).filter((event) => !away.has(event));
  if (!wallName()) {
    at("wall-name").focus();
    return null;
  }
  if (!accepted.length) {
    tell("All were clicked away: Esc goes back, without an answer.");
    return null;
  }
  const name = wallName();
  const saved = await send("/api/walls", {
    id: newId(), wall: wall.wall, name, accepted, left: [...away], model: wall.model, threshold: wall.threshold,
    seconds: Math.round((performance.now() - began) / 100) / 10,
  });
  for (const event of away) passed.add(event);
  const skipped = (saved.skipped || []).length;
  const also = skipped ? `; ${skipped} had an answer meanwhile` : "";
  return { saved, text: `Accepted ${counted(saved.accepted, "event")} as ${plain(name)}${also}. Undo takes back all of them.` };
}

// What was clicked away may come up on walls again.
export const forget = () => passed.clear();

// Moves to another tile.
export function moveTo(key) {
  const buttons = [...at("tiles").querySelectorAll("button")];
  const now = Math.max(0, buttons.indexOf(document.activeElement));
  const across = buttons.filter((button) => button.offsetTop === buttons[0].offsetTop).length;
  const next = now + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[key];
  const target = buttons[Math.min(buttons.length - 1, Math.max(0, next))];
  target.focus();
  target.scrollIntoView({ block: "nearest" });
}

const focused = () => wall.tiles.find((tile) => tile.event_id === document.activeElement.dataset.event);

export function toggleFocused() {
  if (focused()) toggle(document.activeElement);
}

export function enlarge() {
  const tile = focused();
  if (!tile) return;
  at("large").src = pictureOf(tile.place, tile.best);
  at("large-box").showModal();
}

at("wall-name").addEventListener("input", drawAccept);
