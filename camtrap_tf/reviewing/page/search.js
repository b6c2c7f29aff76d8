// The field in which any species is found by a few letters, or a new one is named.
import { at, element, plain, review } from "./page.js";
import { choose, has } from "./answer.js";

let matches = [];
let marked = 0;

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
  const known = [...review.session.species, "empty"];
  const found = known.map((name) => [rank(name), name]).filter(([order]) => order >= 0);
  const names = found.sort(([one], [other]) => one - other).map(([, name]) => name).slice(0, 8);
  return known.some((name) => flat(name) === wanted) ? names : [...names, { fresh: text.trim().replace(/\s+/g, "_") }];
}

export function search() {
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
  if (match.fresh) review.session.species.push(name);
  if (!has(name)) choose(name);
}

export function closeMatches() {
  at("search").value = "";
  matches = [];
  drawMatches();
  if (document.activeElement === at("search")) at("search").blur();
}

at("search").addEventListener("input", search);
at("search").addEventListener("blur", () => { matches = []; drawMatches(); });

// A key in the search field that is no letter; true where it meant something.
export function searchKey(key) {
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
