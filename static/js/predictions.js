// The page of one question: the curve of its probability, prices that fill the ticket, keys. All of it works without.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const body = document.body;

  // What was typed in UTC, in the reader's own time
  function tellYours(field) {
    const place = document.querySelector(`[data-yours="${field.name}"]`);
    const moment = new Date(`${field.value}Z`);
    if (!place) return;
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    place.textContent = field.value && !Number.isNaN(moment.getTime()) ? `That is ${moment.toLocaleString()} in your zone, ${zone}.` : "";
  }
  for (const field of document.querySelectorAll("[data-utc]")) {
    tellYours(field);
    field.addEventListener("input", () => tellYours(field));
  }

  // The curve

  const panel = byId("chart-panel");
  let chart = null;
  let series = null;
  let newest = 0;
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }
  function draw(points) {
    if (chart) chart.remove();
    chart = null;
    if (!points.length) return;
    const place = document.createElement("div");
    place.className = "drawn";
    byId("chart").replaceChildren(place);
    const [line, green] = [colour("line"), colour("green")];
    chart = LightweightCharts.createChart(place, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: colour("dim"), fontFamily: "Roboto Mono", fontSize: 11, attributionLogo: false },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      timeScale: { timeVisible: true, secondsVisible: true, borderColor: line, rightOffset: 2 },
      rightPriceScale: { borderColor: line, autoScale: false, scaleMargins: { top: 0.02, bottom: 0.02 } },
      localization: { priceFormatter: (price) => `${Math.round(price)} %` },
    });
    series = chart.addSeries(LightweightCharts.AreaSeries, {
      lineType: LightweightCharts.LineType.WithSteps,
      lineColor: green,
      topColor: green.replace(/^rgb\((.*)\)$/, "rgba($1, 0.25)"),
      bottomColor: "transparent",
      lineWidth: 2,
      priceFormat: { type: "price", precision: 0, minMove: 1 },
      autoscaleInfoProvider: () => ({ priceRange: { minValue: 0, maxValue: 100 } }),
    });
    chart.priceScale("right").applyOptions({ autoScale: true });
    series.setData(points.map(([time, value]) => ({ time, value })));
    chart.timeScale().fitContent();
    newest = points[points.length - 1][0];
    tell(points[points.length - 1][1], points.length);
  }
  function tell(last) {
    byId("chart-text").textContent = `last ${last} %`;
    byId("chart").setAttribute("role", "img");
    byId("chart").setAttribute("aria-label", `Probability of YES, last ${last} percent`);
  }
  async function load() {
    if (!panel || !window.LightweightCharts) return;
    try {
      const answer = await fetch(panel.dataset.url);
      if (answer.ok) draw((await answer.json()).points);
    } catch {
      return; // offline: the server's picture stands there
    }
  }
  // New rows of the tape are new points; the tape has the newest first.
  function follow() {
    if (!panel) return;
    const rows = [...document.querySelectorAll("#tape tr[data-at]")].reverse();
    if (!chart) {
      if (rows.length) load();
      return;
    }
    for (const row of rows) {
      const time = Math.floor(Number(row.dataset.at) / 1000);
      if (time < newest) continue;
      series.update({ time, value: Number(row.dataset.price) });
      newest = time;
      tell(row.dataset.price);
    }
  }

  // The ticket

  const ticket = () => byId("ticket");
  function fill(link) {
    if (!byId("order-size")) return;
    byId(link.dataset.outcome === "NO" ? "outcome-no" : "outcome-yes").checked = true;
    byId("order-action").value = "buy";
    byId("order-type").value = "limit";
    byId("order-price").value = link.dataset.fillPrice;
    if (!byId("order-size").value) byId("order-size").value = link.dataset.fillSize;
    byId("order-size").focus();
    byId("order-size").select();
    htmx.trigger("#estimate", "ticket-filled");
  }
  body.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-fill-price]");
    if (link && byId("order-size")) {
      event.preventDefault();
      fill(link);
    }
    if (event.target.closest("#replace-keep")) {
      event.preventDefault();
      event.target.closest("tr").classList.remove("editing");
      htmx.trigger(body, "market-resync");
    }
  });
  const focus = (id) => {
    const field = byId(id);
    if (!field) return;
    field.focus();
    if (field.select) field.select();
  };
  const choose = (outcome) => {
    const field = byId(`outcome-${outcome}`);
    if (!field) return;
    field.checked = true;
    focus("order-size");
  };
  const KEYS = {
    y: () => choose("yes"),
    n: () => choose("no"),
    p: () => focus("order-price"),
    x: () => focus("cancel-all"),
    "/": () => focus("find"),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea");
    if (event.key === "Escape" && typing) event.target.blur();
    if (typing || !KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
  });

  // Live: the market's feed says that something happened; the page then fetches what it shows, at most thrice a second.

  const connection = byId("connection");
  const head = () => Number((byId("head") || { dataset: { seq: "0" } }).dataset.seq);
  const PAUSE_MS = 330;
  const SILENT_MS = 12000;
  let heardAt = 0;
  let askedAt = 0;
  let planned = 0;
  let tries = 0;
  const say = (state, text) => {
    connection.dataset.state = state;
    connection.textContent = text;
  };
  function fetchNews() {
    if (planned) return;
    planned = setTimeout(() => {
      planned = 0;
      askedAt = Date.now();
      htmx.trigger(body, "market-resync");
    }, Math.max(0, askedAt + PAUSE_MS - Date.now()));
  }
  function connect() {
    const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}${connection.dataset.socket}`);
    socket.addEventListener("message", (event) => {
      const { type, seq } = JSON.parse(event.data);
      heardAt = Date.now();
      tries = 0;
      say("live", "live");
      if (type !== "heartbeat" && seq > head()) fetchNews();
    });
    socket.addEventListener("close", (event) => {
      if (event.code === 4401 || event.code === 4404) {
        say("lost", event.code === 4401 ? "signed out" : "exchange deleted");
        return;
      }
      say("lost", "reconnecting");
      tries += 1;
      setTimeout(connect, Math.min(15000, 500 * 2 ** tries) * (0.5 + Math.random()));
    });
  }
  if (connection && connection.dataset.socket) {
    connect();
    setInterval(() => connection.dataset.state === "live" && Date.now() - heardAt > SILENT_MS && say("lost", "silent"), 1000);
  }

  // Own fills are told, wherever the reader looks.
  const filledNow = () => new Map([...document.querySelectorAll("#orders tr[data-filled]")].map((row) => [row.dataset.number, row]));
  let filled = filledNow();
  function tellFills() {
    const now = filledNow();
    for (const [number, row] of now) {
      const before = filled.get(number);
      const more = before ? Number(row.dataset.filled) - Number(before.dataset.filled) : 0;
      if (more > 0) Market.toast("good", `${row.dataset.told}: ${more} filled.`);
    }
    filled = now;
  }

  body.addEventListener("htmx:oobAfterSwap", (event) => {
    const { id } = event.detail.target;
    if (id === "tape") follow();
    if (id === "orders") tellFills();
    if (id === "ticket") focus(byId("confirm") ? "confirm" : ticket().querySelector(".notice") ? "order-size" : "");
  });
  body.addEventListener("theme-changed", load);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", load);
  load();
})();
