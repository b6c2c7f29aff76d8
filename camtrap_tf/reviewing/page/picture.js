// The pictures of the event on the screen: which one, how large, how bright.
import { at, element, events, press, review } from "./page.js";
import { pictureOf } from "./server.js";

const PLAY_MS = 450;
const STEPS = [1, 2.5, 6]; // of the key and the button
const LARGEST = 16;

let player = null;
let light = 0;
let boxes = true;
const seen = { scale: 1, x: 0, y: 0 }; // the layer's transform, in pixels of the view

// ---------------------------------------------------------------- which picture

export function drawStrip(event) {
  at("strip").replaceChildren(...event.frames.map((one, index) => {
    const button = element("button", { type: "button", title: one.name },
      element("img", { src: pictureOf(review.place, index), alt: "" }),
      element("span", { textContent: index + 1 }));
    button.setAttribute("aria-label", `picture ${index + 1} of ${event.frames.length}`);
    button.classList.toggle("failed", one.failure !== null);
    press(button, () => { stop(); go(index); });
    return element("li", {}, button);
  }));
}

export function go(index) {
  const count = events.get(review.place).frames.length;
  review.frame = (index + count) % count;
  drawFrame();
}

export function drawFrame() {
  const event = events.get(review.place);
  const one = event.frames[review.frame];
  at("unshown").hidden = true;
  at("picture").hidden = false;
  at("picture").src = pictureOf(review.place, review.frame);
  at("view").setAttribute("aria-label", `picture ${review.frame + 1} of ${event.frames.length}: ${one.name}`);
  [...at("strip").children].forEach((item, index) => {
    item.firstChild.setAttribute("aria-current", index === review.frame);
    if (index === review.frame) at("strip").scrollLeft = Math.max(0, item.offsetLeft - at("strip").clientWidth / 2);
  });
  const parts = [event.site && `site ${event.site}`, event.datetime, one.name];
  if (event.people) parts.push(event.people);
  if (one.failure) parts.push(`the model could not read it: ${one.failure}`);
  at("where").textContent = parts.filter(Boolean).join("  ·  ");
  drawBoxes();
}

at("picture").addEventListener("load", () => drawBoxes());
new ResizeObserver(() => { move(0, 0); drawBoxes(); }).observe(at("view"));

at("picture").addEventListener("error", async () => {
  const url = at("picture").getAttribute("src");
  let reason = "it is damaged, or no picture";
  try {
    const response = await fetch(url);
    if (!response.ok) reason = await response.text();
  } catch { reason = "the server does not answer"; }
  if (url !== at("picture").getAttribute("src")) return;
  const known = events.get(review.place).frames[review.frame].failure;
  at("picture").hidden = true;
  at("drawn").replaceChildren();
  at("unshown").textContent = `This picture cannot be shown: ${known || reason}.`;
  at("unshown").hidden = false;
});

export function play() {
  if (player) return stop();
  player = setInterval(() => go(review.frame + 1), PLAY_MS);
  at("play").setAttribute("aria-pressed", true);
}

export function stop() {
  clearInterval(player);
  player = null;
  at("play").setAttribute("aria-pressed", false);
}

// ---------------------------------------------------------------- what is seen of it

// Where a picture lies that is fitted into a box: left, top, width, height, in pixels.
export function fitted(picture, width, height) {
  const share = Math.min(width / picture.naturalWidth, height / picture.naturalHeight);
  const [wide, high] = [picture.naturalWidth * share, picture.naturalHeight * share];
  return [(width - wide) / 2, (height - high) / 2, wide, high];
}

export function placeBox(node, box, [left, top, width, height]) {
  Object.assign(node.style, {
    left: `${left + box[0] * width}px`, top: `${top + box[1] * height}px`,
    width: `${box[2] * width}px`, height: `${box[3] * height}px`,
  });
}

function drawBoxes() {
  const event = events.get(review.place);
  const frame = event && event.frames[review.frame];
  const there = boxes && frame && at("picture").naturalWidth > 0 && !at("picture").hidden;
  const one = frame && frame.box ? [{ sides: frame.box, name: null }] : [];
  at("drawn").replaceChildren(...(there ? frame.boxes || one : []).map(({ sides, name }) => {
    const node = element("div", {}, ...(name ? [element("span", { textContent: name })] : []));
    placeBox(node, sides, fitted(at("picture"), at("view").clientWidth, at("view").clientHeight));
    return node;
  }));
}

export function toggleBoxes() {
  boxes = !boxes;
  at("boxes").setAttribute("aria-pressed", boxes);
  document.body.classList.toggle("without-boxes", !boxes);
  drawBoxes();
}

export function brighten() {
  light = (light + 1) % 3;
  at("picture").style.filter = light ? `url(#light-${light})` : "";
  at("light").setAttribute("aria-pressed", light > 0);
}

// ---------------------------------------------------------------- zoom

function apply() {
  at("layer").style.transform = `translate(${seen.x}px, ${seen.y}px) scale(${seen.scale})`;
  at("layer").style.setProperty("--scale", seen.scale);
  at("view").classList.toggle("zoomed", seen.scale > 1);
  at("zoom").setAttribute("aria-pressed", seen.scale > 1);
}

// By pixels; the picture's layer never leaves the view.
function move(x, y) {
  const inside = (value, side) => Math.min(0, Math.max(side * (1 - seen.scale), value));
  seen.x = inside(seen.x + x, at("view").clientWidth);
  seen.y = inside(seen.y + y, at("view").clientHeight);
  apply();
}

// To a scale; the point (x, y) of the view, in pixels, stays where it is.
function zoomAt(scale, x, y) {
  const next = Math.min(LARGEST, Math.max(1, scale));
  seen.x = x - ((x - seen.x) * next) / seen.scale;
  seen.y = y - ((y - seen.y) * next) / seen.scale;
  seen.scale = next;
  move(0, 0);
}

export function unzoom() {
  zoomAt(1, 0, 0);
}

export function zoomStep(x = at("view").clientWidth / 2, y = at("view").clientHeight / 2) {
  zoomAt(STEPS.find((step) => step > seen.scale + 0.01) || 1, x, y);
}

export function pan(x, y) {
  move(-x * at("view").clientWidth * 0.3, -y * at("view").clientHeight * 0.3);
}

function inView(event) {
  const box = at("view").getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

const touching = new Map(); // pointer -> where it was last

at("view").addEventListener("dblclick", (event) => zoomStep(...inView(event)));
at("view").addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 20 : 1; // pixels of a line, where the wheel counts lines
  zoomAt(seen.scale * Math.exp(-event.deltaY * lines * 0.002), ...inView(event));
}, { passive: false });
at("view").addEventListener("pointerdown", (event) => {
  touching.set(event.pointerId, inView(event));
  if (seen.scale > 1) at("view").setPointerCapture(event.pointerId);
});
for (const kind of ["pointerup", "pointercancel"]) {
  at("view").addEventListener(kind, (event) => touching.delete(event.pointerId));
}
at("view").addEventListener("pointerleave", (event) => touching.delete(event.pointerId));
at("view").addEventListener("pointermove", (event) => {
  if (!touching.has(event.pointerId)) return;
  const [before, after] = [touching.get(event.pointerId), inView(event)];
  touching.set(event.pointerId, after);
  if (touching.size === 1) return move(after[0] - before[0], after[1] - before[1]);
  const other = [...touching].find(([pointer]) => pointer !== event.pointerId)[1];
  const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1]);
  zoomAt((seen.scale * apart(after)) / Math.max(1, apart(before)), ...other);
});
