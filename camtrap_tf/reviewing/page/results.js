// How far people agree, and how often the model is right.
import { at, element, percent, review, table } from "./page.js";
import { accuracyText } from "./live.js";
import { ask } from "./server.js";

const paragraph = (text) => element("p", { textContent: text });

function people(found) {
  const rows = found.pairs.map((pair) => [`${pair.first} and ${pair.second}`, pair.events,
    pair.share === null ? "–" : percent(pair.share), pair.kappa === null ? "–" : pair.kappa.toFixed(2)]);
  const agreement = rows.length ? table(["agreement of", "events of both", "alike", "Cohen’s kappa"], rows)
    : paragraph("Agreement is shown when two people have answered.");
  return [table(["reviewer", "events answered"], Object.entries(found.reviewers)), agreement];
}

function decided(found) {
  const open = Object.entries(found.undecided);
  const without = open.length ? ` Undecided, they keep the model’s answer: ${open.map(([why, n]) => `${n} (${why})`).join("; ")}.` : "";
  return paragraph(`Decided: ${found.decided} events.${without}`);
}

function accuracy(scored) {
  if (!scored) return paragraph("How often the model is right is estimated from events drawn at random: camtrap review --only=random.");
  const undecided = scored.undecided ? ` ${scored.undecided} more were undecided.` : "";
  return paragraph(`Of ${scored.events} events drawn at random the model answered ${scored.right} as people do: ${percent(scored.right / scored.events)} (95% interval ${percent(scored.interval[0])} to ${percent(scored.interval[1])}).${undecided}`);
}

export async function showResults() {
  const found = await ask("/api/results");
  const right = review.session.live ? paragraph(accuracyText(found.accuracy_live)) : accuracy(found.accuracy);
  at("results-body").replaceChildren(...people(found), decided(found), right);
  at("results-box").showModal();
}
