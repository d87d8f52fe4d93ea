// The chart of the book that is looked at: candles or a line, from the oracle or from trades; own fills and orders.
// The server's own picture stands there until this has drawn.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const terminal = byId("terminal");
  if (!terminal || !window.LightweightCharts) return;
  const { createChart, createSeriesMarkers, CandlestickSeries, LineSeries, HistogramSeries } = LightweightCharts;
  const legs = JSON.parse(terminal.dataset.legs);
  const priceDecimals = Number(terminal.dataset.priceDecimals);
  const priceScale = 10 ** priceDecimals;
  const quantityScale = 10 ** Number(terminal.dataset.quantityDecimals);
  const kept = { source: "ticks", kind: "candles", interval: "" };
  let drawn = null;

  // The stylesheet's colours, as the theme resolves them.
  function colour(name) {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  }
  const faint = (text) => text.replace(/^rgb\((.*)\)$/, "rgba($1, 0.35)");

  class Picture {
    constructor(panel) {
      this.panel = panel;
      this.leg = legs.indexOf(panel.dataset.asset);
      this.quote = panel.dataset.quote === "CASH" ? -1 : legs.indexOf(panel.dataset.quote);
      this.isOver = false;
      this.lines = [];
      this.candles = [];
      this.fills = [];
      this.load();
    }

    get fromTrades() {
      return byId("chart-source").value === "trades";
    }

    async load() {
      const query = `source=${byId("chart-source").value}&interval=${byId("chart-interval").value}`;
      let data;
      try {
        const answer = await fetch(`${this.panel.dataset.url}&${query}`);
        if (!answer.ok) return;
        data = await answer.json();
      } catch {
        return; // offline: the next connection asks again
      }
      if (this.isOver) return;
      this.interval = data.interval;
      this.fills = data.fills;
      this.candles = data.candles.map(([time, open, high, low, close, volume]) => ({ time, open, high, low, close, volume }));
      this.draw();
    }

    draw() {
      const place = byId("chart");
      if (!this.candles.length) {
        this.clear();
        place.replaceChildren();
        const text = document.createElement("p");
        text.className = "empty";
        text.textContent = this.fromTrades ? "No trades in this book yet." : "No prices yet. The chart begins with the first one.";
        place.append(text);
        return;
      }
      this.clear();
      const inner = document.createElement("div");
      inner.className = "drawn";
      place.replaceChildren(inner);
      this.chart = createChart(inner, this.options());
      this.addSeries();
      this.chart.subscribeCrosshairMove((at) => this.tell(at.seriesData && at.seriesData.get(this.series)));
      this.fit(inner);
      this.tell();
      this.mark();
      this.showOrders();
    }

    // All of it, as soon as there is room: on a phone the chart is made before it is looked at.
    fit(inner) {
      const fitted = new ResizeObserver(() => {
        if (!inner.clientWidth) return;
        fitted.disconnect();
        requestAnimationFrame(() => inner.isConnected && this.chart.timeScale().fitContent());
      });
      fitted.observe(inner);
    }

    options() {
      const line = colour("line");
      return {
        autoSize: true,
        layout: { background: { color: "transparent" }, textColor: colour("dim"), fontFamily: "Roboto Mono", fontSize: 11, attributionLogo: false },
        grid: { vertLines: { color: line }, horzLines: { color: line } },
        timeScale: { timeVisible: true, secondsVisible: true, borderColor: line, rightOffsetPixels: 34, minBarSpacing: 2 },
        rightPriceScale: { borderColor: line, scaleMargins: { top: 0.08, bottom: this.fromTrades ? 0.2 : 0.06 } },
        crosshair: { mode: 0 },
        localization: { priceFormatter: (price) => price.toFixed(priceDecimals) },
      };
    }

    addSeries() {
      const [up, down] = [colour("green"), colour("red")];
      const shared = { lastValueVisible: false, priceLineVisible: false, priceFormat: { type: "price", precision: priceDecimals, minMove: 1 / priceScale } };
      this.isLine = byId("chart-kind").value === "line";
      this.series = this.isLine
        ? this.chart.addSeries(LineSeries, { ...shared, color: colour("blue"), lineWidth: 2 })
        : this.chart.addSeries(CandlestickSeries, { ...shared, upColor: "transparent", borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down });
      this.series.setData(this.candles.map((candle) => this.point(candle)));
      this.volume = null;
      if (this.fromTrades) {
        this.volume = this.chart.addSeries(HistogramSeries, { priceScaleId: "", priceFormat: { type: "volume" }, lastValueVisible: false, priceLineVisible: false });
        this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.85, bottom: 0 } });
        this.volume.setData(this.candles.map((candle) => this.bar(candle)));
      }
      this.markers = createSeriesMarkers(this.series, []);
      this.now = this.series.createPriceLine({ price: 0, lineWidth: 1, lineStyle: 1 });
      this.lines = [];
    }

    point(candle) {
      const { time } = candle;
      if (this.isLine) return { time, value: candle.close / priceScale };
      const [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close].map((price) => price / priceScale);
      return { time, open, high, low, close };
    }

    bar(candle) {
      const name = candle.close >= candle.open ? "green" : "red";
      return { time: candle.time, value: candle.volume / quantityScale, color: faint(colour(name)) };
    }

    // Live: what the socket said.
    hear({ ticks, trades, fills }) {
      const mine = (row) => row[2] === this.leg && row[3] === this.quote;
      this.fills.push(...fills.filter((fill) => mine(fill) && !this.fills.some((known) => known[0] === fill[0])));
      const points = this.fromTrades
        ? trades.filter(mine).map((row) => [row[1], row[4], row[5]])
        : ticks.map(([, at, prices]) => [at, prices[this.leg], 0]).filter((point) => point[1] !== null);
      if (!this.chart) {
        if (points.length) this.load();
        return;
      }
      for (const point of points) this.add(...point);
      if (fills.some(mine)) this.mark();
    }

    add(at, price, volume) {
      const seconds = Math.floor(at / 1000);
      const time = seconds - (seconds % this.interval);
      const last = this.candles[this.candles.length - 1];
      if (time < last.time) return;
      const candle = time === last.time ? last : { time, open: price, high: price, low: price, close: price, volume: 0 };
      if (candle !== last) this.candles.push(candle);
      candle.high = Math.max(candle.high, price);
      candle.low = Math.min(candle.low, price);
      candle.close = price;
      candle.volume += volume;
      this.series.update(this.point(candle));
      if (this.volume) this.volume.update(this.bar(candle));
      this.tell();
    }

    // Own fills: arrows at their candle, with their quantity.
    mark() {
      if (!this.chart) return;
      const first = this.candles[0].time;
      const times = this.candles.map((candle) => candle.time);
      const marks = [];
      for (const [, at, , , , quantity, side] of this.fills) {
        const time = times.findLast((each) => each <= at / 1000);
        if (time === undefined || time < first) continue;
        const bought = side >= 0;
        marks.push({ time, position: bought ? "belowBar" : "aboveBar", shape: bought ? "arrowUp" : "arrowDown", color: colour(bought ? "green" : "red"), text: `${bought ? "B" : "S"} ${quantity / quantityScale}` });
      }
      this.markers.setMarkers(marks.sort((one, other) => one.time - other.time));
    }

    // Own open orders of this book, each a line at its price.
    showOrders() {
      if (!this.chart) return;
      for (const line of this.lines) this.series.removePriceLine(line);
      this.lines = [];
      for (const row of document.querySelectorAll("#orders tr.open, #orders tr.partially_filled")) {
        if (row.dataset.asset !== this.panel.dataset.asset || row.dataset.quote !== this.panel.dataset.quote) continue;
        const isBuy = row.dataset.side === "bid";
        this.lines.push(this.series.createPriceLine({ price: Number(row.dataset.price) / priceScale, color: colour(isBuy ? "green" : "red"), lineWidth: 1, lineStyle: 2, axisLabelVisible: false, title: isBuy ? "my bid" : "my ask" }));
      }
    }

    tell(point) {
      const last = this.candles[this.candles.length - 1];
      const shown = point && point.close !== undefined ? point : null;
      const [open, high, low, close] = shown
        ? [shown.open, shown.high, shown.low, shown.close]
        : [last.open, last.high, last.low, last.close].map((price) => price / priceScale);
      const text = (price) => price.toFixed(priceDecimals);
      byId("chart-text").textContent = `O ${text(open)}  H ${text(high)}  L ${text(low)}  C ${text(close)}`;
      this.now.applyOptions({ price: last.close / priceScale, color: colour(last.close >= last.open ? "green" : "red") });
      const place = byId("chart");
      place.setAttribute("role", "img");
      place.setAttribute("aria-label", `${this.panel.dataset.asset}, last ${text(last.close / priceScale)}; ${this.fills.length} fills of mine`);
    }

    clear() {
      if (this.chart) this.chart.remove();
      this.chart = null;
    }

    end() {
      this.isOver = true;
      this.clear();
    }
  }

  function start() {
    const panel = byId("chart-panel");
    if (!panel || (drawn && drawn.panel === panel)) return;
    if (drawn) drawn.end();
    for (const name of ["source", "kind", "interval"]) {
      const field = byId(`chart-${name}`);
      if ([...field.options].some((option) => option.value === kept[name])) field.value = kept[name];
    }
    drawn = new Picture(panel);
  }

  const body = document.body;
  body.addEventListener("change", (event) => {
    const name = (event.target.id || "").replace("chart-", "");
    if (!(name in kept) || !event.target.id.startsWith("chart-")) return;
    kept[name] = event.target.value;
    if (name === "kind") drawn.draw();
    else drawn.load();
  });
  body.addEventListener("market-news", (event) => drawn.hear(event.detail));
  body.addEventListener("market-reconnected", () => drawn.load());
  body.addEventListener("htmx:oobAfterSwap", () => start());
  body.addEventListener("orders-changed", () => drawn.showOrders());
  body.addEventListener("theme-changed", () => drawn.chart && drawn.draw());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.chart && drawn.draw());
  start();
})();
