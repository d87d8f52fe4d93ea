// Pages that fetch their own part again when the server says that something moved: the room's screen, the console.
// "moved" when it did, "beat" every few seconds when it did not. Clocks go on in the server's time between the parts.
"use strict";
(() => {
  const body = document.body;
  let seen = null;
  let ahead = 0;
  const pad = (number) => String(Math.floor(number)).padStart(2, "0");
  const read = () => {
    const part = document.querySelector("[data-server-now]:not(#heartbeat)");
    if (part) ahead = Number(part.dataset.serverNow) - Date.now();
  };
  const tick = () => {
    const now = Date.now() + ahead;
    for (const clock of document.querySelectorAll("[data-ends-at]")) {
      const left = Math.max(0, (Number(clock.dataset.endsAt) - now) / 1000);
      const hours = Math.floor(left / 3600);
      clock.textContent = `${hours ? `${hours}:` : ""}${pad((left % 3600) / 60)}:${pad(left % 60)}`;
      clock.classList.toggle("urgent", left < 60);
    }
    for (const clock of document.querySelectorAll("[data-clock]")) {
      clock.textContent = new Date(now).toISOString().slice(11, 19);
    }
  };
  // However long the server was away, the page is back at most five seconds after it.
  htmx.config.wsReconnectDelay = (tried) => Math.random() * Math.min(5000, 1000 * 2 ** tried);
  body.addEventListener("htmx:afterSwap", () => {
    read();
    tick();
  });
  body.addEventListener("htmx:wsAfterMessage", () => {
    const mark = document.getElementById("head").dataset.seq;
    htmx.trigger(body, mark === seen ? "beat" : "moved");
    seen = mark;
  });
  // Signed out, or the address was revoked: the page itself says so.
  body.addEventListener("htmx:wsClose", (event) => {
    if (event.detail.event.code === 4401) location.reload();
  });
  read();
  tick();
  setInterval(tick, 500);
})();
