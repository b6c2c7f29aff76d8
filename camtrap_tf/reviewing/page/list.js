// Looking events up: filters, orders, pages.
import { at, counted, element, number, percent, plain } from "./page.js";
import { ask, query } from "./server.js";
import { drawTile } from "./walls.js";

const PAGE = 50;
let start = 0;
let asked = 0;
let timer = null;

function wanted() {
  const values = Object.fromEntries(new FormData(at("filters")));
  for (const bound of ["above", "below"]) if (values[bound]) values[bound] = Number(values[bound]) / 100;
  return values;
}

export async function drawList(open) {
  const request = ++asked;
  const found = await ask(`/api/listing?${query({ ...wanted(), start, count: PAGE })}`);
  if (request !== asked) return;
  options("answer", Object.entries(found.answers).map(([name, events]) => [name, `${plain(name)} (${number(events)})`]));
  options("site", found.sites.map((site) => [site, site]));
  at("found").textContent = found.total ? `${counted(found.total, "event")}.` : "No event is like that.";
  at("rows").replaceChildren(...found.events.map((row) => drawRow(row, open)));
  at("page-back").disabled = start === 0;
  at("page-on").disabled = start + PAGE >= found.total;
  at("page-told").textContent = found.total ? `${number(start + 1)}–${number(Math.min(start + PAGE, found.total))}` : "";
}

const GIVERS = { people: "✓", bulk: "✓ on a wall" };

function drawRow(row, open) {
  const item = drawTile({ ...row, confidence: null }, () => open(row.place));
  const name = row.answer === null ? "no answer" : plain(row.answer);
  const by = GIVERS[row.by] || (row.by === "model" && row.confidence !== null ? percent(row.confidence) : "");
  item.firstChild.prepend(element("span", { className: "heading" },
    element("b", { textContent: `${row.favourite ? "★ " : ""}${name}` }), element("span", { textContent: by })));
  if (row.note) item.firstChild.append(element("span", { className: "caption", textContent: `“${row.note}”` }));
  return item;
}

// The choices of a list, its own choice kept.
function options(name, values) {
  const list = at("filters").elements[name];
  const before = list.value;
  list.replaceChildren(element("option", { value: "", textContent: "any" }), ...values.map(([value, textContent]) => element("option", { value, textContent })));
  list.value = values.some(([value]) => value === before) ? before : "";
}

export function listenToFilters(open) {
  at("filter-box").open = innerWidth > 760; // on a phone they would fill the screen
  const again = () => { start = 0; drawList(open); };
  at("filters").addEventListener("submit", (event) => event.preventDefault());
  at("filters").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(again, 250); });
  at("filters").addEventListener("reset", () => setTimeout(again));
  at("page-back").addEventListener("click", () => { start = Math.max(0, start - PAGE); drawList(open); });
  at("page-on").addEventListener("click", () => { start += PAGE; drawList(open); });
}
