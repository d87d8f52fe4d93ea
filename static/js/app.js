// What every page does beyond HTML: local times, clocks, the theme, the live connection and its fragments, toasts.
// Every form and link works without it.
"use strict";
(() => {
  const body = document.body;
  const byId = (id) => document.getElementById(id);
  const pad = (number) => String(number).padStart(2, "0");
  const announce = (name, detail) => htmx.trigger(body, name, detail);

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

  // Clocks count in the server's time: what it was when it spoke last, carried on by how long that is ago.
  let serverAhead = 0;
  let frozen = null; // a replay's own moment, in ms
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
    const now = frozen ?? Date.now() + serverAhead;
    for (const clock of document.querySelectorAll("[data-ends-at]")) {
      const left = (Number(clock.dataset.endsAt) - now) / 1000;
      clock.textContent = remaining(left);
      clock.classList.toggle("urgent", left < 60);
    }
    for (const clock of document.querySelectorAll("[data-clock]")) {
      clock.textContent = `${new Date(now).toISOString().slice(11, 19)} UTC`;
    }
    for (const bar of document.querySelectorAll("progress[data-from]")) {
      const [from, to] = [Number(bar.dataset.from), Number(bar.dataset.to)];
      bar.value = Math.min(1000, Math.max(0, (1000 * (now - from)) / (to - from)));
    }
    showConnection(now);
  }

  // Light, dark, or as the system: without a reload, which would lose what is being typed.
  const theme = byId("theme");
  theme.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = theme.querySelector("button");
    const wanted = button.value;
    const next = { light: "dark", dark: "", "": "light" }[wanted];
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `theme=${wanted}; path=/; max-age=${wanted ? 31536000 : 0}; samesite=lax${secure}`;
    if (wanted) document.documentElement.dataset.theme = wanted;
    else delete document.documentElement.dataset.theme;
    document.querySelector("meta[name=color-scheme]").content = wanted || "dark light";
    button.value = next;
    button.title = `Theme: ${wanted || "as the system"}`;
    button.children[0].textContent = { light: "☀", dark: "☾", "": "◐" }[wanted];
    button.children[1].textContent = `Theme: ${wanted || "as the system"}; change`;
    announce("theme-changed");
  });

  // Toasts: what happened while the reader looked elsewhere.
  const toasts = document.createElement("div");
  toasts.id = "toasts";
  toasts.setAttribute("role", "status");
  toasts.setAttribute("aria-live", "polite");
  body.append(toasts);
  function toast(kind, text) {
    const line = document.createElement("p");
    line.className = `notice ${kind}`;
    const close = document.createElement("button");
    close.className = "plain";
    close.textContent = "×";
    close.setAttribute("aria-label", "Dismiss");
    close.addEventListener("click", () => line.remove());
    line.append(text, close);
    toasts.append(line);
    while (toasts.children.length > 5) toasts.firstElementChild.remove();
    setTimeout(() => line.remove(), kind === "bad" ? 15000 : 7000);
  }
  function moveFlash() {
    // Where the page must not move, what the server answered is shown like everything else that happens.
    if (!body.classList.contains("floor")) return;
    for (const line of [...document.querySelectorAll("#flash > .notice")]) {
      toast(line.classList.contains("bad") ? "bad" : "good", line.textContent);
      line.remove();
    }
  }

  function refresh(root) {
    showLocal(root);
    readServerTime(root);
    tickClocks();
    moveFlash();
  }

  // What does not go with the kind of order is hidden: what was chosen there before must not be sent along.
  body.addEventListener("change", ({ target }) => {
    const fields = target.form && target.form.elements;
    if (target.name === "order_type" && target.value === "market") {
      for (const name of ["price", "time_in_force", "expires_at"]) if (fields[name]) fields[name].value = "";
      if (fields.post_only) fields.post_only.checked = false;
    }
    if (target.name === "time_in_force" && target.value !== "gtd" && fields.expires_at) fields.expires_at.value = "";
  });

  // A link to something folded unfolds it.
  body.addEventListener("click", (event) => {
    const link = event.target.closest("[data-opens]");
    if (link) byId(link.dataset.opens).open = true;
  });

  // Legs of the new-session form: one more row.
  body.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-row]");
    if (!button) return;
    const rows = byId(button.dataset.addRow);
    const row = rows.lastElementChild.cloneNode(true);
    for (const input of row.querySelectorAll("input")) input.value = "";
    rows.append(row);
    row.querySelector("input").focus();
  });

  // The connection. Each message holds fragments; those that this page doesn't show are dropped.
  const connection = byId("connection");
  let isOpen = false;
  let seenSeq = byId("head") ? Number(byId("head").dataset.seq) : 0;
  let seenTick = 0;
  let heardAt = 0;
  function showConnection(now) {
    if (!connection || !isOpen) return;
    const prices = byId("prices");
    const isOver = byId("status") && !["created", "active", "halted"].includes(byId("status").dataset.status);
    const at = !isOver && prices && Number(prices.dataset.at);
    const age = at ? Math.max(0, Math.round((now - at) / 1000)) : 0;
    const silent = Date.now() - heardAt > 12000;
    connection.dataset.state = silent ? "lost" : age > 60 && byId("status").dataset.status === "active" ? "stale" : "live";
    connection.textContent = silent ? "silent" : at ? `live, price ${age < 100 ? `${age} s` : remaining(age)} old` : "live";
  }
  const say = (state, text) => {
    if (!connection) return;
    connection.dataset.state = state;
    connection.textContent = text;
  };

  // A page says from which event on it knows nothing, so that nothing is missed, however long it was away.
  htmx.createWebSocket = (url) => {
    const address = new URL(url);
    const head = byId("head");
    if (head) address.searchParams.set("seq", head.dataset.seq);
    return new WebSocket(address);
  };

  // A form whose answer is under way stays until it is here: htmx loses an answer whose form has gone meanwhile.
  let wasSkipped = false;
  const isTaken = (part) => {
    const here = part.id && byId(part.id);
    const isWaiting = here && here.querySelector(".htmx-request") !== null;
    wasSkipped = wasSkipped || isWaiting;
    return here && !isWaiting;
  };
  body.addEventListener("htmx:afterRequest", () => {
    if (wasSkipped) announce("market-resync");
    wasSkipped = false;
  });
  htmx.defineExtension("present", {
    transformResponse(text, xhr) {
      if (!text.includes("hx-swap-oob")) return text;
      const page = new DOMParser().parseFromString(`<body><template>${text}</template>`, "text/html");
      const parts = page.querySelector("template").content;
      for (const part of [...parts.children]) {
        if (xhr ? part.hasAttribute("hx-swap-oob") && !byId(part.id) : !isTaken(part)) part.remove();
      }
      return [...parts.children].map((part) => part.outerHTML).join("");
    },
  });

  // However long the server was away, pages are back at most five seconds after it; not all at one moment.
  htmx.config.wsReconnectDelay = (tried) => Math.random() * Math.min(5000, 1000 * 2 ** tried);
  body.addEventListener("htmx:wsOpen", () => {
    if (heardAt) announce("market-reconnected");
    isOpen = true;
    heardAt = Date.now();
    showConnection(Date.now() + serverAhead);
  });
  body.addEventListener("htmx:wsClose", (event) => {
    isOpen = false;
    const code = event.detail.event.code;
    if (code === 4401 || code === 4403 || code === 4404) {
      say("lost", { 4401: "signed out", 4403: "you were removed", 4404: "session deleted" }[code]);
      return;
    }
    say("lost", "reconnecting");
    // The extension itself reconnects after a network fault only.
    if (![1006, 1011, 1012, 1013].includes(code)) {
      setTimeout(() => event.detail.socketWrapper.reconnect(), 1000 + Math.random() * 1000);
    }
  });

  // A fragment replaces the one before it: where the reader was in that one is kept: scrolling, focus, a row of input.
  const places = new Map();
  let focused = "";
  let editing = null;
  const scrollerOf = (part) => (part.matches(".scroll, .prices") ? part : part.querySelector(".scroll"));
  body.addEventListener("htmx:oobBeforeSwap", (event) => {
    const part = event.detail.target;
    const scroller = scrollerOf(part);
    if (scroller && part.id) places.set(part.id, [scroller.scrollTop, scroller.scrollLeft]);
    if (part.contains(document.activeElement)) focused = document.activeElement.id;
    editing = part.querySelector("tr.editing") || editing;
  });
  body.addEventListener("htmx:oobAfterSwap", () => {
    for (const [id, place] of places) {
      const part = byId(id);
      const scroller = part && scrollerOf(part);
      if (scroller) [scroller.scrollTop, scroller.scrollLeft] = place;
    }
    places.clear();
    const row = editing && byId(editing.id);
    if (row && row !== editing) {
      if (row.querySelector(".actions a")) row.replaceWith(editing); // still open: the reader goes on typing
      else toast("news", "The order that you were replacing is no longer open.");
    }
    editing = null;
    const again = focused && byId(focused);
    if (again) again.focus({ preventScroll: true });
    focused = "";
  });
  body.addEventListener("htmx:beforeSwap", (event) => {
    const form = event.detail.requestConfig && event.detail.requestConfig.elt;
    if (form && form.id === "replace-form" && event.detail.xhr.status < 300) form.closest("tr").classList.remove("editing");
  });

  const numbers = (element, name) => (element && element.dataset[name] ? JSON.parse(element.dataset[name]) : []);
  function hear() {
    const head = byId("head");
    const own = byId("own");
    const seq = head ? Number(head.dataset.seq) : 0;
    const ticks = numbers(head, "ticks").filter((tick) => tick[0] > seenTick);
    const trades = numbers(head, "trades").filter((trade) => trade[0] > seenSeq);
    const fills = numbers(own, "fills").filter((fill) => fill[0] > seenSeq);
    for (const [at, kind, text] of [...numbers(head, "told"), ...numbers(own, "told")]) {
      if (at > seenSeq) toast(kind, text);
    }
    if (ticks.length) seenTick = ticks[ticks.length - 1][0];
    if (own) delete own.dataset.told;
    if (ticks.length || trades.length || fills.length) announce("market-news", { ticks, trades, fills });
    if (ticks.length) announce("market-tick");
    if (seq > seenSeq) announce("market-changed");
    seenSeq = Math.max(seenSeq, seq);
  }
  body.addEventListener("htmx:wsAfterMessage", (event) => {
    heardAt = Date.now();
    if (event.detail.message.includes('id="status"')) announce("market-status");
    readServerTime(document);
    hear();
    tickClocks();
  });

  // What went wrong without a page of its own.
  const flash = (text) => {
    const line = document.createElement("p");
    line.className = "notice bad";
    line.setAttribute("role", "alert");
    line.textContent = text;
    byId("flash").replaceChildren(line);
    moveFlash();
  };
  body.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    const texts = {
      401: "You are signed out: nothing was done. Reload the page to sign in.",
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

  refresh(document);
  setInterval(tickClocks, 1000);
  body.addEventListener("htmx:load", (event) => refresh(event.detail.elt));
  window.Market = {
    toast,
    hear,
    now: () => frozen ?? Date.now() + serverAhead,
    freeze: (ms) => {
      frozen = ms;
      tickClocks();
    },
    rewind: (seq) => {
      seenSeq = seq;
      seenTick = 0;
    },
  };
})();
