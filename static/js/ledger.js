// The ledger: a slider through its events, and the chain followed before one's eyes. The forms do both without scripts.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const [slider, at, travel] = [byId("travel-slider"), byId("travel-at"), byId("travel")];

  // The slider and the number are one thing.
  slider.addEventListener("input", () => (at.value = slider.value));
  at.addEventListener("input", () => (slider.value = at.value));
  document.body.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-at]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    slider.value = at.value = link.dataset.at;
    htmx.trigger(travel, "submit");
    byId("past-title").scrollIntoView({ block: "nearest" });
  });
  document.body.addEventListener("market-changed", () => {
    const atEnd = slider.value === slider.max;
    slider.max = byId("head").dataset.seq;
    if (atEnd && !at.value) slider.value = slider.max;
  });

  // Follow the chain stretch by stretch, then have the server fold everything and compare.
  const form = byId("verify");
  const [bar, text, hash] = [byId("following-bar"), byId("following-text"), byId("following-hash")];
  const stop = (why) => {
    const line = document.createElement("p");
    line.className = "proof bad";
    line.setAttribute("role", "alert");
    line.textContent = why;
    byId("verdict").replaceChildren(line);
  };
  async function follow() {
    let [after, digest] = [0, ""];
    for (;;) {
      const answer = await fetch(`${form.dataset.links}?after=${after}&hash=${digest}`);
      const found = await answer.json();
      if (!answer.ok) return stop(found.detail);
      bar.max = found.head;
      bar.value = found.seq;
      text.textContent = `${found.seq} of ${found.head} events`;
      hash.textContent = found.hash;
      if (found.broken) text.textContent += `: event ${found.broken} does not fit`;
      if (found.broken || found.seq >= found.head || found.seq === after) break;
      [after, digest] = [found.seq, found.hash];
    }
    htmx.trigger(form, "chain-followed");
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    byId("verdict").replaceChildren();
    byId("following").hidden = false;
    try {
      await follow();
    } catch {
      stop("The server cannot be reached. Try again.");
    }
    button.disabled = false;
  });
})();
