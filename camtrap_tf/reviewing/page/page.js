// What all parts of the page share: its state, small helpers, words.

export const review = {
  session: null, // what the server said once
  state: null, // what the server says again and again, of a review that learns
  view: "question",
  place: null, // of the event on the screen
  frame: 0,
  busy: true, // until the first event is shown
};
export const events = new Map(); // place -> event

export const at = (id) => document.getElementById(id);
export const plain = (name) => name.replace(/_/g, " ");
export const percent = (share) => (100 * share).toFixed(share < 0.995 && share >= 0.1 ? 0 : 1) + "%";
export const number = (value) => value.toLocaleString("en");
export const counted = (value, one) => `${number(value)} ${one}${value === 1 ? "" : "s"}`;
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

export function tell(text) {
  for (const line of document.querySelectorAll(".said")) line.textContent = text;
}

export function warn(text) {
  at("warning").textContent = text;
  at("warning").hidden = !text;
}

// A button pressed with the mouse gives the keyboard back to the page.
export function press(button, action) {
  button.addEventListener("click", (event) => {
    if (event.detail) button.blur();
    if (!review.busy) action();
  });
}

export function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "a minute";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 10 ? `${hours} h ${minutes % 60} min` : `${number(hours)} h`;
}

export function words(answer) {
  if (answer.verdict !== "animal") return answer.verdict === "unsure" ? "not sure" : "empty";
  return answer.sightings.map((one) => plain(one.species) + (one.count ? ` × ${one.count}` : "")).join(", ");
}

export function underlined(text, key) {
  const where = text.toLowerCase().indexOf(key);
  if (where < 0) return [text, element("kbd", { textContent: key.toUpperCase() })];
  return [text.slice(0, where), element("u", { textContent: text[where] }), text.slice(where + 1)];
}

export function table(heads, rows) {
  const cells = (tag, values) => element("tr", {}, ...values.map((value) => element(tag, { textContent: value })));
  return element("div", { className: "scroll" },
    element("table", {}, element("thead", {}, cells("th", heads)), element("tbody", {}, ...rows.map((row) => cells("td", row)))));
}
