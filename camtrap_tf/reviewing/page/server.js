// Requests to the server.
import { review, warn } from "./page.js";

const RETRY_MS = 1000;

export async function ask(path, content) {
  const options = content && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ queue: review.session.queue, ...content }),
  };
  const response = await fetch(path, options);
  if (response.ok) return response.json();
  const error = new Error(await response.text());
  error.status = response.status;
  throw error;
}

// Until it is on the disk: the server may be down, or away for a restart.
export async function send(path, content) {
  for (;;) {
    try {
      const answer = await ask(path, content);
      warn("");
      return answer;
    } catch (error) {
      if (error.status && error.status < 500) throw error;
      warn(error.status ? `Not saved: ${error.message}. Trying again.`
        : "Not saved: the server does not answer. Start camtrap review again; this page goes on by itself.");
      await new Promise((done) => setTimeout(done, RETRY_MS));
    }
  }
}

export const pictureOf = (place, frame) => `/pictures/${review.session.queue}/${place}/${frame}`;

export const query = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "" && value !== null)).toString();
