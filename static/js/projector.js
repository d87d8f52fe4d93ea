// The clock of the room's screen, carried on from the server's time between the fragments that bring the rest.
"use strict";
(() => {
  let ahead = 0;
  const pad = (number) => String(Math.floor(number)).padStart(2, "0");
  const read = () => {
    const mark = document.querySelector("[data-server-now]");
    if (mark) ahead = Number(mark.dataset.serverNow) - Date.now();
  };
  const tick = () => {
    for (const clock of document.querySelectorAll("[data-ends-at]")) {
      const left = Math.max(0, (Number(clock.dataset.endsAt) - Date.now() - ahead) / 1000);
      const hours = Math.floor(left / 3600);
      clock.textContent = `${hours ? `${hours}:` : ""}${pad((left % 3600) / 60)}:${pad(left % 60)}`;
      clock.classList.toggle("urgent", left < 60);
    }
  };
  document.body.addEventListener("htmx:afterSwap", () => { read(); tick(); });
  read();
  tick();
  setInterval(tick, 500);
})();
