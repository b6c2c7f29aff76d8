// What a review that learns says of itself: preparation, the running accuracy, the way out.
import { at, counted, duration, element, number, percent, plain, review } from "./page.js";
import { ask, send } from "./server.js";
import { newId } from "./page.js";

const SOON_MS = 2000;
const LATER_MS = 10000;
let timer = null;
let heard = () => {};

// Asks again and again; `changed(state, before)` is called after each answer.
export function listen(changed) {
  heard = changed;
  return look();
}

export async function look() {
  clearTimeout(timer);
  try {
    const [before, state] = [review.state, await ask("/api/state")];
    review.state = state;
    take(state);
    heard(state, before);
  } catch { /* the server is away: the next time will show */ }
  const { preparing, model } = review.state || { preparing: { state: "running" }, model: {} };
  const soon = model.pending || !["done", "failed"].includes(preparing.state);
  timer = setTimeout(look, soon ? SOON_MS : LATER_MS);
}

function take(state) {
  for (const name of state.classes) if (!review.session.species.includes(name)) review.session.species.push(name);
  at("species").replaceChildren(...[...review.session.species, "empty"].map((name) => element("option", { value: plain(name) })));
  drawPreparing(state.preparing);
  drawAccuracy(state);
  at("to-walls").classList.toggle("worth", state.walls > 0);
}

export function preparingText(preparing) {
  if (preparing.state === "failed") return `Preparing has stopped: ${preparing.message}`;
  if (preparing.pictures === null) return "Looking for pictures …";
  const left = preparing.seconds_left === null ? "" : `, about ${duration(preparing.seconds_left)} left`;
  const bad = preparing.unreadable ? `; ${number(preparing.unreadable)} could not be read` : "";
  return `${number(preparing.ready)} of ${counted(preparing.pictures, "picture")} looked through${left}${bad}`;
}

function drawPreparing(preparing) {
  at("preparing").hidden = preparing.state === "done";
  at("prepared").hidden = preparing.state === "failed";
  at("prepared").max = preparing.pictures || 1;
  at("prepared").value = preparing.ready;
  at("preparing").lastElementChild.textContent = preparingText(preparing);
}

function drawAccuracy({ accuracy, model }) {
  const learnt = model.number ? `It has learnt from ${counted(model.answers, "answer")}${model.pending ? " and is learning" : ""}. ` : "";
  const fault = model.fault ? `It cannot learn at the moment (${model.fault}); answers are saved all the same. ` : "";
  at("accuracy").textContent = fault + learnt + accuracyText(accuracy);
  at("accuracy").classList.toggle("fault", Boolean(fault));
  at("accuracy").classList.toggle("met", Boolean(accuracy && accuracy.met));
}

export function accuracyText(found) {
  if (!found) return "How often it is right is shown after 10 random checks.";
  const now = `Right in ${percent(found.share)} (95% interval ${percent(found.low)}–${percent(found.high)}) of events, by ${number(found.drawn)} random checks.`;
  if (found.met) return `${now} The target of ${percent(found.target)} is met.`;
  return found.more ? `${now} ${counted(found.more.answers, "more answer")} should bring about ${percent(found.more.share)}.` : now;
}

// ---------------------------------------------------------------- the way out

export async function showFinish() {
  at("finish-box").showModal();
  await followFinish();
}

export async function startFinish() {
  at("finish-go").disabled = true;
  drawFinish(await send("/api/finish", { id: newId() }));
  await followFinish();
}

async function followFinish() {
  while (at("finish-box").open) {
    let found;
    try {
      found = await ask("/api/finish");
    } catch (error) {
      found = { state: "failed", message: error.message, files: [], commands: [] };
    }
    drawFinish(found);
    if (found.state !== "running") return;
    await new Promise((done) => setTimeout(done, SOON_MS));
  }
}

// A line is broken between words, and not after the two hyphens of a flag.
const words = (line) => line.split(" ").flatMap((word, number) => [number ? " " : "", element("span", { textContent: word })]);

function drawFinish(found) {
  const states = {
    none: "From all answers so far this makes a model (a bundle), its answers to all pictures, and tables that keep yours. You can go on answering, and make them again.",
    running: `Being made: ${found.step || "…"}. You can close this and go on; it continues.`,
    failed: `It did not work: ${found.message}`,
    done: "Made:",
  };
  const files = (found.files || []).map((one) => element("li", {}, element("code", { textContent: one.path }), ` ${one.what}`));
  const commands = (found.commands || []).map((line) => element("li", {}, element("code", {}, ...words(line))));
  at("finish-body").replaceChildren(element("p", { textContent: states[found.state] }), element("ul", {}, ...files),
    ...(commands.length ? [element("p", { textContent: "From here on:" }), element("ul", {}, ...commands)] : []));
  at("finish-go").disabled = found.state === "running";
  at("finish-go").textContent = found.state === "none" ? "Make them" : "Make them again";
}
