// Which event comes next: the one after it in a queue that was ordered once, or, in a review that
// learns, what the server asks. What is on the screen never changes by itself.
import { events, review } from "./page.js";
import { ask, pictureOf, query } from "./server.js";

const AHEAD = 3; // events whose pictures are loaded before they are shown
const PAGE = 12; // events asked for at once
const SKIPPED = 100; // events passed over that are not asked again for now

const loaded = new Map(); // place -> pictures kept ready
const trail = []; // places that were on the screen
let spot = -1;
let upcoming = []; // places of questions that are ready
let left = null; // where there are none, why
let asked = 0; // requests for questions; only the latest counts

const learns = () => review.session.live;
// Whether an event is known here, and without an answer; what a wall may have answered is forgotten.
const isOpen = (place) => events.has(place) && !events.get(place).mine;

export const whyNothing = () => left;

export async function ready(place) {
  if (!events.has(place)) {
    const which = learns() ? `places=${place}` : `start=${place}&count=${PAGE}`;
    for (const event of (await ask(`/api/events?${which}`)).events) events.set(event.place, event);
  }
  return events.get(place);
}

function load(place) {
  if (loaded.has(place)) return;
  loaded.set(place, events.get(place).frames.map((_, frame) => {
    const picture = new Image();
    picture.src = pictureOf(place, frame);
    return picture;
  }));
}

// Loads the pictures of what will be shown next, and lets go of others.
export async function prepare() {
  if (learns()) await refill();
  else for (let next = review.place; next <= Math.min(review.place + AHEAD, review.session.total - 1); next++) await ready(next);
  const wanted = learns() ? [review.place, ...upcoming]
    : [...Array(AHEAD + 2).keys()].map((step) => review.place - 1 + step);
  for (const kept of loaded.keys()) if (!wanted.includes(kept)) loaded.delete(kept);
  for (const place of wanted) if (events.has(place)) load(place);
}

async function refill() {
  const request = ++asked;
  const passed = trail.filter(isOpen).slice(-SKIPPED);
  const skip = [...new Set([review.place, ...passed])].filter((place) => place !== null);
  let found = await ask(`/api/next?${query({ count: AHEAD, skip: skip.join(",") })}`);
  if (!found.questions.length && found.left === "nothing" && passed.length) {
    found = await ask(`/api/next?${query({ count: AHEAD, skip: review.place ?? "" })}`);
  }
  if (request !== asked) return;
  const open = found.questions.filter(({ place }) => place !== review.place && !(events.get(place) || {}).mine);
  for (const event of open) events.set(event.place, event);
  upcoming = open.map(({ place }) => place);
  left = open.length ? null : found.left || "nothing";
}

// The place to go to after an answer; null: there is none now.
export async function following(saved) {
  if (!learns()) return saved.next;
  upcoming = upcoming.filter((place) => place !== review.place && isOpen(place));
  if (!upcoming.length) await refill();
  return upcoming.length ? upcoming.shift() : null;
}

export function visited(place) {
  if (trail[spot] === place) return;
  trail.splice(spot + 1);
  trail.push(place);
  spot = trail.length - 1;
}

// The place before or after the one on the screen; null where there is none.
export async function neighbour(by) {
  if (!learns()) {
    const next = review.place + by;
    return next < 0 || next >= review.session.total ? null : next;
  }
  if (trail[spot + by] !== undefined) {
    spot += by;
    return trail[spot];
  }
  return by < 0 ? null : following(null);
}
