// What pages do beyond HTML: local times, the session clock, the connection's state, and which fragments a page takes.
// Every form and link works without it.
"use strict";
(() => {
  const body = document.body;
  const pad = (number) => String(number).padStart(2, "0");

  // Times: the server writes UTC; the reader's own time stands beside it or in the tooltip.
  function showLocal(root) {
    for (const time of root.querySelectorAll("time[datetime]:not([data-shown])")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      time.dataset.shown = "";
      time.title = `${moment.toLocaleString()} your time`;
      if ("local" in time.dataset && moment.getTimezoneOffset()) {
        time.append(` (${pad(moment.getHours())}:${pad(moment.getMinutes())} yours)`);
      }
    }
  }

  // The clock: the server's time when the page was made, carried on by how long the page has been running.
  let serverAhead = 0;
  function readServerTime(root) {
    const mark = root.matches && root.matches("[data-server-now]") ? root : root.querySelector("[data-server-now]");
    if (mark) serverAhead = Number(mark.dataset.serverNow) - Date.now();
  }
  function remaining(seconds) {
    if (seconds <= 0) return "0:00";
    const days = Math.floor(seconds / 86400);
    const hours = Math.floor((seconds % 86400) / 3600);
    const rest = `${pad(Math.floor((seconds % 3600) / 60))}:${pad(Math.floor(seconds % 60))}`;
    return days ? `${days} d ${pad(hours)}:${rest}` : hours ? `${hours}:${rest}` : rest;
  }
  function tickClocks() {
    const now = Date.now() + serverAhead;
    for (const clock of document.querySelectorAll("[data-ends-at]")) {
      const left = (Number(clock.dataset.endsAt) - now) / 1000;
      clock.textContent = remaining(left);
      clock.classList.toggle("urgent", left < 60);
    }
    for (const clock of document.querySelectorAll("[data-clock]")) {
      clock.textContent = `${new Date(now).toISOString().slice(11, 19)} UTC`;
    }
  }

  function refresh(root) {
    showLocal(root);
    readServerTime(root);
    tickClocks();
  }
  refresh(document);
  setInterval(tickClocks, 1000);
  body.addEventListener("htmx:load", (event) => refresh(event.detail.elt));

  // A market order takes no price: what was typed before must not be sent along.
  body.addEventListener("change", (event) => {
    const field = event.target;
    if (field.name === "order_type" && field.value === "market" && field.form.elements.price) {
      field.form.elements.price.value = "";
    }
  });

  // Legs of the new-session form: one more row.
  body.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-row]");
    if (!button) return;
    const rows = document.getElementById(button.dataset.addRow);
    const row = rows.lastElementChild.cloneNode(true);
    for (const input of row.querySelectorAll("input")) input.value = "";
    rows.append(row);
    row.querySelector("input").focus();
  });

  // The connection. The socket's messages are fragments; those that this page doesn't show are dropped.
  const connection = document.getElementById("connection");
  const say = (state, text) => {
    if (!connection) return;
    connection.dataset.state = state;
    connection.textContent = text;
  };
  const announce = (name) => htmx.trigger(body, name);
  let wasOpen = false;
  let isOpen = false;
  let seenSeq = document.getElementById("head") ? document.getElementById("head").dataset.seq : "";

  // A form whose answer is under way stays until it is here: htmx loses an answer whose form has gone meanwhile.
  let wasSkipped = false;
  const isTaken = (part) => {
    const here = part.id && document.getElementById(part.id);
    const isWaiting = here && here.querySelector(".htmx-request") !== null;
    wasSkipped = wasSkipped || isWaiting;
    return here && !isWaiting;
  };
  body.addEventListener("htmx:afterRequest", () => {
    if (wasSkipped) announce("market-resync");
    wasSkipped = false;
  });

  htmx.defineExtension("present", {
    transformResponse(text) {
      const page = new DOMParser().parseFromString(`<body><template>${text}</template>`, "text/html");
      const parts = page.querySelector("template").content;
      for (const part of [...parts.children]) {
        if (!isTaken(part)) part.remove();
      }
      return [...parts.children].map((part) => part.outerHTML).join("");
    },
  });

  body.addEventListener("htmx:wsOpen", () => {
    isOpen = true;
    say("live", "live");
    if (wasOpen) announce("market-resync");
    wasOpen = true;
  });
  body.addEventListener("htmx:wsClose", (event) => {
    isOpen = false;
    const code = event.detail.event.code;
    if (code === 4401 || code === 4403 || code === 4404) {
      say("lost", "signed out");
      return;
    }
    say("lost", "reconnecting");
    // The extension itself reconnects after a network fault only.
    if (![1006, 1011, 1012, 1013].includes(code)) {
      setTimeout(() => event.detail.socketWrapper.reconnect(), 1000 + Math.random() * 1000);
    }
  });
  // A fragment replaces the one before it: where the reader was in that one, in scrolling and in focus, is kept.
  const places = new Map();
  let focused = "";
  const scrollerOf = (part) => (part.matches(".rfqs") ? part : part.querySelector(".scroll"));
  body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const part = event.detail.target;
    const scroller = scrollerOf(part);
    if (scroller && part.id) places.set(part.id, [scroller.scrollTop, scroller.scrollLeft]);
    if (part.contains(document.activeElement)) focused = document.activeElement.id;
  });
  body.addEventListener("htmx:oobAfterSwap", () => {
    for (const [id, place] of places) {
      const part = document.getElementById(id);
      const scroller = part && scrollerOf(part);
      if (scroller) [scroller.scrollTop, scroller.scrollLeft] = place;
    }
    places.clear();
    const again = focused && document.getElementById(focused);
    if (again) again.focus({ preventScroll: true });
    focused = "";
  });

  body.addEventListener("htmx:wsAfterMessage", (event) => {
    const text = event.detail.message;
    if (text.includes('id="prices"')) announce("market-tick");
    if (text.includes('id="tape"')) announce("market-trade");
    if (text.includes('id="status"')) announce("market-status");
    const head = document.getElementById("head");
    if (head && head.dataset.seq !== seenSeq) announce("market-changed");
    seenSeq = head ? head.dataset.seq : "";
    readServerTime(document);
    tickClocks();
  });
  if (connection && connection.dataset.state) {
    setInterval(() => {
      if (!isOpen && document.visibilityState === "visible") announce("market-resync");
    }, 5000);
  }

  // What went wrong without a page of its own.
  const flash = (text) => {
    const place = document.getElementById("flash");
    if (!place) return;
    const line = document.createElement("p");
    line.className = "notice bad";
    line.setAttribute("role", "alert");
    line.textContent = text;
    place.replaceChildren(line);
  };
  body.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const texts = {
      403: "You may not do this, or you are no longer signed in. Reload the page.",
      404: "This is no longer there. Reload the page.",
      429: "Too many requests. Wait a moment and try again.",
    };
    if (event.detail.requestConfig.verb !== "get") flash(texts[status] || "The server could not do this. Try again.");
  });
  body.addEventListener("htmx:sendError", (event) => {
    if (event.detail.requestConfig.verb !== "get") {
      flash("The server cannot be reached. Try again: nothing happens twice.");
    }
  });
})();
