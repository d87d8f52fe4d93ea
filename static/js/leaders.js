// The chart of everybody's gains. The server's own picture stands there until this has drawn; after that each refresh
// of the table below adds a point.
"use strict";
(() => {
  const place = document.getElementById("gains");
  if (!place || !window.LightweightCharts) return;
  const { createChart, LineSeries } = LightweightCharts;
  const told = JSON.parse(place.dataset.curves);
  const scale = 10 ** told.decimals;
  const keys = [...document.querySelectorAll("#gains-keys li")];
  const STYLES = [0, 2, 1, 3, 4]; // solid, dashed, dotted, ...: with two colours alike they still differ
  const points = new Map(Object.entries(told.lines).map(([handle, gains]) => [handle, told.times.map((time, at) => ({ time, value: gains[at] / scale }))]));
  const series = new Map();
  let chart = null;

  const cents = (value) => (Math.trunc(value * 100) / 100).toFixed(2); // as in the table: towards zero
  const colourOf = (element, name = "color") => getComputedStyle(element)[name];
  function draw() {
    if (chart) chart.remove();
    const inner = document.createElement("div");
    inner.className = "drawn";
    place.replaceChildren(inner);
    const line = colourOf(document.querySelector(".gains"), "borderTopColor");
    chart = createChart(inner, {
      autoSize: true,
      layout: { background: { color: "transparent" }, textColor: colourOf(document.querySelector(".gains h2")), fontFamily: "Roboto Mono", fontSize: 11, attributionLogo: false },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      timeScale: { timeVisible: true, secondsVisible: true, borderColor: line, rightOffset: 2 },
      rightPriceScale: { borderColor: line },
      localization: { priceFormatter: cents },
    });
    keys.forEach((key, number) => {
      const handle = key.textContent.trim();
      const made = chart.addSeries(LineSeries, {
        color: colourOf(key),
        lineWidth: handle === told.own ? 3 : 2,
        lineStyle: STYLES[Math.floor(number / 4) % STYLES.length],
        title: place.clientWidth > 600 ? handle : "", // on a phone the legend above has to do
        priceLineVisible: false,
        priceFormat: { type: "custom", minMove: 0.01, formatter: (value) => `${value > 0 ? "+" : ""}${cents(value)}` },
      });
      made.setData(ascending(points.get(handle) || []));
      series.set(handle, made);
    });
    const first = series.values().next().value;
    if (first) first.createPriceLine({ price: 0, color: colourOf(document.querySelector(".gains h2")), lineWidth: 1, lineStyle: 2, axisLabelVisible: false });
    chart.timeScale().fitContent();
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", "P&L of each over time; the table below has the numbers of now");
  }
  // The library wants each second once.
  const ascending = (line) => line.filter((point, at) => at === line.length - 1 || point.time < line[at + 1].time);

  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id !== "leaders") return;
    const table = document.querySelector("#leaders .board");
    const status = document.getElementById("status");
    if (!table || !status || status.dataset.status === "settled") return;
    const time = Math.floor(Market.now() / 1000);
    for (const row of table.querySelectorAll("tr[data-handle]")) {
      const line = points.get(row.dataset.handle);
      if (!line || time <= line[line.length - 1].time) continue;
      line.push({ time, value: Number(row.dataset.gain) / scale });
      series.get(row.dataset.handle).update(line[line.length - 1]);
    }
  });
  document.body.addEventListener("theme-changed", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
