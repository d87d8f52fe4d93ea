// The replay's player: asks for one moment after the other and swaps the terminal's own fragments in.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const player = byId("player");
  const [slider, field, speed, play] = [byId("player-slider"), byId("player-t"), byId("player-speed"), byId("play")];
  const length = Number(player.dataset.length) - 1; // moments come in µs, and are shown in ms
  const FRAME_MS = 250;
  let isPlaying = false;
  let at = Number(byId("player-at").dataset.ms);
  let wanted = null; // the newest seek that waits for an answer
  let isAsking = false;

  const seconds = (ms) => (ms / 1000).toFixed(3);
  const look = () => {
    const { asset, quote } = byId("chart-panel").dataset;
    return `asset=${encodeURIComponent(asset)}&quote_asset=${encodeURIComponent(quote)}`;
  };
  const ask = (query) => htmx.ajax("GET", `${player.dataset.url}?${look()}&${query}`, { source: slider, swap: "none" });
  function arrived() {
    const here = byId("player-at").dataset;
    at = Number(here.ms);
    slider.value = at;
    if (document.activeElement !== field) field.value = seconds(at);
    const panel = byId("chart-panel"); // should the chart ask anew, then as of this moment
    panel.dataset.url = panel.dataset.url.replace(/until=\d+/, `until=${here.at}`);
    Market.freeze(Number(here.at) / 1000);
  }

  // On: what the step brings goes to the chart and the toasts.
  async function step(ms) {
    const before = at;
    await ask(`t=${seconds(ms)}&was=${seconds(before)}`);
    arrived();
    Market.hear();
  }
  // To any other moment: the chart begins anew.
  async function seek(query) {
    wanted = query;
    if (isAsking) return;
    isAsking = true;
    while (wanted) {
      const now = wanted;
      wanted = null;
      await ask(now);
      arrived();
      Market.rewind(Number(byId("player-at").dataset.seq));
      htmx.trigger(document.body, "market-reconnected");
    }
    isAsking = false;
  }

  function show() {
    play.textContent = isPlaying ? "❚❚ Pause" : at >= length ? "↺ Again" : "▶ Play";
  }
  async function run() {
    let last = performance.now();
    while (isPlaying) {
      await new Promise((done) => setTimeout(done, FRAME_MS));
      const now = performance.now();
      if (!isPlaying) break;
      await step(Math.min(length + 1, at + (now - last) * Number(speed.value)));
      last = now;
      if (at >= length) isPlaying = false;
    }
    show();
  }
  async function toggle() {
    isPlaying = !isPlaying;
    if (isPlaying && at >= length) await seek("t=0");
    show();
    if (isPlaying) run();
  }
  const pause = () => {
    isPlaying = false;
    show();
  };

  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => {
    pause();
    const to = Number(slider.value); // its steps may end before the end
    seek(`t=${seconds(to > length - Number(slider.step) ? length + 1 : to)}`);
  });
  player.addEventListener("submit", (event) => {
    event.preventDefault();
    pause();
    seek(`t=${encodeURIComponent(field.value)}`);
  });
  const stepTo = (link) => link && (pause(), seek(`at=${link.dataset.seq}`));
  player.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-seq]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    stepTo(link);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, button, a")) return;
    if (event.key === " ") toggle();
    else if (event.key === "ArrowRight") stepTo(byId("step-on"));
    else if (event.key === "ArrowLeft") stepTo(byId("step-back"));
    else return;
    event.preventDefault();
  });
  Market.freeze(Number(byId("player-at").dataset.at) / 1000);
  show();
})();
