// The answer to the event on the screen, while it is being made.
import { at, element, events, plain, press, percent, review, tell, underlined, words } from "./page.js";

// [{species, count, attributes: Set or null, choices: {head: class}}]; null: nothing said of them
let chosen = [];
let empty = false; // 'empty' is chosen
let current = 0;
let last = null; // what was saved last
export const keys = {}; // key -> attribute

export const isChosen = () => empty || chosen.length > 0;
export const has = (name) => (name === "empty" ? empty : chosen.some((one) => one.species === name));
export const remember = (answer) => { last = answer; };

// Shows an answer as the one that is being made; null: none.
export function begin(answer) {
  empty = answer !== null && answer.verdict === "empty";
  chosen = answer === null ? [] : answer.sightings.map(fromServer);
  current = 0;
  drawChosen();
}

function fromServer(sighting) {
  const told = Object.keys(sighting.attributes).length > 0;
  const yes = Object.entries(sighting.attributes).filter(([, value]) => value).map(([name]) => name);
  return { species: sighting.species, count: sighting.count, attributes: told ? new Set(yes) : null, choices: { ...sighting.choices } };
}

export function made() {
  if (!isChosen()) return null;
  return {
    verdict: empty ? "empty" : "animal",
    sightings: chosen.map((one) => ({
      species: one.species,
      count: one.count,
      attributes: one.attributes === null ? {}
        : Object.fromEntries(review.session.attributes.map((name) => [name, one.attributes.has(name)])),
      choices: one.choices,
    })),
  };
}

export function same() {
  if (last === null) return tell("There is no answer before this one.");
  begin(last);
  tell(`As before: ${words(last)}. Enter saves it.`);
}

// Chooses a name, or takes it back.
export function choose(name) {
  if (name === "empty") {
    empty = !empty;
    chosen = [];
    return drawChosen();
  }
  empty = false;
  const index = chosen.findIndex((one) => one.species === name);
  if (index >= 0) chosen.splice(index, 1);
  else chosen.push({ species: name, count: null, attributes: null, choices: {} });
  current = index >= 0 ? Math.max(0, Math.min(current, chosen.length - 1)) : chosen.length - 1;
  drawChosen();
}

function ofCurrent(change) {
  const one = chosen[current];
  if (!one) return tell("First choose a species.");
  change(one);
  drawChosen();
}

export const count = (step, absolute) => ofCurrent((one) => {
  const bins = review.session.counts;
  const next = absolute === undefined ? bins.indexOf(one.count) + step : absolute;
  one.count = next < 0 ? null : bins[Math.min(next, bins.length - 1)];
});

export const tick = (attribute) => ofCurrent((one) => {
  one.attributes = one.attributes || new Set();
  if (!one.attributes.delete(attribute)) one.attributes.add(attribute);
  else if (!one.attributes.size) one.attributes = null;
});

export const none = () => ofCurrent((one) => {
  one.attributes = one.attributes && !one.attributes.size ? null : new Set();
});

export function currentStep(by) {
  if (!chosen.length) return;
  current = (current + by + chosen.length) % chosen.length;
  drawChosen();
}

// ---------------------------------------------------------------- drawing

export function drawPanel(event) {
  const reasons = event.reasons.slice();
  if (event.asked && event.asked.blind) reasons.push("a random check: answered without the model’s help");
  if (event.mine) reasons.unshift(`you said: ${words(event.mine)}${event.mine.bulk ? " (on a wall)" : ""}`);
  if ((event.further || []).length) reasons.push(`probably ${event.further.join(", ")}`);
  at("reasons").replaceChildren(...reasons.map((text) => element("li", { textContent: plain(text) })));
  at("guesses-head").hidden = !event.suggestions.length;
  at("guesses").replaceChildren(...event.suggestions.map(drawGuess));
}

function drawGuess(guess, index) {
  const fill = element("span", { className: "fill" });
  fill.style.width = `${100 * guess.probability}%`;
  const button = element("button", { type: "button" }, fill,
    element("kbd", { textContent: index + 1 }),
    element("span", { className: "name", textContent: plain(guess.name) }),
    element("span", { className: "share", textContent: percent(guess.probability) }));
  button.dataset.name = guess.name;
  press(button, () => choose(guess.name));
  return element("li", {}, button);
}

export function drawChosen() {
  for (const button of at("guesses").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", has(button.dataset.name));
  }
  const nothing = element("p", { textContent: "Nothing chosen yet." });
  const shown = empty ? [drawEmpty()] : chosen.map(drawSighting);
  at("chosen").replaceChildren(...(shown.length ? shown : [nothing]));
  at("save").disabled = !isChosen();
}

function small(text, label, action) {
  const button = element("button", { type: "button", textContent: text });
  button.setAttribute("aria-label", label);
  press(button, action);
  return button;
}

function drawEmpty() {
  return element("div", { className: "sighting" }, element("div", { className: "top" },
    element("span", { className: "name", textContent: "empty: no animal" }), small("×", "remove empty", () => choose("empty"))));
}

function drawSighting(one, index) {
  const part = (text, label, action) => small(text, label, () => { current = index; action(); });
  const name = plain(one.species);
  const top = element("div", { className: "top" },
    Object.assign(part(name, `${name}: number and behaviours are of this one`, drawChosen), { className: "name", title: name }),
    part("−", `${name}: fewer`, () => count(-1)),
    element("output", { textContent: one.count === null ? "how many?" : `× ${one.count}` }),
    part("+", `${name}: more`, () => count(1)),
    part("×", `remove ${name}`, () => choose(one.species)));
  const attributes = Object.entries(keys).map(([key, attribute]) => {
    const on = Boolean(one.attributes && one.attributes.has(attribute));
    const text = attribute === review.session.young ? "young" : plain(attribute);
    const button = part("", `${name}: ${text}`, () => tick(attribute));
    button.append(...underlined(text, key));
    button.setAttribute("aria-pressed", on);
    button.classList.toggle("no", one.attributes !== null && !on);
    return button;
  });
  const box = element("div", { className: "sighting" }, top, element("div", { className: "attributes" }, ...attributes),
    ...Object.entries(review.session.choices).map(([head, names]) => drawChoice(one, head, names)));
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

// Each attribute gets the first letter of its name that is still free.
export function assignKeys(taken) {
  for (const name of review.session.attributes) {
    const shown = name === review.session.young ? "young" : name;
    const letter = [...shown.toLowerCase(), ..."abcdefghijklmnopqrstuvwxyz"].find((one) => /[a-z]/.test(one) && !taken.has(one));
    taken.add(letter);
    keys[letter || name] = name; // more behaviours than letters: the others have only a button
  }
}

export const suggestion = (index) => (events.get(review.place).suggestions[index] || {}).name;
